"""A local folder as a tree of files, never outside the allowed roots."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from shanhai.connect.tree.protocol import CHUNK_BYTES, Found
from shanhai.errors import DeniedError, SourceError


class FolderTree:
    """Files of a folder that lies below the allowed roots, as does whatever a symbolic link leads to.

    Raises:
        DeniedError: the folder lies outside the roots.
        SourceError: the folder is not there.
    """

    pinned = False

    def __init__(self, endpoint: str, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._base = inside(Path(endpoint).expanduser(), roots, "the endpoint")
        if not self._base.is_dir():
            raise SourceError("the folder of an endpoint is not there", given=endpoint, hint="is it mounted?")
        self.told = str(self._base)

    def find(self, pattern: str) -> list[str]:
        # Unlike Path.glob this leaves hidden files out: many tools name half-written ones so.
        names = glob.glob(pattern, root_dir=self._base, recursive=True)  # noqa: PTH207
        return [PurePosixPath(name).as_posix() for name in names if (self._base / name).is_file()]

    def found(self, name: str) -> Found | None:
        file = inside(self._base / name, self._roots, "a file")
        try:
            now = file.stat(follow_symlinks=False)
        except OSError as error:
            raise _unreadable(file, error) from error
        modified = datetime.fromtimestamp(now.st_mtime, UTC).isoformat(timespec="seconds")
        place = str(file)
        return Found(place, place, now.st_size, str(now.st_mtime_ns), {"last-modified": modified})

    def read(self, file: Found, offset: int) -> Iterator[bytes]:
        try:
            # The place is resolved: a link there now was put in since. Not waiting for a pipe's writer.
            descriptor = os.open(file.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise DeniedError("not a file", given=file.place)
                stream.seek(offset)
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise _unreadable(Path(file.place), error) from error


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


def _unreadable(file: Path, error: OSError) -> SourceError:
    return SourceError("a file cannot be read", given=file, allowed=error.strerror or "a readable file")
