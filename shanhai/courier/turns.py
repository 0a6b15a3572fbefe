"""One writer of sets in a home at a time: whoever comes later waits."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from shanhai.errors import BusyError
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import make_folders

_LOCK = Path("exchange", "release.lock")
_PATIENCE_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 0.2


@contextlib.contextmanager
def one_at_a_time(home: Path, *, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the sets of a home; freed when the process ends, however it ends.

    Raises:
        BusyError: another process holds them for so many seconds.
        StoreError: the home cannot be written.
    """
    file = home / _LOCK
    with disk_errors(file):
        make_folders(file.parent)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(handle, home, patience)
        yield
    finally:
        os.close(handle)


def _hold(handle: int, home: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError(
                    "another release is under way", given=home, hint="try again when it is done"
                ) from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
