"""One folder in the place of another, in one step: whoever opens it has the old one whole or the new one."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_folder

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NOT_KNOWN = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(frozen=True)
class Place:
    """Where a folder is taken, and beside it, hidden, the one that comes and the one that leaves.

    Attributes:
        folder: that all of them lie in, on one file system.
        name: of the folder that is switched.
    """

    folder: Path
    name: str

    @property
    def target(self) -> Path:
        """What people and programs open."""
        return self.folder / self.name

    @property
    def coming(self) -> Path:
        """Written whole and durably before it is switched; after it, what was there before."""
        return self.folder / f".{self.name}.new"

    @property
    def leaving(self) -> Path:
        """What is about to be removed."""
        return self.folder / f".{self.name}.old"

    def switch(self) -> None:
        """Put what comes in the place of what is there, durably, and remove that.

        Where the file system cannot exchange two folders there is a moment in which neither is there.

        Raises:
            StoreError: the folder cannot be written.
        """
        with disk_errors(self.target):
            if not os.path.lexists(self.target):
                self.coming.rename(self.target)
            elif not exchange(self.coming, self.target):
                self._remove(self.leaving)
                self.target.rename(self.leaving)
                self.coming.rename(self.target)
            sync_folder(self.folder)
        self.clean()

    def clear(self) -> None:
        """Take away what is there, in one step, and remove it; once more does no harm.

        Raises:
            StoreError: the folder cannot be written.
        """
        with disk_errors(self.target):
            if os.path.lexists(self.target):
                self._remove(self.leaving)
                self.target.rename(self.leaving)
                sync_folder(self.folder)
        self.clean()

    def clean(self) -> None:
        """Remove what lies hidden beside the target.

        Raises:
            StoreError: the folder cannot be written.
        """
        with disk_errors(self.target):
            for beside in (self.coming, self.leaving):
                self._remove(beside)

    @staticmethod
    def _remove(folder: Path) -> None:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step. Source: renameat2(2), Linux 3.15 and glibc 2.28.

    Returns:
        False, with nothing done, where the system or the file system does not know how.

    Raises:
        OSError: it failed.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    names = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_KNOWN:
        return False
    raise OSError(number, os.strerror(number), str(other))
