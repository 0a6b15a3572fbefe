"""Vectors of keys, pairings and grants over time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shanhai.exchange import dsse
from shanhai.exchange.grants import write_grant
from shanhai.exchange.keysets import HPKE, SIGN
from shanhai.exchange.pairings import (
    Offer,
    Pairing,
    agree,
    countersign,
    number,
    read_offer,
    sign_offer,
    sign_pairing,
)
from shanhai.exchange.rules import Rules
from vectors import build, givens, world
from vectors.build import opening, receiving
from vectors.givens import b64
from vectors.order import note
from vectors.vector import Vector, refused
from vectors.world import DAY, GONGSHU, HOUR, LONGYOU, NOW, YEAR, ZHAOHUA, Node

GROUP = "keys"
SIGNER = LONGYOU.signing()
NEXT = {"passes": {"arrival": "next"}}


def vectors() -> Iterator[Vector]:
    yield from _signers()
    yield from _keysets()
    yield from _pairings()
    yield from _grants()


def _theirs(**changes: Any) -> bytes:
    return LONGYOU.keyset_envelope(version=2, **changes)


def _valid(start: Any, end: Any) -> bytes:
    """Longyou's keyset with other times for the key that signs."""
    entries = [
        LONGYOU.entry(SIGNER, SIGN, start=start, end=end),
        LONGYOU.entry(LONGYOU.signing("newer"), SIGN),
        LONGYOU.entry(LONGYOU.opening(), HPKE),
    ]
    return _theirs(keys=entries)


def _signers() -> Iterator[Vector]:
    envelope = note(issued=NOW - HOUR).envelope
    digest = note_digest(envelope)

    def case(name: str, about: str, expect: dict[str, object], theirs: bytes, **more: Any) -> Vector:
        return receiving(name, about, envelope, expect, group=GROUP, theirs=theirs, **more)

    about = "issued after the key was compromised"
    since = _theirs(compromised={SIGNER.kid: NOW - 2 * HOUR})
    yield case("signer-revoked", about, refused("signer-revoked", "signature"), since)
    about = "says that it was issued before the key was compromised, and came after"
    since = _theirs(compromised={SIGNER.kid: NOW - HOUR / 2})
    expect = refused("signer-compromised-since", "order")
    yield case("signer-compromised-since-backdated", about, expect, since)
    expect = refused("signer-compromised-since", "time")
    about = "came before the key was compromised, and is opened again"
    accepted = build.accepted_given(digest, NOW - HOUR * 3 / 4, LONGYOU.keyset_envelope())
    passes = {"passes": {"arrival": "reopened"}}
    yield case("signer-compromised-later", about, passes, since, accepted=accepted)
    about = "was accepted after the moment that is now known as that of the compromise"
    accepted = build.accepted_given(digest, NOW - HOUR / 4, LONGYOU.keyset_envelope())
    name = "signer-compromised-since-backdated.reopened"
    yield case(name, about, expect, since, accepted=accepted)
    about = "issued before the key was valid"
    early = _valid(NOW - HOUR / 2, NOW + YEAR)
    yield case("key-not-yet-valid", about, refused("key-not-yet-valid", "signature"), early)
    about = "signed by the old key while old and new overlap"
    yield case("overlap-old-key", about, NEXT, _valid(NOW - YEAR, NOW + DAY))
    about = "signed by the old key while it was valid, and first received after"
    expect = refused("signer-expired", "order")
    yield case("overlap-old-key.received-after", about, expect, _valid(NOW - YEAR, NOW))
    about = "issued when the key was no longer valid"
    expect = refused("signer-expired", "signature")
    yield case("overlap-old-key.issued-after", about, expect, _valid(NOW - YEAR, NOW - 2 * HOUR))
    about = "signed by a key that the newest keyset does not list"
    entries = [LONGYOU.entry(LONGYOU.signing("newer"), SIGN), LONGYOU.entry(LONGYOU.opening(), HPKE)]
    expect = refused("sig-unknown-key", "signature")
    yield case("signer-revoked.not-listed", about, expect, _theirs(keys=entries))


def note_digest(envelope: bytes) -> str:
    return dsse.read(envelope, dsse.MESSAGE).digest


def _keyset(name: str, about: str, expect: dict[str, object], envelope: bytes, **more: Any) -> Vector:
    given = {
        **givens.keyset_given(envelope, more.get("roots", LONGYOU.side.roots[:1])),
        "known": b64(more["known"]) if "known" in more else None,
        "reader": b64(more["reader"]) if "reader" in more else None,
    }
    return Vector(name, GROUP, about, "keyset", given, NOW, expect)


def _keysets() -> Iterator[Vector]:
    first, second = LONGYOU.keyset_envelope(), LONGYOU.keyset_envelope(version=2)
    good = {"passes": {"node": LONGYOU.id, "version": 2}}
    yield _keyset("keyset-newer-version", "a newer version replaces", good, second, known=first)
    about = "an older version where a newer one is known"
    yield _keyset(
        "keyset-older-version", about, refused("keyset-older-version", "signature"), first, known=second
    )
    about = "the version that is known, with other keys"
    other = LONGYOU.keyset_envelope(version=2, name="longyou_2")
    yield _keyset("keyset-fork", about, refused("keyset-fork", "signature"), other, known=second)
    expect = refused("keyset-not-by-root", "signature")
    payload = dsse.read(first, dsse.KEYSET).payload
    about = "a keyset that the node's own sign key signed"
    yield _keyset("keyset-not-by-root", about, expect, build.signed(payload, [SIGNER], dsse.KEYSET))
    about = "a keyset that one of two roots signed"
    roots = [LONGYOU.side.roots[0], LONGYOU.signing("second root").public]
    yield _keyset("keyset-not-by-root.one-of-two", about, expect, first, roots=roots)
    about = "the keyset of another node, signed by the roots that are expected"
    stolen = dsse.read(ZHAOHUA.keyset_envelope(), dsse.KEYSET).payload
    expect = refused("keyset-of-other-node", "signature")
    yield _keyset("keyset-of-other-node", about, expect, build.signed(stolen, LONGYOU.roots, dsse.KEYSET))
    about = "a keyset that requires an algorithm that none of its keys has"
    value = json.loads(payload)
    value["require"] = ["ed25519", "ml-dsa-65"]
    lacking = build.signed(build.compact(value), LONGYOU.roots, dsse.KEYSET)
    unusable = refused("keyset-unusable", "signature")
    yield _keyset("keyset-unusable", about, unusable, lacking)
    about = "a sign key of the node that reads it"
    taken = LONGYOU.keyset_envelope(keys=[*LONGYOU.entries, LONGYOU.entry(GONGSHU.signing(), SIGN)])
    name, reader = "keyset-unusable.key-of-the-reader", GONGSHU.keyset_envelope()
    yield _keyset(name, about, unusable, taken, reader=reader)
    yield from _compromised(value, unusable)


def _compromised(bare: dict[str, Any], unusable: dict[str, object]) -> Iterator[Vector]:
    def since(*entries: tuple[str, str]) -> bytes:
        told = [{"kid": kid, "since": moment} for kid, moment in entries]
        value = {**bare, "require": ["ed25519"], "version": 2, "compromised": told}
        return build.signed(build.compact(value), LONGYOU.roots, dsse.KEYSET)

    early, late = "2027-01-05T00:00:00Z", "2027-02-01T00:00:00Z"
    lower, higher = sorted((SIGNER.kid, world.digest("a key of an older version")))
    good = {"passes": {"version": 2}}
    about = "a compromised key need not be listed: an older version had it"
    name = "keyset-compromised"
    yield _keyset(f"{name}.not-listed", about, good, since((lower, early), (higher, late)))
    about = "one key is compromised since two moments"
    yield _keyset(f"{name}.twice", about, unusable, since((lower, early), (lower, late)))
    about = "compromised keys stand in another order than that of their ids"
    yield _keyset(f"{name}.order", about, unusable, since((higher, early), (lower, late)))
    known = LONGYOU.keyset_envelope(compromised={SIGNER.kid: NOW - 30 * DAY})
    about = "a newer version says that a key was compromised later than the one that is known"
    yield _keyset(f"{name}.later", about, unusable, since((SIGNER.kid, late)), known=known)
    about = "a newer version forgets that a key is compromised"
    yield _keyset(f"{name}.forgotten", about, unusable, since(), known=known)
    about = "a newer version says that a key was compromised earlier than was known"
    yield _keyset(f"{name}.earlier", about, good, since((SIGNER.kid, early)), known=known)


def _pairings() -> Iterator[Vector]:
    made = sign_offer(Offer(world.digest("pairing")[:32], LONGYOU.side, world.RULES), LONGYOU.signers)
    offer = read_offer(made, keyset=LONGYOU.keyset(), now=NOW)
    agreed = agree(offer, GONGSHU.side)
    compared = number(agreed)
    given: dict[str, Any] = {"pairing": givens.pairing_given(agreed), "told": compared}
    yield Vector(
        "pair-fingerprint-good", GROUP, "the number is the same", "number", given, NOW, {"passes": {}}
    )
    about = "one digit of the number differs"
    wrong = {**given, "told": compared[:-1] + str((int(compared[-1]) + 1) % 10)}
    expect = refused("pair-fingerprint-mismatch", "standing")
    yield Vector("pair-fingerprint-mismatch", GROUP, about, "number", wrong, NOW, expect)
    wider = agree(replace(offer, rules=Rules(skew=3600)), GONGSHU.side)
    told = {"pairing": givens.pairing_given(wider), "told": compared}
    about = "the rules were changed on their way, and the number tells"
    yield Vector("pair-fingerprint-mismatch.rules-changed", GROUP, about, "number", told, NOW, expect)
    mallory = Node("gongshu").signing("another root").public
    swapped = replace(
        agreed,
        sides=tuple(
            replace(side, roots=(mallory,)) if side.node == GONGSHU.id else side for side in agreed.sides
        ),
    )
    about = "the partner's root was exchanged on its way, and the number tells"
    wrong = {"pairing": givens.pairing_given(swapped), "told": compared}
    yield Vector("pair-fingerprint-mismatch.root-exchanged", GROUP, about, "number", wrong, NOW, expect)

    def case(
        name: str, about: str, document: Pairing, expect: dict[str, object], *, both: bool = False
    ) -> Vector:
        envelope = sign_pairing(document, GONGSHU.signers)
        signed = [GONGSHU.id]
        if both:
            envelope, signed = countersign(envelope, LONGYOU.signers), [GONGSHU.id, LONGYOU.id]
        given = {
            "envelope": b64(envelope),
            "offer": b64(made),
            "keysets": [b64(LONGYOU.keyset_envelope()), b64(GONGSHU.keyset_envelope())],
            "signed": signed,
        }
        return Vector(name, GROUP, about, "pairing", given, NOW, expect)

    good = {"passes": {"id": agreed.id, "number": compared}}
    yield case("pair-countersign-good", "signed by both", agreed, good, both=True)
    for state, step in (("ended", "resume here"), ("offered", "confirm here"), ("accepted", "suspend here")):
        name = f"pairing-step-wrong.{step.replace(' ', '-')}-{state}"
        about = f"a pairing that is {state} cannot take the step {step}"
        wrong = refused("pairing-step-wrong", "standing")
        yield Vector(name, GROUP, about, "step", {"state": state, "step": step}, NOW, wrong)
    expect = refused("pair-countersign-other-document", "standing")
    wider = replace(agreed, rules=Rules(skew=3600))
    yield case("pair-countersign-other-document", "with other rules than were offered", wider, expect)
    other = replace(agreed, offer_sha256=world.digest("another offer"))
    yield case("pair-countersign-other-document.other-offer", "of another offer", other, expect)


def _grants() -> Iterator[Vector]:
    envelope = world.parcel().envelope

    def case(name: str, about: str, expect: dict[str, object], **changes: Any) -> Vector:
        holds = build.held(grants=world.held_grants(**changes))
        return opening(name, about, envelope, expect, group=GROUP, holds=holds)

    yield case(
        "grant-revoked", "the owner took the grant back", refused("grant-revoked", "unwrap"), revoked=True
    )
    about = "the grant was valid until now"
    expect = refused("grant-expired", "unwrap")
    yield case("grant-expired", about, expect, valid_from=NOW - YEAR, until=NOW)
    about = "the grant is valid from tomorrow"
    yield case("grant-not-yet-valid", about, refused("grant-not-yet-valid", "unwrap"), valid_from=NOW + DAY)
    about = "the parcel names revision 2, and revision 3 is known"
    yield case("grant-older-revision", about, refused("grant-older-revision", "unwrap"), rev=3)
    about = "the parcel names revision 2, and only revision 1 is known"
    yield case("grant-unknown.newer-revision", about, refused("grant-unknown", "unwrap"), rev=1)
    holds = build.held(grants={})
    about = "no such grant is known"
    yield opening(
        "grant-unknown", about, envelope, refused("grant-unknown", "unwrap"), group=GROUP, holds=holds
    )
    yield from _statements()


def _statements() -> Iterator[Vector]:
    held = world.grant()

    def case(name: str, about: str, expect: dict[str, object], **more: Any) -> Vector:
        given = {
            "grant": write_grant(more.get("grant", replace(held, rev=3))),
            "sender": more.get("sender", LONGYOU.id),
            "me": more.get("me", GONGSHU.id),
            "held": {"owner": LONGYOU.id, "grant": write_grant(held)},
        }
        return Vector(name, GROUP, about, "grant", given, NOW, expect)

    yield case("grant-newer-revision", "the owner sends revision 3", {"passes": {}})
    about = "the grantee sends the owner a wider revision of the owner's grant"
    wide = replace(held, rev=3, columns=world.COLUMNS)
    expect = refused("grant-widened-by-grantee", "unwrap")
    yield case("grant-widened-by-grantee", about, expect, grant=wide, sender=GONGSHU.id, me=LONGYOU.id)
    about = "the owner's revision 1 comes after its revision 2"
    expect = refused("grant-older-revision", "unwrap")
    yield case("grant-older-revision.statement", about, expect, grant=replace(held, rev=1))
    about = "a grant for another node"
    expect = refused("grant-of-other-node", "unwrap")
    yield case("grant-of-other-node", about, expect, grant=replace(held, rev=3, grantee=ZHAOHUA.id))
