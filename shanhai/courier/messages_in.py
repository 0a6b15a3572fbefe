"""What each message of a partner does here, once it is opened and verified; parcels are `receiving`'s."""

from __future__ import annotations

from shanhai.courier import granted, outbox, partners, their_keys, waiting
from shanhai.courier.desk import Desk
from shanhai.courier.partners import Partner
from shanhai.courier.taking_back import take_back_held
from shanhai.exchange.bodies import Body, End, NewKeyset, Suspension
from shanhai.exchange.failures import UNBELIEVED, Refused, Seen, Stage
from shanhai.exchange.grants import Grant
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.pairing_states import STEPS, Step
from shanhai.exchange.receipts import Receipt


def act(desk: Desk, partner: Partner, seen: Seen, body: Body) -> str:
    """Do what a message says, within the caller's transaction, its events with it.

    A message is refused here only for good: what it carries cannot become right later.

    Returns:
        The type of the message.

    Raises:
        Refused: a keyset that does not replace the one that is known, at stage unwrap; keyset-fork freezes.
        LogUnwritableError: the event cannot be written.
        AssertionError: it is a parcel.
    """
    match body.content:
        case Grant() as grant:
            return _take_grant(desk, partner, seen, grant)
        case NewKeyset(envelope):
            return _take_keyset(desk, partner, seen, envelope)
        case Suspension(suspended):
            _step(desk, partner, Step.SUSPEND_THERE if suspended else Step.RESUME_THERE)
            return "suspend" if suspended else "resume"
        case End():
            _step(desk, partner, Step.END)
            return "end"
        case Receipt() as receipt:
            return _take_receipt(desk, partner, receipt)
        case content:
            raise AssertionError(type(content))


def note_answers(desk: Desk, partner: Partner, body: Body) -> None:
    """Note what every message tells beside its content: up to where the partner has settled ours."""
    if body.ack is not None:
        outbox.acknowledged(desk.connection, partner.pairing, body.ack, at=desk.now)
        partners.acked(desk.connection, partner.pairing, body.ack)


def note_confirmed(desk: Desk, partner: Partner) -> None:
    """Note that the partner has confirmed the pairing, where this is the first message that tells it."""
    if (partner.state, Step.CONFIRM_THERE) in STEPS:
        digest = partners.agreed(partner).digest
        desk.record("confirm", pairing=partner.pairing, digest=digest, partner=partner.name)
        partners.step(desk.connection, partner.pairing, Step.CONFIRM_THERE)


def record_keyset(desk: Desk, partner: Partner, keyset: Keyset) -> None:
    """Note which keyset the partner is believed by from now on."""
    desk.record(
        "partner-keyset",
        pairing=partner.pairing,
        partner=partner.name,
        node=keyset.node,
        version=keyset.version,
        digest=keyset.digest,
    )


def _take_grant(desk: Desk, partner: Partner, seen: Seen, grant: Grant) -> str:
    kind = "revoke" if grant.revoked else "grant"
    desk.record(
        kind,
        grant=grant.id,
        revision=grant.rev,
        digest=granted.digest_of(grant),
        pairing=partner.pairing,
        partner=partner.name,
    )
    granted.keep(desk.connection, granted.RECEIVED, partner.pairing, grant, at=desk.now, message=seen.digest)
    return kind


def _take_keyset(desk: Desk, partner: Partner, seen: Seen, envelope: bytes) -> str:
    known = their_keys.their_keyset(partner)
    try:
        keyset = their_keys.take_keyset(
            desk.connection, partner.pairing, envelope, mine=desk.speaker.keyset, now=desk.now
        )
    except Refused as refusal:
        raise Refused(refusal.code, stage=Stage.UNWRAP, field=refusal.field, seen=seen) from None
    if keyset.version > known.version:
        record_keyset(desk, partner, keyset)
    if keyset.generation > partner.generation_in:
        waiting.waits(desk.connection, "generation", partner.pairing, desk.now)
    return "keyset"


def _take_receipt(desk: Desk, partner: Partner, receipt: Receipt) -> str:
    about: dict[str, str] = {} if receipt.code is None else {"code": receipt.code}
    desk.record(
        "receipt",
        pairing=partner.pairing,
        partner=partner.name,
        message=receipt.of,
        outcome=receipt.outcome,
        **about,
    )
    outbox.settled(desk.connection, receipt.of, outcome=receipt.outcome, code=receipt.code, at=desk.now)
    if receipt.code in UNBELIEVED:
        granted.untell(desk.connection, receipt.of)
    return "receipt"


def _step(desk: Desk, partner: Partner, step: Step) -> None:
    """Take a step of the partner's; one that is taken already, such as a second suspension, does nothing."""
    now = partners.of_pairing(desk.connection, partner.pairing)
    if (now.state, step) not in STEPS:
        return
    kinds = {Step.SUSPEND_THERE: "suspend", Step.RESUME_THERE: "resume", Step.END: "end"}
    desk.record(kinds[step], pairing=partner.pairing, partner=partner.name)
    partners.step(desk.connection, partner.pairing, step)
    # While the partner suspends no parcel leaves, and none may hold a revocation.
    take_back_held(desk, partner.pairing)
