"""DuckDB sessions in bounded memory: one place for limits, spilling and the time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.errors import DiskFullError, StoreError
from shanhai.settings import Settings

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
        StoreError: it failed to read or write a file.
    """
    import duckdb

    (settings.home / "scratch").mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        database.as_posix() if database else ":memory:", read_only=read_only, config=duckdb_config(settings)
    )
    try:
        con.execute("SET TimeZone = 'UTC'")
        yield con
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        text = str(error).splitlines()[0]
        if "No space left" in text or "max_temp_directory_size" in text:
            raise DiskFullError(
                "the disk is full", given=text, hint="free some room and run again"
            ) from error
        raise StoreError("DuckDB could not read or write", given=text) from error
    finally:
        con.close()
