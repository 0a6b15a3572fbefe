"""Who may use what a store makes in a folder: its owner alone, or whoever may use the folder itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_FOLDER_BITS = 0o3777
_FILE_BITS = 0o666


@dataclass(frozen=True)
class Modes:
    """Modes of new folders and files.

    Attributes:
        folder, file: permissions, against any umask where they are `shared`.
        incoming: name of the folder of files that are being written; of this account alone.
        shared: whether modes and group are those of a folder that several accounts use.
        group: of what is made, where this account may give it that.
    """

    folder: int = 0o700
    file: int = 0o600
    incoming: str = ".incoming"
    shared: bool = False
    group: int = -1

    def folder_made(self, root: Path, folder: Path) -> None:
        """See that a folder of ours is as it should be; also one whose maker was killed before it was.

        Args:
            folder: below `root`. One behind a symbolic link stays as it is: whoever shares the root can put
                one in the place of a folder at any moment, and it may lead to what is not to be shared.
        """
        if self.shared:
            with suppress(NotADirectoryError, PermissionError), _below(root, folder) as descriptor:
                self._set(descriptor)

    def _set(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid():
            if found.st_gid != self.group:
                with suppress(PermissionError):
                    os.fchown(descriptor, -1, self.group)
            if stat.S_IMODE(found.st_mode) != self.folder:
                os.fchmod(descriptor, self.folder)

    def file_made(self, descriptor: int) -> None:
        """Give a new file to those who may read it, before anybody knows its name."""
        if self.shared:
            with suppress(PermissionError):
                os.fchown(descriptor, -1, self.group)
            os.fchmod(descriptor, self.file)


@contextmanager
def _below(root: Path, folder: Path) -> Iterator[int]:
    """Descriptor of a folder below another, which no link leads to.

    Raises:
        NotADirectoryError: a link does, or it is none.
    """
    with ExitStack() as opened:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, descriptor)
        for name in folder.relative_to(root).parts:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            opened.callback(os.close, descriptor)
        yield descriptor


PRIVATE = Modes()
"""For the owner alone."""


def modes_of(root: Path) -> Modes:
    """For whoever may use `root`, a folder that is there: its own modes and group.

    Raises:
        OSError: it cannot be looked at.
    """
    found = root.stat()
    mode = stat.S_IMODE(found.st_mode) & _FOLDER_BITS
    return Modes(mode, mode & _FILE_BITS, f".incoming-{os.geteuid()}", shared=True, group=found.st_gid)
