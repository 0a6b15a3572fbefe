"""What a sort may keep in memory, and where the rest goes: encrypted, into a folder of this node alone."""

from __future__ import annotations

import contextlib
import importlib.resources
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.sql import quote_literal
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import make_folders

if TYPE_CHECKING:
    import duckdb

_SPILL, _COUNTED = Path("scratch", "release"), Path("scratch", "counted")
_EXTENSION = "httpfs"
_MOST_BYTES = 320 << 20
"""Of memory that a session takes before it spills: what is sealed meanwhile needs as much again."""


@contextlib.contextmanager
def spill_folder(settings: Settings) -> Iterator[Path]:
    """A folder (0700) for the rows that DuckDB spills while it sorts; it outlives no scan but a killed one.

    The next scan removes what that one left, whose key is gone with it.
    """
    folder = settings.home / _SPILL
    with disk_errors(folder):
        _remove(folder)
        make_folders(folder)
    try:
        yield folder
    finally:
        _remove(folder)


@contextlib.contextmanager
def private_folder(settings: Settings) -> Iterator[Path]:
    """The same for numbers that are counted, which may be while somebody else releases."""
    base = settings.home / _COUNTED
    with disk_errors(base):
        make_folders(base)
        folder = Path(tempfile.mkdtemp(dir=base))
    try:
        yield folder
    finally:
        _remove(folder)


def spill_into(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Bound the memory of a session, encrypt what it spills by a key in memory, and leave it nowhere else.

    The ciphers and random numbers are OpenSSL's. DuckDB has them in this extension only; its own cipher
    takes longer than the sort, and its own random numbers are not meant for keys.
    """
    version = _one(con, "SELECT library_version FROM pragma_version()")
    extensions = importlib.resources.files(f"duckdb_extension_{_EXTENSION}") / "extensions"
    extension = Path(str(extensions / version / f"{_EXTENSION}.duckdb_extension"))
    con.execute(f"LOAD {quote_literal(extension.as_posix())}")
    con.execute("SET temp_file_encryption = true")
    con.execute(f"SET temp_directory = {quote_literal(folder.as_posix())}")
    limit = int(_one(con, "SELECT parse_formatted_bytes(current_setting('memory_limit'))"))
    con.execute(f"SET memory_limit = '{min(limit, _MOST_BYTES)}B'")


def _one(con: duckdb.DuckDBPyConnection, query: str) -> str:
    row = con.execute(query).fetchone()
    return str(row[0]) if row else ""


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
