"""What is done with a message that is refused: evidence, the event, and whether anybody may go on."""

from __future__ import annotations

from shanhai.audit.database import transaction
from shanhai.courier import forks, inbox, incoming, messages_in, partners, their_keys, waiting
from shanhai.courier.arrived import Arrived, Came
from shanhai.courier.desk import Desk
from shanhai.courier.evidence import evidence_of, keep
from shanhai.courier.forks import Fork
from shanhai.courier.partners import Partner
from shanhai.courier.settling import answer, moved
from shanhai.courier.taking_back import one_transaction, take_back_held
from shanhai.exchange import dsse
from shanhai.exchange.failures import UNBELIEVED, Refused, Seen, Stage
from shanhai.exchange.messages import read_header, read_payload
from shanhai.exchange.receipts import REFUSED, Receipt

MOST_WAITING = 64
"""So many messages of a pairing may wait for one that vouches for them."""


def refuse(
    desk: Desk,
    partner: Partner,
    refusal: Refused,
    envelope: bytes,
    statement: bytes | None,
    *,
    in_place: bool,
) -> Arrived | None:
    """Keep the evidence of a refusal and nothing else; settle the message where nothing could make it pass.

    What was fetched and opened of it is removed. What contradicts an earlier message freezes the pairing, and
    both are kept. Once a person has let the pairing go on, the same bytes are not looked at again; where they
    hold the place that comes next, they are settled as refused.

    Args:
        in_place: it is the next message, and no other has its number.

    Returns:
        What was settled; None: it contradicts, and a person knows, or its keys were over or compromised when
            it came, and it waits. The messages after it are looked at.

    Raises:
        Refused: the refusal, where the message was not settled: the next run looks at it again.
    """
    seen = refusal.seen
    keep_evidence(desk, partner, refusal, envelope, statement)
    if seen is not None:
        incoming.discard(desk.home, seen)
    if seen is None or seen.pairing != partner.pairing:
        with transaction(desk.connection):
            # Bytes that nobody signed have no name that would mean anything: the pairing waits.
            waiting.waits(desk.connection, "refused", partner.pairing, desk.now)
        raise refusal
    if refusal.waits_for_a_voucher and _too_many_wait(desk, seen):
        raise refusal
    if refusal.freezes and not _is_known(desk, seen):
        _freeze(desk, partner, seen, envelope)
        raise refusal
    if refusal.freezes and not in_place:
        return None
    if refusal.freezes:
        refusal = Refused(refusal.code, stage=Stage.UNWRAP, field=refusal.field, seen=seen)
    return _recorded(desk, partner, refusal, seen, envelope, statement)


def keep_evidence(
    desk: Desk, partner: Partner, refusal: Refused, envelope: bytes, statement: bytes | None = None
) -> None:
    """Keep the evidence of a refusal, and nothing else.

    Raises:
        StoreError: the home cannot be written.
    """
    kept = evidence_of(
        refusal, envelope, statement, pairing=partner.pairing, partner=partner.name, at=desk.now
    )
    keep(desk.home, kept)


def settle_vouched(desk: Desk, partner: Partner, seen: Seen) -> Arrived:
    """Settle as refused what a later message names as the one before; the person need not decide any more.

    Raises:
        LogUnwritableError: nothing was done.
    """
    row = inbox.by_digest(desk.connection, seen.digest)
    if row is None or row.code is None:
        raise AssertionError("it waited just now")
    refusal = Refused(row.code, stage=Stage.TIME, seen=seen)
    settled = _recorded(desk, partner, refusal, seen, row.envelope, row.statement)
    if settled is None:
        raise AssertionError("a refusal at stage time settles")
    return settled


def _recorded(
    desk: Desk, partner: Partner, refusal: Refused, seen: Seen, envelope: bytes, statement: bytes | None
) -> Arrived | None:
    came = Came(seen, envelope, statement, desk.now, their_keys.their_keyset(partner).digest)
    with transaction(desk.connection):
        if inbox.refused(desk.connection, refusal, came):
            desk.record(
                "refused",
                pairing=partner.pairing,
                partner=partner.name,
                message=seen.digest,
                code=refusal.code,
            )
        if refusal.settles:
            messages_in.note_confirmed(desk, partner)
            moved(desk, partner, seen)
            if _carries_a_set(envelope) or refusal.code in UNBELIEVED:
                answer(desk, partner, Receipt(of=seen.digest, outcome=REFUSED, code=refusal.code))
        else:
            waiting.waits(desk.connection, "refused", seen.digest, desk.now)
    if refusal.waits_for_a_voucher:
        return None
    if not refusal.settles:
        raise refusal
    return inbox.by_digest(desk.connection, seen.digest)


def _freeze(desk: Desk, partner: Partner, seen: Seen, envelope: bytes) -> None:
    fork = Fork(seen.digest, partner.pairing, seen.generation, seen.seq, envelope, desk.now)
    with one_transaction(desk):
        forks.keep(desk.connection, fork)
        partners.freeze(desk.connection, partner.pairing, seen.digest, desk.now)
        desk.record(
            "fork",
            pairing=partner.pairing,
            partner=partner.name,
            message=seen.digest,
            generation=seen.generation,
            seq=seen.seq,
        )
        take_back_held(desk, partner.pairing)


def _too_many_wait(desk: Desk, seen: Seen) -> bool:
    """Whether so many wait already that whoever had the keys may be filling the disk."""
    waits = {row.digest for row in inbox.waiting_for_a_voucher(desk.connection, seen.pairing)}
    return seen.digest not in waits and len(waits) >= MOST_WAITING


def _is_known(desk: Desk, seen: Seen) -> bool:
    """Whether a person has looked into it: it was kept before, and the pairing goes on since."""
    return any(fork.digest == seen.digest for fork in forks.of_pairing(desk.connection, seen.pairing))


def _carries_a_set(envelope: bytes) -> bool:
    header, _ = read_payload(dsse.read(envelope, dsse.MESSAGE).payload)
    return read_header(header).set_digest is not None
