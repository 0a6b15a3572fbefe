"""Whether a folder of a relay takes anything at all: asked before how much room it has."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from shanhai.storage.disk import disk_errors


def check_not_read_only(folder: Path) -> None:
    """Return unless the file system of a folder is mounted read-only.

    Such a one is often full as well, as one that holds a copy: to make room there helps nobody.

    Raises:
        StoreError: it is.
    """
    with disk_errors(folder):
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def check_writable(folder: Path) -> None:
    """Return if this user may make a file in a folder, as far as its modes and its file system tell.

    Raises:
        StoreError: it may not.
    """
    check_not_read_only(folder)
    with disk_errors(folder):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
