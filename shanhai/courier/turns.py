"""One writer of sets in a home at a time: whoever comes later waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from shanhai.errors import BusyError
from shanhai.storage.held import held

_LOCK = Path("exchange", "release.lock")
_PATIENCE_SECONDS = 600.0


@contextlib.contextmanager
def one_at_a_time(home: Path, *, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the sets of a home; freed when the process ends, however it ends.

    Raises:
        BusyError: another process holds them for so many seconds.
        StoreError: the home cannot be written.
    """
    busy = BusyError("another release is under way", given=home, hint="try again when it is done")
    with held(home / _LOCK, busy, patience=patience):
        yield


def wait_for_turn(home: Path, *, patience: float = _PATIENCE_SECONDS) -> None:
    """Wait while another process holds the sets, and hold nothing: for who would else wait with keys open.

    Raises:
        BusyError, StoreError: as `one_at_a_time`.
    """
    with one_at_a_time(home, patience=patience):
        pass
