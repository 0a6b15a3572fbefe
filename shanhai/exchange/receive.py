"""Stage one: a message verified before it is opened, without any secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shanhai.exchange import dsse
from shanhai.exchange.failures import Gap, Refused, Seen, Stage
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.messages import Header, read_header, read_payload
from shanhai.exchange.order import Arrival, Position, place
from shanhai.exchange.pairing_states import PairingState, check_receives
from shanhai.exchange.pairings import Pairing
from shanhai.exchange.suites import SUITES


@dataclass(frozen=True)
class Standing:
    """What the recipient knows when a message of one pairing comes.

    Attributes:
        pairing: the document that both signed.
        state: where it stands.
        mine: keyset of the recipient.
        theirs: the newest keyset of the sender.
        position: how far the recipient has come with the sender.
    """

    pairing: Pairing
    state: PairingState
    mine: Keyset
    theirs: Keyset
    position: Position


@dataclass(frozen=True)
class Accepted:
    """What was recorded of a message when it was accepted, to open it again later.

    Attributes:
        digest: of its payload.
        received: when it was first received.
        theirs: the keyset of the sender by which it was verified.
    """

    digest: str
    received: datetime
    theirs: Keyset


@dataclass(frozen=True)
class Verified:
    """A message that passed stage one. Whoever holds it need not verify again.

    Attributes:
        header: as signed.
        header_bytes: which bind what is sealed.
        sealed: still closed.
        seen: digest of the payload, pairing, generation and number: what is recorded of it.
        signers: ids of the keys that signed, for the record.
        keyset: of the sender, by which it was verified; `keyset.digest` is for the record.
        arrival: next, known (nothing more is to be done), or reopened.
    """

    header: Header
    header_bytes: bytes
    sealed: bytes
    seen: Seen
    signers: frozenset[str]
    keyset: Keyset
    arrival: Arrival


@dataclass(frozen=True)
class Signed:
    """A message whose signatures hold: nobody asked yet when its keys were valid, or whether it is wanted.

    Fields as of `Verified`.
    """

    header: Header
    header_bytes: bytes
    sealed: bytes
    seen: Seen
    signers: frozenset[str]


def read_signed(envelope: bytes, keyset: Keyset) -> Signed:
    """Verify who signed a message: checks 1 to 2c of the specification, section "Receiving".

    Anyone with the keyset of the sender can do so.

    Raises:
        Refused: the json codes, those of `Keyset.check_signed`, from-not-signer.
    """
    signed = dsse.read(envelope, dsse.MESSAGE)
    signers = keyset.check_signed(signed)
    header_bytes, sealed = read_payload(signed.payload)
    header = read_header(header_bytes)
    if header.sender not in signers:
        raise Refused("from-not-signer")
    seen = Seen(signed.digest, header.pairing, header.generation, header.seq)
    return Signed(header, header_bytes, sealed, seen, signers)


def receive(
    envelope: bytes, *, standing: Standing, now: datetime, accepted: Accepted | None = None
) -> Verified:
    """Verify a message: checks 1 to 5 of the specification, section "Receiving".

    Args:
        envelope: the bytes as they came.
        standing: what the recipient knows.
        now: the present moment.
        accepted: the record of a message that was accepted before, to open it again: then state, suite,
            place and times are not judged again, but the bytes must be those and the keys believed still.

    Raises:
        Refused: with `seen` once the signatures hold.
        Gap: the message may pass later.
    """
    keyset = accepted.theirs if accepted else standing.theirs
    signed = read_signed(envelope, keyset)
    header, signers, seen = signed.header, signed.signers, signed.seen
    try:
        keyset.check_valid(signers, header.issued)
        if accepted:
            _check_between(header, standing)
            arrival = _reopened(seen, signers, standing, accepted)
        else:
            arrival = _arrived(header, seen, signers, standing, now)
    except (Refused, Gap) as error:
        raise type(error)(error.code, stage=error.stage, field=error.field, seen=seen) from None
    return Verified(header, signed.header_bytes, signed.sealed, seen, signers, keyset, arrival)


def vouched(envelope: bytes, *, standing: Standing, now: datetime) -> tuple[Seen, ...]:
    """The pending messages that a message names as those before it, in their order; they are the sender's.

    Each is then settled as refused, at stage time: whoever had its keys can say nothing by it any more, and
    it keeps the number that the sender gave it.

    Args:
        envelope: of a later message, as it came; where it is not to be believed, it vouches for none.
    """
    if not standing.position.pending:
        return ()
    try:
        signed = read_signed(envelope, standing.theirs)
        standing.theirs.check_valid(signed.signers, signed.header.issued)
        _check_standing(signed.header, standing)
        standing.theirs.check_received(signed.signers, now)
    except Refused:
        return ()
    return standing.position.vouched_by(signed.seen, signed.header.prev)


def _arrived(
    header: Header, seen: Seen, signers: frozenset[str], standing: Standing, now: datetime
) -> Arrival:
    _check_standing(header, standing)
    if standing.position.known.get((seen.generation, seen.seq)) != seen.digest:
        # Nobody but the holder of the keys can have written it, and that may be anybody by now: it must
        # neither take a number nor be a fork.
        standing.theirs.check_received(signers, now)
    arrival = place(
        seen, header.prev, position=standing.position, signed_generation=standing.theirs.generation
    )
    # A message that is settled may come again long after: it is judged by when it came first.
    if arrival is Arrival.NEXT:
        if header.issued > now + timedelta(seconds=standing.pairing.rules.skew):
            raise Gap("issued-in-future")
        if header.not_after is not None and header.not_after <= now:
            raise Refused("expired")
    return arrival


def _reopened(seen: Seen, signers: frozenset[str], standing: Standing, accepted: Accepted) -> Arrival:
    if seen.digest != accepted.digest:
        raise Refused("reopened-other-bytes")
    standing.theirs.check_uncompromised(signers, accepted.received)
    return Arrival.REOPENED


def _check_between(header: Header, standing: Standing) -> None:
    sides = {side.node for side in standing.pairing.sides}
    if header.pairing != standing.pairing.id or sides != {standing.mine.node, standing.theirs.node}:
        raise Refused("pairing-unknown")
    # A node may list keys that it does not have: the header says who speaks, and to whom.
    if header.sender_node != standing.theirs.node:
        raise Refused("pairing-unknown")
    if header.recipient_node != standing.mine.node:
        raise Refused("recipient-wrong")


def _check_standing(header: Header, standing: Standing) -> None:
    _check_between(header, standing)
    check_receives(standing.state)
    key = standing.mine.sealing(header.recipient)
    if key is None:
        raise Refused("recipient-wrong")
    if header.suite not in standing.mine.suites or header.suite not in standing.pairing.rules.suites:
        raise Refused("suite-not-allowed")
    if SUITES[header.suite] != key.alg:
        raise Refused("hpke-key-of-other-suite", stage=Stage.STANDING)
