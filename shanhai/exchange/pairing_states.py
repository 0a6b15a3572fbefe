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
    SUSPENDED = "suspended"
    ENDED = "ended"


class Step(StrEnum):
    """What moves a pairing; each is an event with the name of a person."""

    ACCEPT = "accept"
    CONFIRM_HERE = "confirm here"
    CONFIRM_THERE = "confirm there"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


_S, _T = PairingState, Step
STEPS: dict[tuple[PairingState, Step], PairingState] = {
    (_S.OFFERED, _T.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _T.CONFIRM_HERE): _S.CONFIRMED_HERE,
    (_S.ACCEPTED, _T.CONFIRM_THERE): _S.CONFIRMED_THERE,
    (_S.CONFIRMED_HERE, _T.CONFIRM_THERE): _S.ACTIVE,
    (_S.CONFIRMED_THERE, _T.CONFIRM_HERE): _S.ACTIVE,
    (_S.ACTIVE, _T.SUSPEND): _S.SUSPENDED,
    (_S.SUSPENDED, _T.RESUME): _S.ACTIVE,
    **{(state, _T.END): _S.ENDED for state in _S if state is not _S.ENDED},
}
"""Where each step leads; what is not here cannot be done."""

_CLOSED = {
    _S.SUSPENDED: "pairing-suspended",
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


def check_open(state: PairingState) -> None:
    """Return if messages may be received in this state.

    Raises:
        Refused: pairing-not-confirmed, pairing-suspended, pairing-ended.
    """
    if state is not PairingState.ACTIVE:
        raise Refused(_CLOSED.get(state, "pairing-not-confirmed"))
