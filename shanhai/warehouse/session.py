"""DuckDB sessions in bounded memory: one place for limits, spilling and the time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.errors import MemoryLimitError
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors, library_error, says_full

if TYPE_CHECKING:
    import duckdb


def duckdb_config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """The configuration of every DuckDB connection; extensions are neither fetched nor loaded."""
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": (settings.home / "scratch" / "spill").as_posix(),
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@contextlib.contextmanager
def duckdb_session(
    settings: Settings, database: Path | None = None, *, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a scratch file, or to memory, in UTC; closed at the end.

    Raises:
        DiskFullError: DuckDB ran out of room while spilling.
        MemoryLimitError: what cannot be spilled takes more than `memory_limit`.
        StoreError: it failed to read or write a file.
    """
    import duckdb

    scratch = settings.home / "scratch"
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.closing(_connected(settings, database, read_only=read_only)) as con:
            con.execute("SET TimeZone = 'UTC'")
            yield con
    except duckdb.Error as error:
        said = str(error)
        # The machine had none: that passes, whatever a session may use.
        passing = isinstance(error, duckdb.IOException) or "bad allocation" in said
        if passing or says_full(said):
            raise library_error("DuckDB could not read or write", error, given=settings.home) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise MemoryLimitError(
                "a step needs more memory than one DuckDB session may use",
                given=settings.memory_limit,
                hint="set SHANHAI_MEMORY_LIMIT higher, or let fewer long values come in one delivery",
            ) from error
        raise


def _connected(settings: Settings, database: Path | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    place = database.as_posix() if database else ":memory:"
    return duckdb.connect(place, read_only=read_only, config=duckdb_config(settings))
