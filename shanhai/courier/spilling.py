"""What a sort may keep in memory, and where the rest goes: encrypted, into a folder of this node alone."""

from __future__ import annotations

import contextlib
import importlib.resources
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.sql import quote_literal
from shanhai.errors import BusyError
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import make_folders
from shanhai.storage.held import held

if TYPE_CHECKING:
    import duckdb

_SPILL, _COUNTED = Path("scratch", "release"), Path("scratch", "counted")
_LOCK = "lock"
_PATIENCE_SECONDS = 30.0
_EXTENSION = "httpfs"
_MOST_BYTES = 320 << 20
"""Of memory that a session takes before it spills: what is sealed meanwhile needs as much again."""


@contextlib.contextmanager
def spill_folder(settings: Settings) -> Iterator[Path]:
    """A folder (0700) for the rows that DuckDB spills while it sorts; it outlives no scan but a killed one.

    The next scan removes what that one left, whose key is gone with it.
    """
    folder = settings.home / _SPILL
    _remove(folder)
    with disk_errors(folder):
        make_folders(folder)
    try:
        yield folder
    finally:
        _remove(folder)


@contextlib.contextmanager
def private_folder(settings: Settings) -> Iterator[Path]:
    """The same for numbers that are counted, which may be while somebody else releases or counts.

    Each count holds a folder of its own; the next removes those that nobody holds.

    Raises:
        BusyError: others begin to count all the time.
        StoreError: the home cannot be written.
    """
    base = settings.home / _COUNTED
    folder = base / secrets.token_hex(8)
    busy = BusyError("somebody else begins to count people", given=base)
    with contextlib.ExitStack() as own:
        # One after the other, so that nobody finds a folder that is made and not yet held.
        with held(base.with_suffix(".lock"), busy, patience=_PATIENCE_SECONDS):
            _sweep(base)
            own.enter_context(held(folder / _LOCK, busy))
        own.callback(_remove, folder)
        yield folder


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


def _sweep(base: Path) -> None:
    with disk_errors(base):
        folders = list(base.iterdir()) if base.is_dir() else []
    for folder in folders:
        busy = BusyError("somebody else counts people", given=folder)
        with contextlib.suppress(BusyError), held(folder / _LOCK, busy):
            _remove(folder)


def _remove(folder: Path) -> None:
    with disk_errors(folder):
        if folder.is_dir():
            shutil.rmtree(folder)
