"""An SQLite file below an endpoint, opened so that nothing is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from shanhai.connect.tree.folder import inside
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, SourceError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_WRITE_AHEAD = b"\x02\x02"


def database_file(endpoint: str, file: str, roots: Sequence[Path]) -> Path:
    """The file of a database, its symbolic links followed.

    Raises:
        DeniedError: the folder, the path or the file lies outside the roots.
        SourceError: the folder is not there, or the file is no SQLite database.
        NotFoundError: the file is not there.
    """
    base = inside(Path(endpoint).expanduser(), roots, "the endpoint")
    if not base.is_dir():
        raise SourceError("the folder of an endpoint is not there", given=endpoint, hint="is it mounted?")
    pure = PurePosixPath(file)
    if pure.is_absolute() or ".." in pure.parts:
        raise DeniedError(
            "a path leads out of its endpoint", given=file, allowed=f"a path relative to {base}"
        )
    found = inside(base / file, roots, "a file")
    if not found.is_file():
        raise NotFoundError("there is no such database", given=file, hint="check the option file")
    return found


@contextmanager
def sqlite_connection(file: Path) -> Iterator[Connection]:
    """A connection in autocommit that cannot write.

    Of a file in WAL mode that nobody has open there is no log to read, and SQLite would leave one behind:
    it is read as it lies there, and must still be the same at the end. A log that is there is read.

    Raises:
        SourceError: it is no SQLite database, cannot be read, or changed while it was read.
    """
    import adbc_driver_manager
    from adbc_driver_sqlite import dbapi

    still = _is_write_ahead(file) and not _log(file).exists()
    mode = "immutable=1" if still else "mode=ro"
    before = file.stat()
    try:
        connection = dbapi.connect(f"file:{quote(file.as_posix())}?{mode}", autocommit=True)
    except (adbc_driver_manager.Error, OSError):
        raise SourceError("a database cannot be opened", given=file, hint="may it be read?") from None
    with connection:
        yield connection
    after = file.stat()
    changed = (before.st_mtime_ns, before.st_size, before.st_ino) != (
        after.st_mtime_ns,
        after.st_size,
        after.st_ino,
    )
    if still and (changed or _log(file).exists()):
        raise SourceError("a database changed while it was read", given=file, hint="run it again")


def _log(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def _is_write_ahead(file: Path) -> bool:
    """Whether a database is in WAL mode, by its header.

    Source: https://www.sqlite.org/fileformat.html, "The Database Header".
    """
    try:
        with file.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
        size = file.stat().st_size
    except OSError as error:
        raise SourceError("a file cannot be read", given=file, allowed=error.strerror or "") from None
    if header and not header.startswith(_MAGIC):
        raise ConfigurationError(
            "the file is no SQLite database", given=file, allowed="an SQLite database, not encrypted"
        )
    page = int.from_bytes(header[16:18], "big")
    declared = int.from_bytes(header[28:32], "big") * (65536 if page == 1 else page)
    # What lies beyond the end of the file would be read as empty. The count holds if its change is the last.
    if header[24:28] == header[92:96] and size < declared:
        raise SourceError(
            "a database is cut off", given=f"{file}, {size} bytes", allowed=declared, hint="copy it again"
        )
    return header[18:20] == _WRITE_AHEAD
