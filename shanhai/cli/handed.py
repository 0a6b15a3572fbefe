"""Files that somebody handed over: there may be anything in the place of one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from shanhai.errors import ConfigurationError
from shanhai.storage.disk import disk_errors


def bytes_of(file: Path, most: int) -> bytes:
    """The file, or so much of it that whoever reads it refuses it as too large.

    Args:
        most: bytes that are allowed.

    Raises:
        ConfigurationError: it is a pipe or a device, which may give nothing, or never end.
        StoreError: it cannot be read.
    """
    with disk_errors(file):
        # Of a pipe nobody need be at the other end.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigurationError(
                    "a pipe or a device in the place of a file",
                    given=file,
                    allowed="a file on a disk",
                    hint="write it into a file first",
                )
            return opened.read(most + 1)
