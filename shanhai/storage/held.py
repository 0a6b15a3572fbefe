"""One process at a time: a lock on a file, which goes with the process that holds it."""

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

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0


@contextlib.contextmanager
def held(file: Path, busy: BusyError, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a file of the home that is made for it, mode 0600; no other process holds it meanwhile.

    Args:
        busy: raised where somebody else holds it.
        patience: for how many seconds to wait until then. The pauses between two looks grow to five seconds.

    Raises:
        BusyError: `busy`.
        StoreError: the home cannot be written, or its file system gives no locks.
    """
    with disk_errors(file):
        make_folders(file.parent)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with disk_errors(file):
            _wait(descriptor, busy, time.monotonic() + patience)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, busy: BusyError, deadline: float) -> None:
    pause = _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise busy from None
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return
