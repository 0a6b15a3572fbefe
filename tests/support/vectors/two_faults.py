"""Vectors of messages that two checks would refuse: which of them comes first decides what is told.

Each is called by the two checks of the specification, the one that decides first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shanhai.exchange.grants import HeldGrant
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.rules import Rules
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.suites import CLASSIC, HYBRID, X25519
from vectors import build, world
from vectors.build import compact, opening, receiving, reheaded
from vectors.givens import b64
from vectors.order import note, settled
from vectors.signature import bare_body
from vectors.vector import Vector, refused
from vectors.world import DAY, HOUR, LONGYOU, NOW, SET_ID, YEAR, ZHAOHUA, Node

GROUP = "checks"
BOTH = Node("gongshu", suites=(HYBRID, CLASSIC))
"""The recipient where its keyset lists the lesser suite as well."""

FOOTER, OPENED, SUBJECT = f"{SET_ID}.f", f"{SET_ID}.1", f"{SET_ID}.2"
NOT_OURS = {"generation": 0, "seq": 0, "digest": "0" * 64}
"""An acknowledgement of what was never sent."""


def vectors() -> Iterator[Vector]:
    yield from _between()
    yield from _standing()
    yield from _bodies()
    yield from _grants()
    yield from _terms_and_keys()


def _stands(name: str, about: str, code: str, stage: str = "standing", **more: Any) -> Vector:
    envelope = more.pop("envelope", None) or reheaded(world.parcel().envelope, **more.pop("header"))
    return receiving(f"two-faults.{name}", about, envelope, refused(code, stage), group=GROUP, **more)


def _between() -> Iterator[Vector]:
    other, third = {"pairing": "0" * 32}, {"recipient": ZHAOHUA.id}
    about = "by a key that was compromised when it was issued, and of a pairing that is not known"
    theirs = LONGYOU.keyset_envelope(version=2, compromised={LONGYOU.signing().kid: NOW - 2 * HOUR})
    yield _stands("2d-3a", about, "signer-revoked", "signature", header=other, theirs=theirs)
    about = "of a pairing that is not known, and for a third node"
    yield _stands("3a-3a.pairing", about, "pairing-unknown", header={**other, **third})
    about = "says that a third node sends it, and that it is for that node"
    yield _stands("3a-3a.sender", about, "pairing-unknown", header={"sender": ZHAOHUA.id, **third})
    ended = PairingState.ENDED
    about = "of a pairing that is not known, where the one that is has ended"
    yield _stands("3a-3b", about, "pairing-unknown", header=other, state=ended)
    about = "for a third node, in a pairing that has ended"
    yield _stands("3a-3b.recipient", about, "recipient-wrong", header=third, state=ended)
    about = "for a third node, in a suite that is not allowed"
    yield _stands("3a-3d", about, "recipient-wrong", header={**third, "suite": CLASSIC})


def _standing() -> Iterator[Vector]:
    strange, lesser = {"to": ZHAOHUA.opening().kid}, {"suite": CLASSIC}
    for state, word in (
        (PairingState.ENDED, "ended"),
        (PairingState.SUSPENDED_HERE, "suspended"),
        (PairingState.CONFIRMED_THERE, "not-confirmed"),
    ):
        about = f"the pairing is {state.value}, and the key is of a third node"
        yield _stands(f"3b-3c.{word}", about, f"pairing-{word}", header=strange, state=state)
        about = f"the pairing is {state.value}, and the suite is not allowed"
        yield _stands(f"3b-3d.{word}", about, f"pairing-{word}", header=lesser, state=state)
    about = "to a key of a third node, in a suite that is not allowed"
    yield _stands("3c-3d", about, "recipient-wrong", header={**strange, **lesser})
    about = "in a suite that the recipient's keyset does not list, and that does not fit the key"
    rules = Rules(suites=(HYBRID, CLASSIC))
    yield _stands("3d-3e.by-keyset", about, "suite-not-allowed", header=lesser, rules=rules)
    about = "in a suite that the pairing does not allow, and that does not fit the key"
    mine = BOTH.keyset_envelope()
    yield _stands("3d-3e.by-rules", about, "suite-not-allowed", header=lesser, mine=mine)
    about = "in a suite that does not fit the key, under the number of a settled message: no fork"
    zero, other = note(), note(word="another zero")
    unfit = reheaded(other.envelope, to=BOTH.opening(X25519).kid)
    position = settled([zero])
    yield _stands(
        "3e-4c", about, "hpke-key-of-other-suite", envelope=unfit, mine=mine, rules=rules, position=position
    )


def _opens(name: str, about: str, code: str, envelope: bytes, stage: str = "unwrap", **more: Any) -> Vector:
    return opening(f"two-faults.{name}", about, envelope, refused(code, stage), group=GROUP, **more)


def _sealed(body: Mapping[str, Any], keys: Mapping[str, Secret] | None = None, **header: object) -> bytes:
    """A message with that body; fields that are `...` are left out."""
    kept = {name: value for name, value in body.items() if value is not ...}
    held = {key_id: b64(key.bytes) for key_id, key in (keys or {}).items()}
    pad = header.pop("pad", "")
    return build.resealed({"body": b64(compact(kept)), "keys": held, "pad": pad}, **header)


def _bodies() -> Iterator[Vector]:
    def case(name: str, about: str, code: str, *, pad: str = "", **changes: Any) -> Vector:
        header = {"set": changes.pop("set", None), "pad": pad}
        if "body_sha256" in changes:
            header["body_sha256"] = changes.pop("body_sha256")
        envelope = _sealed({**bare_body(), **changes}, **header)
        return _opens(name, about, code, envelope, carries_set=header["set"] is not None)

    made = world.statement().digest
    about = "padded by something else than blanks, and another body than the header names"
    yield case("8c-8d", about, "body-padding-wrong", pad="x", body_sha256="0" * 64)
    about = "another body than the header names, and without a salt"
    yield case("8d-8e", about, "body-digest-wrong", salt=..., body_sha256="0" * 64)
    about = "without a salt, and no parcel where the header names a set"
    yield case("8e-8f", about, "body-salt-missing", salt=..., set=made)
    about = "without a salt, and of a type that is not known"
    yield case("8e-8g", about, "body-salt-missing", salt=..., type="head")
    about = "with a salt of five bytes, and of a type that is not known"
    yield case("8e-8g.short", about, "body-salt-missing", salt=b64(b"short"), type="head")
    about = "of a type that is not known, where the header names a set"
    yield case("8f-8g", about, "body-without-set", type="head", set=made)
    about = "a parcel where the header names no set, and its content is that of an end"
    yield case("8f-8g.parcel", about, "body-without-set", type="parcel")
    about = "of a type that is not known, and acknowledges what was never sent"
    yield case("8g-8h", about, "body-type-unknown", type="head", ack=NOT_OURS)
    about = "an end with a field more, and acknowledges what was never sent"
    more = {"v": 1, "reason": None, "more": 1}
    yield case("8g-8h.content", about, "json-unknown-field", content=more, ack=NOT_OURS)


def _parcel(
    keys: Mapping[str, Secret] | None = None,
    made: SetStatement | None = None,
    body: bytes | None = None,
    **changes: object,
) -> bytes:
    whole = {**json.loads(body or world.parcel_body()), **changes}
    return _sealed(whole, keys or world.parcel_keys(), set=(made or world.statement()).digest)


def _grants() -> Iterator[Vector]:
    about = "acknowledges what was never sent, under a grant that is not known"
    envelope = _parcel(ack=NOT_OURS)
    none = build.held(grants={})
    yield _opens("8h-8i", about, "ack-of-other-bytes", envelope, "order", holds=none)
    about = "under a grant of a third node, which took it back"
    revoked = world.grant(revoked=True)
    theirs = build.held(grants={revoked.id: HeldGrant(ZHAOHUA.id, revoked)})
    yield _opens("8i-8j", about, "grant-unknown", _parcel(), holds=theirs)
    others = _parcel(body=world.parcel_body(world.facts(version=8)))

    def held(**changes: Any) -> Any:
        return build.held(grants=world.held_grants(**changes))

    over = {"valid_from": NOW - YEAR, "until": NOW}
    about = "under a grant that was taken back, and that is over"
    yield _opens("8j-8j", about, "grant-revoked", _parcel(), holds=held(revoked=True, **over))
    about = "under a grant that was taken back, with other facts than the set names"
    yield _opens("8j-8k.revoked", about, "grant-revoked", others, holds=held(revoked=True))
    about = "under a grant that is over, with other facts than the set names"
    yield _opens("8j-8k.expired", about, "grant-expired", others, holds=held(**over))
    about = "under a grant that is not valid yet, with other facts than the set names"
    yield _opens(
        "8j-8k.not-yet-valid", about, "grant-not-yet-valid", others, holds=held(valid_from=NOW + DAY)
    )
    twice = world.facts(files=world.facts().files * 2)
    about = "other facts than the set names, of more files than it has"
    yield _opens("8k-8l", about, "facts-digest-wrong", _parcel(body=world.parcel_body(twice)))
    about = "other facts than the set names, under terms beyond the grant"
    beyond = _parcel(body=world.parcel_body(world.facts(version=8), purpose="enforcement"))
    yield _opens("8k-8n", about, "facts-digest-wrong", beyond)
    about = "facts of more files than the set has, under an older revision of the grant"
    made = world.statement(told=twice)
    whole = _parcel(made=made, body=world.parcel_body(twice, made))
    yield _opens(
        "8l-8m", about, "facts-wrong", whole, set_envelope=world.set_envelope(made), holds=held(rev=3)
    )


def _terms_and_keys() -> Iterator[Vector]:
    keys = world.parcel_keys()
    wrong = {**keys, OPENED: world.kek("another")}
    beyond = world.parcel_body(purpose="enforcement")
    about = "terms beyond the grant, of which a newer revision is known"
    newer = build.held(grants=world.held_grants(rev=3))
    yield _opens("8m-8n", about, "grant-older-revision", _parcel(body=beyond), holds=newer)
    about = "terms beyond the grant, of a revision that is not known yet"
    older = build.held(grants=world.held_grants(rev=1))
    yield _opens("8m-8n.newer", about, "grant-unknown", _parcel(body=beyond), holds=older)
    without = {FOOTER: keys[FOOTER], OPENED: keys[OPENED]}
    about = "terms beyond the grant, and no key for one of their columns"
    yield _opens("8n-8o", about, "terms-exceed-grant", _parcel(without, body=beyond))
    about = "terms beyond the grant, and the key of a column is not the committed one"
    yield _opens("8n-8p", about, "terms-exceed-grant", _parcel(wrong, body=beyond))
    more = world.parcel_keys(3)
    about = "no key for one of the columns of the terms, and one for a column that they do not name"
    exchanged = {**without, SUBJECT: more[SUBJECT]}
    yield _opens("8o-8o", about, "key-missing", _parcel(exchanged))
    about = "no key for one of the columns of the terms, and that of the other is not the committed one"
    yield _opens("8o-8p", about, "key-missing", _parcel({FOOTER: keys[FOOTER], OPENED: wrong[OPENED]}))
    about = "a key for a column that the terms do not name, which is not the committed one"
    ungranted = {**keys, SUBJECT: world.kek("another")}
    yield _opens("8o-8p.ungranted", about, "key-for-ungranted-column", _parcel(ungranted))
