"""A folder on the disk, read for what crosses: its files, and which of them may be run."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shanhai.errors import ConfigurationError, NotFoundError, as_typed
from shanhai.exchange.failures import Refused
from shanhai.exchange.folder_paths import MOST_FILES, MOST_FOLDERS, MOST_NAMES, Beside
from shanhai.exchange.folders import EXECUTABLE, MOST_BYTES, PLAIN, Listed, Part, Source, parts
from shanhai.exchange.listings import listing_digest


@dataclass(frozen=True)
class Contents:
    """What lies in a folder.

    Attributes:
        listing: its files, in the order of their paths.
        executable: the paths of those that may be run, in that order.
    """

    listing: tuple[Listed, ...]
    executable: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Of the listing, as the facts of a set name it."""
        return listing_digest(self.listing)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(one.size for one in self.listing)

    def is_that(self, listing: str, executable: str) -> bool:
        """Whether the digests of its files, and of which may be run, are these."""
        return (self.digest, executable_digest(self.executable)) == (listing, executable)


NOTHING = Contents((), ())
"""Of a folder that is not there."""


def executable_digest(paths: Iterable[str]) -> str:
    """Hex SHA-256 of the paths of the files that may be run, a line each, in the order of their bytes."""
    lines = "".join(f"{path}\n" for path in sorted(paths, key=str.encode))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_contents(folder: Path) -> Contents:
    """Read every file of a folder once; of each, one part is in memory at a time.

    Raises:
        NotFoundError: there is no such folder.
        ConfigurationError: something in it is neither file nor folder, or it breaks a rule of what crosses.
        Refused: the same of what was changed meanwhile.
        OSError: it cannot be read.
    """
    listing: list[Listed] = []
    executable: dict[str, None] = {}
    for part in rows_of(folder, listing):
        if part.mode == EXECUTABLE:
            executable[part.path] = None
    return Contents(tuple(listing), tuple(executable))


def rows_of(folder: Path, listing: list[Listed]) -> Iterator[Part]:
    """The rows of a folder in the order of paths; each file is added to `listing` after its last.

    Raises:
        As `read_contents`.
    """
    return parts(sources(folder), listing.append)


def sources(folder: Path) -> Iterator[Source]:
    """The files of a folder, to be opened one after the other, each of which every recipient would take.

    Raises:
        NotFoundError, ConfigurationError, OSError: as `read_contents`.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise NotFoundError("no such folder", given=folder)
    beside, size = Beside(), 0
    for place, folders, names in os.walk(folder, onerror=_raise):
        for name in (*folders, *names):
            path = Path(place, name)
            seen = path.lstat()
            mode = seen.st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise ConfigurationError(
                    "only files and folders cross", given=path, allowed="no links, devices or sockets"
                )
            relative = path.relative_to(folder).as_posix()
            size += seen.st_size
            _check(beside, relative, size)
            may_be_run = mode & stat.S_IXUSR
            yield Source(relative, EXECUTABLE if may_be_run else PLAIN, functools.partial(_open, path))


def _check(beside: Beside, path: str, size: int) -> None:
    try:
        beside.add(path)
        if size > MOST_BYTES:
            raise Refused("too-many-files", field="bytes")
    except Refused as refusal:
        raise ConfigurationError(
            f"no recipient would take the folder: {refusal.code} ({refusal.field})",
            given=as_typed(path),
            allowed=f"{MOST_FILES} files in {MOST_FOLDERS} folders, {MOST_BYTES >> 30} GiB, at most "
            f"{MOST_NAMES} names in a path, and names that are the same file on every system",
            hint="rename it, or send a smaller folder",
        ) from refusal


def _open(path: Path) -> BinaryIO:
    # A file that became a link meanwhile is not followed.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _raise(error: OSError) -> None:
    raise error
