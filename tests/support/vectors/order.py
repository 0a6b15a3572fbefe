"""Vectors of order and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from shanhai.exchange import dsse
from shanhai.exchange.bodies import Body, End, write_body
from shanhai.exchange.keysets import SIGN
from shanhai.exchange.messages import Sealed, seal_message
from shanhai.exchange.order import Acknowledged, Position, Sent
from vectors import build, world
from vectors.build import opening, receiving
from vectors.givens import b64
from vectors.vector import Vector, gap, refused
from vectors.world import DAY, HOUR, LONGYOU, NOW

GROUP = "order"
SET = world.digest("set")
SKEW = timedelta(seconds=world.RULES.skew)


def vectors() -> Iterator[Vector]:
    yield from _sequences()
    yield from _places()
    yield from _generations()
    yield from _times()
    yield from _acknowledgements()
    yield from _unbelieved()
    yield from _keyset_changes()


def note(
    seq: int = 0, prev: str | None = None, *, word: str = "", ack: Acknowledged | None = None, **more: object
) -> Sealed:
    """A small message at some place; `word` makes its bytes others."""
    body = write_body(Body(world.seed("salt", word).bytes, ack, End(word or None)))
    place = world.address(seq=seq, prev=prev, **more)
    return seal_message(place, body, keys={}, signers=LONGYOU.signers)


def chain(count: int, start: int = 0, prev: str | None = None, **more: object) -> list[Sealed]:
    made: list[Sealed] = []
    for seq in range(start, start + count):
        made.append(note(seq, made[-1].digest if made else prev, word=f"message {seq}", **more))
    return made


def settled(messages: list[Sealed], generation: int = 0) -> Position:
    known = {(generation, one.header.seq): one.digest for one in messages}
    return Position(generation, messages[-1].header.seq + 1, messages[-1].digest, known)


def _sequence(
    name: str,
    about: str,
    envelopes: list[bytes],
    outcomes: list[str],
    *,
    keysets: dict[int, bytes] | None = None,
    **more: object,
) -> Vector:
    given = {
        "envelopes": [b64(one) for one in envelopes],
        "standing": build.standing_given(**more),
        "keysets": {str(at): b64(one) for at, one in (keysets or {}).items()},
    }
    return Vector(name, GROUP, about, "sequence", given, NOW, {"passes": {"outcomes": outcomes}})


def _sequences() -> Iterator[Vector]:
    zero, one, two = chain(3)
    about = "the second comes before the first, and passes when it comes again"
    early = [one.envelope, zero.envelope, one.envelope]
    yield _sequence("out-of-order", about, early, ["gap", "next", "next"])
    about = "cut off while it was uploaded, then whole, then once more"
    cut = [two.envelope[:5000], zero.envelope[:-1], zero.envelope, zero.envelope]
    yield _sequence(
        "cut-off-and-resumed", about, cut, ["json-not-strict", "json-not-strict", "next", "known"]
    )
    about = "the sender was killed between signing and uploading, and uploads the stored bytes, twice"
    yield _sequence("crash-after-sign-before-upload", about, [zero.envelope] * 2, ["next", "known"])
    late = note(1, zero.digest, issued=NOW - 3 * DAY, not_after=NOW - DAY, set_digest=SET)
    after = note(2, late.digest)
    about = "a message that expired on its way keeps its place, and the next one passes"
    three = [zero.envelope, late.envelope, after.envelope]
    yield _sequence("expired.keeps-its-place", about, three, ["next", "expired", "next"])


NEWER = LONGYOU.signing("newer")


def _newer(sealed: Sealed) -> Sealed:
    """The same message by the newer sign key."""
    envelope = build.reheaded(sealed.envelope, [NEWER], **{"from": NEWER.kid})
    return replace(sealed, envelope=envelope, digest=dsse.read(envelope, dsse.MESSAGE).digest)


def _stolen(**more: object) -> bytes:
    """Longyou's keyset with a newer sign key, and the old one compromised."""
    keys = [*LONGYOU.entries, LONGYOU.entry(NEWER, SIGN)]
    return LONGYOU.keyset_envelope(
        version=2, keys=keys, compromised={LONGYOU.signing().kid: NOW - HOUR / 2}, **more
    )


def _over() -> bytes:
    """Longyou's keyset with a newer sign key, and the old one over."""
    old = LONGYOU.entry(LONGYOU.signing(), SIGN, end=NOW - HOUR / 2)
    kept = [one for one in LONGYOU.entries if one.kid != old.kid]
    return LONGYOU.keyset_envelope(version=2, keys=[*kept, old, LONGYOU.entry(NEWER, SIGN)])


def _unbelieved() -> Iterator[Vector]:
    name, theirs = "signer-not-believed", _stolen()
    expect = refused("signer-compromised-since", "order")
    zero = note()
    forged = note(word="by whoever has the old key")
    about = "a stolen key at the next number: the honest message takes it"
    honest = _newer(zero)
    three = [forged.envelope, honest.envelope, forged.envelope]
    outcomes = ["signer-compromised-since", "next", "signer-compromised-since"]
    yield _sequence(f"{name}.next", about, three, outcomes, theirs=theirs)
    about = "a stolen key at the number of a settled message: no fork"
    position = settled([zero])
    yield _place(f"{name}.settled", about, forged, expect, position, theirs=theirs)
    about = "a stolen key at the next number, after another message than the last: no fork"
    strange = note(1, world.digest("another zero"))
    yield _place(f"{name}.prev", about, strange, expect, position, theirs=theirs)
    theirs = _over()
    one = note(1, zero.digest)
    two = _newer(note(2, one.digest))
    about = "two came when their key was over; one by a newer key names them, and they keep their numbers"
    four = [zero.envelope, one.envelope, two.envelope, one.envelope]
    outcomes = ["signer-expired", "signer-expired", "next", "known"]
    yield _sequence(f"{name}.vouched", about, four, outcomes, theirs=theirs)
    about = "one came when its key was over, and a message by a newer key names another one"
    other = _newer(note(1, forged.digest))
    outcomes = ["signer-expired", "gap"]
    yield _sequence(f"{name}.not-vouched", about, [zero.envelope, other.envelope], outcomes, theirs=theirs)
    about = "of two that came for one number when their key was over, the one that is named keeps it"
    three = [forged.envelope, zero.envelope, _newer(one).envelope, forged.envelope]
    outcomes = ["signer-expired", "signer-expired", "next", "signer-expired"]
    yield _sequence(f"{name}.vouched-of-two", about, three, outcomes, theirs=theirs)


def _keyset_changes() -> Iterator[Vector]:
    both = replace(LONGYOU, post_quantum=True)
    second = both.keyset_envelope(version=2)
    zero = note()
    first = note(1, zero.digest)
    told, whole = (
        build.signed(dsse.read(one.envelope, dsse.MESSAGE).payload, both.signers) for one in (zero, first)
    )
    stripped = first.envelope
    about = (
        "the message that brings a keyset is judged by the one before, the next one by that which it brought"
    )
    outcomes = ["next", "sig-algorithm-missing", "next"]
    three = [told, stripped, whole]
    yield _sequence("keyset-in-message", about, three, outcomes, keysets={1: second})


def _place(
    name: str, about: str, sealed: Sealed, expect: dict[str, object], position: Position, **more: object
) -> Vector:
    return receiving(name, about, sealed.envelope, expect, group=GROUP, position=position, **more)


def _places() -> Iterator[Vector]:
    messages = chain(3)
    position = settled(messages)
    about = "a message that was settled comes again"
    yield _place("replayed.known", about, messages[1], {"passes": {"arrival": "known"}}, position)
    forgotten = Position(0, 3, messages[-1].digest, {})
    about = "an old message comes again, and its digest is no longer recorded"
    yield _place("replayed", about, messages[1], refused("replayed", "order"), forgotten)
    about = "two messages before it are missing"
    far = note(5, world.digest("four"))
    yield _place("gap", about, far, gap("gap", "order"), position)
    about = "the number of a settled message with other bytes"
    other = note(2, messages[1].digest, word="another two")
    yield _place("fork-same-seq", about, other, refused("fork-same-seq", "order"), position)
    about = "the next number, after another message than the last"
    strange = note(3, world.digest("another two"))
    yield _place("fork-prev-mismatch", about, strange, refused("fork-prev-mismatch", "order"), position)
    about = "the sender fell back to an old copy and gave the number one again"
    again = note(1, messages[0].digest, word="after the old copy")
    yield _place("rolled-back-after-restore", about, again, refused("fork-same-seq", "order"), position)


def _generations() -> Iterator[Vector]:
    first = note(0, None, generation=1)
    about = "a message of the generation before"
    new = Position(1, 0, None, {})
    raised = LONGYOU.keyset_envelope(version=2, generation=1)
    old = note(7, world.digest("six"))
    expect = refused("generation-old", "order")
    yield receiving("generation-old", about, old.envelope, expect, group=GROUP, position=new, theirs=raised)
    about = "a new generation that stands in no keyset"
    expect = refused("generation-raised-without-root", "order")
    yield receiving("generation-raised-without-root", about, first.envelope, expect, group=GROUP)
    about = "a new generation that the root signed and no person has confirmed"
    expect = gap("generation-not-confirmed", "order")
    yield receiving("generation-not-confirmed", about, first.envelope, expect, group=GROUP, theirs=raised)
    about = "a new generation, confirmed"
    expect = {"passes": {"arrival": "next"}}
    name = "generation-confirmed"
    yield receiving(name, about, first.envelope, expect, group=GROUP, theirs=raised, position=new)


def _times() -> Iterator[Vector]:
    late = note(issued=NOW - 3 * DAY, not_after=NOW, set_digest=SET)
    about = "what carries no set does not expire: nobody can make a revocation void by holding it back"
    held_back = note(issued=NOW - 300 * DAY)
    passes = {"passes": {"arrival": "next"}}
    yield receiving("expired.without-set", about, held_back.envelope, passes, group=GROUP)
    expect = refused("json-field-wrong", "signature")
    about = "a message without a set names an end"
    ends = build.reheaded(held_back.envelope, not_after="2027-03-03T08:00:00Z")
    yield receiving("expired.field-without-set", about, ends, expect, group=GROUP)
    about = "a parcel names no end"
    endless = build.reheaded(world.parcel().envelope, not_after=None)
    yield receiving("expired.parcel-without-end", about, endless, expect, group=GROUP)
    about = "the moment is the one until before which it was valid"
    yield receiving("expired", about, late.envelope, refused("expired", "time"), group=GROUP)
    passes = {"passes": {"arrival": "next"}}
    edge = note(issued=NOW + SKEW)
    about = "issued later than now by exactly the skew of the pairing"
    yield receiving("clock-skew-edge", about, edge.envelope, passes, group=GROUP)
    future = note(issued=NOW + SKEW + timedelta(seconds=1))
    expect = gap("issued-in-future", "time")
    about = "issued one second later than the skew allows"
    yield receiving("clock-skew-edge.beyond", about, future.envelope, expect, group=GROUP)
    future = note(issued=NOW + DAY)
    yield receiving("issued-in-future", "issued tomorrow", future.envelope, expect, group=GROUP)
    about = "a message that was accepted is opened again after it expired"
    old = note(issued=NOW - 30 * DAY, not_after=NOW - 20 * DAY, set_digest=SET)
    accepted = build.accepted_given(old.digest, NOW - 29 * DAY, LONGYOU.keyset_envelope())
    passes = {"passes": {"arrival": "reopened"}}
    yield receiving("reopen-expired-accepted", about, old.envelope, passes, group=GROUP, accepted=accepted)
    about = "another message than the one that was accepted"
    other = note(word="another", issued=NOW - 30 * DAY, not_after=NOW - 20 * DAY, set_digest=SET)
    expect = refused("reopened-other-bytes", "order")
    yield receiving("reopened-other-bytes", about, other.envelope, expect, group=GROUP, accepted=accepted)


def _acknowledgements() -> Iterator[Vector]:
    digests = {(0, seq): world.digest("ours", str(seq)) for seq in range(3)}
    sent = Sent(digests, Acknowledged(0, 1, digests[(0, 1)]))

    def case(name: str, about: str, ack: Acknowledged | None, expect: dict[str, object]) -> Vector:
        envelope = note(ack=ack, issued=NOW - HOUR).envelope
        holds = build.held(sent=sent)
        return opening(name, about, envelope, expect, group=GROUP, holds=holds, carries_set=False)

    expect = refused("ack-below-ours", "order")
    about = "acknowledges less than the partner acknowledged before"
    yield case("ack-below-ours", about, Acknowledged(0, 0, digests[(0, 0)]), expect)
    about = "acknowledges nothing, where the partner acknowledged before"
    yield case("ack-below-ours.nothing", about, None, expect)
    about = "acknowledges a number of ours with the digest of something else"
    expect = refused("ack-of-other-bytes", "order")
    yield case("ack-of-other-bytes", about, Acknowledged(0, 2, world.digest("not ours")), expect)
    about = "acknowledges the newest of ours"
    yield case("ack-good", about, Acknowledged(0, 2, digests[(0, 2)]), {"passes": {"keys": []}})
