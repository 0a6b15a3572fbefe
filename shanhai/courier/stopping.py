"""What a run of receiving leaves for a person to look at: why it stopped, and what it looked past."""

from __future__ import annotations

from collections.abc import Mapping

from shanhai.audit.database import transaction
from shanhai.audit.events import SYSTEM
from shanhai.courier import waiting
from shanhai.courier.desk import Desk
from shanhai.courier.waiting import Kind
from shanhai.errors import RetryableError
from shanhai.exchange.failures import Gap, Refused

_GAPS: Mapping[str, Kind] = {
    "gap": "missing",
    "issued-in-future": "clock",
    "generation-not-confirmed": "generation",
}
"""What waits for each code of a message that may pass later."""

_BY_A_PERSON: Kind = "generation"
"""This one is over when a person says so, and not when the message is gone."""


def note_stop(desk: Desk, pairing: str, stopped: Refused | RetryableError | None) -> None:
    """Let a message that may pass later wait for a person, from the first run that stopped at it.

    Nobody is at fault yet: the partner can be asked to ship again, or a clock be set. What no longer holds
    up the direction waits no longer. Where relay, log or home failed, nothing is known and nothing is noted.
    """
    if isinstance(stopped, RetryableError) and not isinstance(stopped, Gap):
        return
    found = _GAPS[stopped.code] if isinstance(stopped, Gap) else None
    with transaction(desk.connection):
        for kind in _GAPS.values():
            if kind == found:
                waiting.waits(desk.connection, kind, pairing, desk.now)
            elif kind != _BY_A_PERSON:
                waiting.done(desk.connection, kind, pairing, who=SYSTEM, at=desk.now)


def note_replaced(desk: Desk, pairing: str, *, replaced: bool) -> None:
    """Let a relay wait for a person that shows something else where a message was, or is to be."""
    with transaction(desk.connection):
        if replaced:
            waiting.waits(desk.connection, "relay", pairing, desk.now)
        else:
            waiting.done(desk.connection, "relay", pairing, who=SYSTEM, at=desk.now)
