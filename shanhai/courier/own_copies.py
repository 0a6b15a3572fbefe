"""Two homes of one node: what lies in our place at a relay, and bears our own signatures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shanhai.courier.own_keys import keyring_of
from shanhai.courier.relays.layout import RelayConflictError
from shanhai.exchange.failures import Refused
from shanhai.exchange.receive import read_signed

_COPY = (
    "keys of this node signed what is there: another copy of this home runs, or somebody has its keys. Stop "
    "one of the two and remove nothing: docs/guide/pair.md, Two messages contradict each other"
)


@contextmanager
def recognised(home: Path) -> Iterator[None]:
    """Say of a conflict at a relay, within the block, where this node itself signed the other bytes.

    To remove them, which helps against somebody else's, would then hide that two messages have one number.
    """
    try:
        yield
    except RelayConflictError as error:
        if error.other is not None and _is_ours(home, error.other):
            error.hint = _COPY
        raise


def _is_ours(home: Path, envelope: bytes) -> bool:
    for keyset in keyring_of(home).keysets():
        try:
            read_signed(envelope, keyset)
        except Refused:
            continue
        return True
    return False
