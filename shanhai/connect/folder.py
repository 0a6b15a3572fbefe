"""Files of a local folder: found in a stable order, never outside the allowed roots."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NoReturn

from shanhai.connect.protocol import Body
from shanhai.connect.window import fill, fill_any
from shanhai.errors import DataError, DeniedError, NotFoundError, SourceError

_CHUNK_BYTES = 1 << 18
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}


def bodies(
    endpoint: str,
    paths: Sequence[str],
    optional: Sequence[str],
    windows: Sequence[str | None],
    *,
    roots: Sequence[Path],
    max_bytes: int,
) -> Iterator[Body]:
    """The files that `paths` match below the folder `endpoint`, each once, in the order of their names.

    Nothing need match a path in `optional`.

    Raises:
        DeniedError: the folder, a path or a file lies outside the roots.
        SourceError: the folder is not there, or nothing is there for a window.
        NotFoundError: nothing matches, whatever the window.
    """
    base = inside(Path(endpoint).expanduser(), roots, "the endpoint")
    if not base.is_dir():
        raise SourceError("the folder of an endpoint is not there", given=endpoint, hint="is it mounted?")
    names: set[str] = set()
    for window in windows:
        for path in paths:
            names.update(_matches(base, path, window) or _nothing(base, path, window))
        for path in optional:
            names.update(_matches(base, path, window))
    for name in sorted(names):
        file = inside(base / name, roots, "a file")
        yield _body(name, file, max_bytes)


def _matches(base: Path, path: str, window: str | None) -> list[str]:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise DeniedError(
            "a path leads out of its endpoint", given=path, allowed=f"a path relative to {base}"
        )
    # Unlike Path.glob this leaves hidden files out: many tools name half-written ones so.
    names = glob.glob(_pattern(path, window), root_dir=base, recursive=True)  # noqa: PTH207
    return [PurePosixPath(name).as_posix() for name in names if (base / name).is_file()]


def _pattern(path: str, window: str | None) -> str:
    """Without a window every window is meant."""
    return fill_any(path, "*") if window is None else fill(path, window)


def _nothing(base: Path, path: str, window: str | None) -> NoReturn:
    given = f"{base}/{_pattern(path, window)}"
    if window is not None:
        raise SourceError(
            f"there is no file for window {window}", given=given, hint="it may not be there yet"
        )
    raise NotFoundError("no file matches", given=given, hint="check the option path")


def inside(path: Path, roots: Sequence[Path], what: str) -> Path:
    """The path with its symbolic links followed.

    Raises:
        DeniedError: that is below none of the roots.
    """
    resolved = path.resolve()
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        raise DeniedError(
            f"{what} lies outside the allowed folders", given=path, allowed=[str(root) for root in roots]
        )
    return resolved


def _body(name: str, file: Path, max_bytes: int) -> Body:
    try:
        facts = file.stat(follow_symlinks=False)
    except OSError as error:
        raise _unreadable(file, error) from error
    if facts.st_size > max_bytes:
        raise DataError(
            "a file is larger than allowed", given=f"{file}, {facts.st_size} bytes", allowed=max_bytes
        )
    modified = datetime.fromtimestamp(facts.st_mtime, UTC).isoformat(timespec="seconds")
    media_type = _MEDIA_TYPES.get(file.suffix.lower(), "application/octet-stream")
    return Body(name, str(file), media_type, _chunks(file, max_bytes), {"last-modified": modified})


def _chunks(file: Path, max_bytes: int) -> Iterator[bytes]:
    size = 0
    try:
        # The path is resolved: a link there now was put in its place since. Not waiting for a pipe's writer.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise DeniedError("not a file", given=file)
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise DataError("a file is larger than allowed", given=file, allowed=f"{max_bytes} bytes")
                yield chunk
            after = os.fstat(descriptor)
    except OSError as error:
        raise _unreadable(file, error) from error
    if size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise SourceError("a file changed while it was read", given=file, hint="run it again")


def _unreadable(file: Path, error: OSError) -> SourceError:
    return SourceError("a file cannot be read", given=file, allowed=error.strerror or "a readable file")
