"""The states of a pairing and the steps between them: one table."""

from __future__ import annotations

from enum import StrEnum

from shanhai.exchange.failures import Refused


class PairingState(StrEnum):
    """Where a pairing stands, as this node knows it."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    CONFIRMED_HERE = "confirmed_here"
    CONFIRMED_THERE = "confirmed_there"
    ACTIVE = "active"
    SUSPENDED_HERE = "suspended_here"
    SUSPENDED_THERE = "suspended_there"
    SUSPENDED_BOTH = "suspended_both"
    ENDED = "ended"


class Step(StrEnum):
    """What moves a pairing; each is an event with the name of a person.

    That the partner confirmed is known from its first message, and its suspensions from messages: while
    this node suspends the pairing it receives none, and they wait.
    """

    ACCEPT = "accept"
    CONFIRM_HERE = "confirm here"
    CONFIRM_THERE = "confirm there"
    SUSPEND_HERE = "suspend here"
    SUSPEND_THERE = "suspend there"
    RESUME_HERE = "resume here"
    RESUME_THERE = "resume there"
    END = "end"


_S, _T = PairingState, Step
STEPS: dict[tuple[PairingState, Step], PairingState] = {
    (_S.OFFERED, _T.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _T.CONFIRM_HERE): _S.CONFIRMED_HERE,
    (_S.ACCEPTED, _T.CONFIRM_THERE): _S.CONFIRMED_THERE,
    (_S.CONFIRMED_HERE, _T.CONFIRM_THERE): _S.ACTIVE,
    (_S.CONFIRMED_THERE, _T.CONFIRM_HERE): _S.ACTIVE,
    (_S.ACTIVE, _T.SUSPEND_HERE): _S.SUSPENDED_HERE,
    (_S.ACTIVE, _T.SUSPEND_THERE): _S.SUSPENDED_THERE,
    (_S.SUSPENDED_THERE, _T.SUSPEND_HERE): _S.SUSPENDED_BOTH,
    (_S.SUSPENDED_HERE, _T.RESUME_HERE): _S.ACTIVE,
    (_S.SUSPENDED_THERE, _T.RESUME_THERE): _S.ACTIVE,
    (_S.SUSPENDED_BOTH, _T.RESUME_HERE): _S.SUSPENDED_THERE,
    **{(state, _T.END): _S.ENDED for state in _S if state is not _S.ENDED},
}
"""Where each step leads; what is not here cannot be done."""

SPEAKING = frozenset({_S.CONFIRMED_HERE, _S.ACTIVE, _S.SUSPENDED_HERE, _S.SUSPENDED_THERE, _S.SUSPENDED_BOTH})
"""The states in which this node says something to the partner: from its own confirmation to the end."""

_RECEIVING = frozenset({_S.CONFIRMED_HERE, _S.ACTIVE, _S.SUSPENDED_THERE})
_CLOSED = {
    _S.SUSPENDED_HERE: "pairing-suspended",
    _S.SUSPENDED_THERE: "pairing-suspended",
    _S.SUSPENDED_BOTH: "pairing-suspended",
    _S.ENDED: "pairing-ended",
}


def taken(state: PairingState, step: Step) -> PairingState:
    """The state after a step.

    Raises:
        Refused: pairing-step-wrong.
    """
    after = STEPS.get((state, step))
    if after is None:
        raise Refused("pairing-step-wrong")
    return after


def check_receives(state: PairingState) -> None:
    """Return if messages may be received: a person here has confirmed, and nobody here suspended.

    Raises:
        Refused: pairing-not-confirmed, pairing-suspended, pairing-ended.
    """
    if state not in _RECEIVING:
        raise Refused(_CLOSED.get(state, "pairing-not-confirmed"))


def check_releases(state: PairingState) -> None:
    """Return if parcels may be sent: both have confirmed, and neither suspended.

    Raises:
        Refused: pairing-not-confirmed, pairing-suspended, pairing-ended.
    """
    if state is not PairingState.ACTIVE:
        raise Refused(_CLOSED.get(state, "pairing-not-confirmed"))
