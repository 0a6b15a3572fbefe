"""Vectors of addressing and of what is sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import key_id
from shanhai.exchange.keysets import HPKE, SIGN
from shanhai.exchange.messages import seal_message
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.rules import Rules
from shanhai.exchange.suites import CLASSIC, HYBRID, X25519
from vectors import build, world
from vectors.build import compact, header_of, opening, receiving, reheaded, sealed_of
from vectors.givens import b64, keyset_given
from vectors.signature import bare_body
from vectors.vector import Vector, refused
from vectors.world import GONGSHU, LONGYOU, NOW, ZHAOHUA, Node

GROUP = "addressing"


def vectors() -> Iterator[Vector]:
    yield from _recipients()
    yield from _context()
    yield from _bodies()
    yield from _sealed()
    yield from _pairings()


def _recipients() -> Iterator[Vector]:
    honest = world.parcel().envelope
    about = "addressed to the key of a third node"
    wrong = reheaded(honest, to=ZHAOHUA.opening().kid)
    yield receiving("recipient-wrong", about, wrong, refused("recipient-wrong", "standing"), group=GROUP)
    about = "addressed to a key of the recipient, and to another node"
    strange = reheaded(honest, recipient=ZHAOHUA.id)
    expect = refused("recipient-wrong", "standing")
    yield receiving("recipient-wrong.node", about, strange, expect, group=GROUP)
    about = "a message of Gongshu comes back to it: Longyou listed Gongshu's keys as its own"
    back = reheaded(honest, GONGSHU.signers, sender=GONGSHU.id, **{"from": GONGSHU.signing().kid})
    theirs = LONGYOU.keyset_envelope(
        keys=[LONGYOU.entry(GONGSHU.signing(), SIGN), LONGYOU.entry(LONGYOU.opening(), HPKE)]
    )
    expect = refused("pairing-unknown", "standing")
    yield receiving("pairing-unknown.reflected", about, back, expect, group=GROUP, theirs=theirs)
    about = "a message that Gongshu received, readdressed to Zhaohua and signed by Gongshu"
    pairing = world.pairing(one=GONGSHU, other=ZHAOHUA)
    head = {"from": GONGSHU.signing().kid, "to": ZHAOHUA.opening().kid, "pairing": pairing.id}
    head |= {"sender": GONGSHU.id, "recipient": ZHAOHUA.id}
    key = ZHAOHUA.opening()
    yield opening(
        "recipient-substituted",
        about,
        reheaded(honest, GONGSHU.signers, set=world.statement(GONGSHU).digest, **head),
        refused("hpke-not-opened", "opening"),
        group=GROUP,
        set_envelope=world.set_envelope(world.statement(GONGSHU), GONGSHU),
        holds=build.held(node=ZHAOHUA.id, keys={key.kid: key}),
        sender=GONGSHU,
        recipient=ZHAOHUA,
    )
    payload = dsse.read(honest, dsse.MESSAGE).payload
    resigned = build.signed(payload, ZHAOHUA.signers)
    about = "the same message signed by Zhaohua, in the pairing with Longyou"
    expect = refused("sig-unknown-key", "signature")
    yield receiving("resigned-by-third-party", about, resigned, expect, group=GROUP)
    about = "the same message signed by Zhaohua, in its own pairing with Gongshu"
    expect = refused("from-not-signer", "signature")
    name = "resigned-by-third-party.in-its-own-pairing"
    yield receiving(name, about, resigned, expect, group=GROUP, sender=ZHAOHUA)
    about = "a message for Gongshu, laid before Zhaohua, which is paired with Longyou too"
    expect = refused("pairing-unknown", "standing")
    yield receiving("forwarded-to-third-party", about, honest, expect, group=GROUP, recipient=ZHAOHUA)


def _context() -> Iterator[Vector]:
    honest = world.parcel().envelope
    head = header_of(honest)
    other = {
        "v": 2,
        "pairing": "0" * 32,
        "sender": "0" * 64,
        "from": "0" * 64,
        "recipient": "0" * 64,
        "to": "0" * 64,
        "generation": 1,
        "seq": 1,
        "prev": "0" * 64,
        "issued": "2027-03-01T07:00:01Z",
        "not_after": "2037-03-03T08:00:00Z",
        "suite": CLASSIC,
        "set": None,
        "body_sha256": "0" * 64,
    }
    assert set(other) == set(head)
    headers = [b64(compact({**head, name: value})) for name, value in other.items()]
    headers.append(b64(compact(head) + b" "))
    key = GONGSHU.opening()
    given = {
        "headers": headers,
        "sealed": b64(sealed_of(honest)),
        "key": {"alg": key.alg, "seed": b64(key.seed.bytes)},
    }
    expect = refused("hpke-not-opened", "opening")
    about = "each field of the header in turn has another value, and once there is a blank behind it"
    yield Vector("context-changed", GROUP, about, "open", given, NOW, expect)
    good = {**given, "headers": [b64(compact(head))]}
    yield Vector("context-unchanged", GROUP, "the header as signed", "open", good, NOW, {"passes": {}})
    about = "the sender lengthened the validity of a sealed message and signed again"
    later = reheaded(honest, not_after=other["not_after"])
    yield opening("context-changed.re-signed", about, later, expect, group=GROUP)


def _bodies() -> Iterator[Vector]:
    def bare(**changes: object) -> bytes:
        body = {**bare_body(), **changes}
        kept = {name: value for name, value in body.items() if value is not ...}
        return compact({"body": b64(compact(kept)), "keys": {}, "pad": ""})

    def case(name: str, about: str, envelope: bytes, expect: dict[str, object]) -> Vector:
        return opening(name, about, envelope, expect, group=GROUP, carries_set=False)

    passes = {"passes": {"keys": []}}
    yield case("body-good", "an end of the pairing", build.resealed(bare(), set=None), passes)
    wrong = build.resealed(bare(), set=None, body_sha256="0" * 64)
    about = "the header names the digest of another body"
    yield case("body-digest-wrong", about, wrong, refused("body-digest-wrong", "unwrap"))
    expect = refused("body-salt-missing", "unwrap")
    missing = build.resealed(bare(salt=...), set=None)
    yield case("body-salt-missing", "the body has no salt", missing, expect)
    short = build.resealed(bare(salt=b64(b"short")), set=None)
    yield case("body-salt-missing.short", "the salt has five bytes", short, expect)
    later = build.resealed(bare(v=2, salt=...), set=None)
    about = "a body of a later version, which has no salt: the version is judged first"
    yield case("body-version-unknown", about, later, refused("version-unknown", "unwrap"))
    expect = refused("body-padding-wrong", "unwrap")
    padded = bare()[:-2] + b"x" * 10 + b'"}'
    about = "the padding is not of blanks"
    yield case(
        "body-padding-wrong",
        about,
        build.resealed(padded.replace(b'"pad":"', b'"pad":"' + b"x" * (-len(padded) % 4096)), set=None),
        expect,
    )
    without = build.resealed(bare(), set=world.statement().digest)
    about = "the header names a set, and the body is of no parcel"
    expect = refused("body-without-set", "unwrap")
    yield opening("body-without-set", about, without, expect, group=GROUP)


def _sealed() -> Iterator[Vector]:
    honest = world.parcel().envelope
    head = compact(header_of(honest))
    expect = refused("hpke-not-opened", "opening")
    for variant, length in (("", -1), (".key-only", 1120), (".half-a-key", 600), (".one-byte", 1)):
        cut = build.message(head, sealed_of(honest)[:length])
        yield opening(f"hpke-truncated{variant}", "the sealed part was cut off", cut, expect, group=GROUP)
    about = "the recipient deleted the private key"
    expect = refused("hpke-key-rotated-away", "opening")
    yield opening("hpke-key-rotated-away", about, honest, expect, group=GROUP, holds=build.held(keys={}))
    expect = refused("hpke-x25519-key-used-in-hybrid", "signature")
    value = json.loads(dsse.read(GONGSHU.keyset_envelope(), dsse.KEYSET).payload)
    half = GONGSHU.opening().public.x25519
    hybrid = next(one for one in value["keys"] if one["use"] == "hpke")
    value["keys"].append({**hybrid, "alg": X25519, "pub": b64(half), "kid": key_id(X25519, half)})
    value["keys"].sort(key=lambda one: one["kid"])
    envelope = build.signed(compact(value), GONGSHU.roots, dsse.KEYSET)
    given = keyset_given(envelope, GONGSHU.side.roots[:1])
    about = "the X25519 half of a hybrid key stands in the keyset as a key of its own"
    yield Vector("hpke-x25519-key-used-in-hybrid", GROUP, about, "keyset", given, NOW, expect)
    about = "the hybrid suite, addressed to an X25519 key"
    both = Node("gongshu", suites=(HYBRID, CLASSIC))
    envelope = reheaded(honest, to=both.opening(X25519).kid)
    expect = refused("hpke-key-of-other-suite", "standing")
    name = "hpke-x25519-key-used-in-hybrid.by-header"
    yield receiving(name, about, envelope, expect, group=GROUP, mine=both.keyset_envelope())
    place = world.address(recipient=GONGSHU, set_digest=world.statement().digest, suite=CLASSIC)
    key = both.opening(X25519)
    classic = seal_message(
        replace(place, recipient=key.public),
        world.parcel_body(),
        keys=world.parcel_keys(),
        signers=LONGYOU.signers,
    )
    yield opening(
        "hpke-classic-good",
        "the lesser suite, where both sides accept it",
        classic.envelope,
        {"passes": {"keys": sorted(world.parcel_keys())}},
        group=GROUP,
        holds=build.held(keys={key.kid: key}),
        rules=Rules(suites=(HYBRID, CLASSIC)),
        mine=both.keyset_envelope(),
    )


def _pairings() -> Iterator[Vector]:
    honest = world.parcel().envelope
    about = "a pairing that the recipient does not know"
    expect = refused("pairing-unknown", "standing")
    yield receiving("pairing-unknown", about, reheaded(honest, pairing="0" * 32), expect, group=GROUP)
    for state, name in (
        (PairingState.SUSPENDED_HERE, "pairing-suspended"),
        (PairingState.ENDED, "pairing-ended"),
        (PairingState.CONFIRMED_THERE, "pairing-not-confirmed"),
    ):
        about = f"the pairing is {state.value}"
        yield receiving(name, about, honest, refused(name, "standing"), group=GROUP, state=state)
    passes = {"passes": {"arrival": "next"}}
    about = "confirmed here alone: by its first message the partner tells that it confirmed too"
    name = "pairing-confirmed-here"
    yield receiving(name, about, honest, passes, group=GROUP, state=PairingState.CONFIRMED_HERE)
    about = "suspended by the partner, whose messages are received still, that it may resume"
    name = "pairing-suspended-there"
    yield receiving(name, about, honest, passes, group=GROUP, state=PairingState.SUSPENDED_THERE)
