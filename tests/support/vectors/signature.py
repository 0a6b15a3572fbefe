"""Vectors of the statement and its signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import ED25519
from shanhai.exchange.messages import write_header
from shanhai.exchange.rules import Rules
from shanhai.exchange.sets import write_set
from shanhai.exchange.suites import CLASSIC, HYBRID, X25519
from vectors import build, world
from vectors.build import compact, header_of, receiving, reheaded, sealed_of, signatures_of, with_signatures
from vectors.givens import b64, keyset_given
from vectors.vector import Vector, refused
from vectors.world import GONGSHU, LONGYOU, NOW, ZHAOHUA, Node

GROUP = "signature"
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
SMALL_Y = (
    0,
    1,
    FIELD - 1,
    int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16),
    int("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7", 16),
)
SMALL_ORDER = tuple(
    (y | sign << 255).to_bytes(32, "little") for y in (*SMALL_Y, FIELD, FIELD + 1) for sign in (0, 1)
)
"""Every encoding of a point whose order divides 8: of eight points, five y; two y have a second encoding."""

DOUBLE = Node("longyou", post_quantum=True)
ARRIVES = {"passes": {"arrival": "next"}}


def vectors() -> Iterator[Vector]:
    yield from _signatures()
    yield from _algorithms()
    yield from _keys()
    yield from _types()
    yield from _json()
    yield from _versions()
    yield from _suites()


def _receiving(name: str, about: str, envelope: bytes, expect: dict[str, object], **more: object) -> Vector:
    return receiving(name, about, envelope, expect, group=GROUP, **more)


def _signatures() -> Iterator[Vector]:
    honest = world.parcel().envelope
    ((kid, sig),) = signatures_of(honest)
    forged = bytes([sig[0] ^ 1]) + sig[1:]
    yield _receiving("sig-good", "an honest message", honest, ARRIVES)
    bad = refused("sig-forged", "signature")
    yield _receiving(
        "sig-forged", "one bit of the signature differs", with_signatures(honest, [(kid, forged)]), bad
    )
    value = json.loads(honest)
    head = compact({**header_of(honest), "seq": 1, "prev": "0" * 64})
    value["payload"] = b64(compact({"header": b64(head), "sealed": b64(sealed_of(honest))}))
    about = "the payload was changed after it was signed"
    yield _receiving("sig-forged.payload-changed", about, compact(value), bad)
    stranger = refused("sig-unknown-key", "signature")
    payload = dsse.read(honest, dsse.MESSAGE).payload
    nobody = Node("nobody")
    about = "signed by a key that nobody knows"
    yield _receiving("sig-unknown-key", about, build.signed(payload, nobody.signers), stranger)
    about = "signed by a node that the recipient knows, but not in this pairing"
    yield _receiving("sig-key-of-other-node", about, build.signed(payload, ZHAOHUA.signers), stranger)
    twice = with_signatures(honest, [(kid, sig), (kid, sig)])
    yield _receiving(
        "sig-same-key-twice", "one key signed twice", twice, refused("sig-same-key-twice", "signature")
    )
    lies = with_signatures(honest, [("0" * 64, sig)])
    yield _receiving(
        "sig-keyid-hint-lies", "the keyid is another, the signature is the sender's", lies, ARRIVES
    )
    strange = build.signed(payload, nobody.signers)
    claims = with_signatures(strange, [(kid, signatures_of(strange)[0][1])])
    about = "the keyid is the sender's, the signature is a stranger's"
    yield _receiving("sig-keyid-hint-lies.of-a-stranger", about, claims, bad)
    high = int.from_bytes(sig[32:], "little") + ORDER
    second = with_signatures(honest, [(kid, sig[:32] + high.to_bytes(32, "little"))])
    about = "S of the signature is raised by the order of the group"
    yield _receiving("sig-noncanonical-S", about, second, refused("sig-noncanonical-s", "signature"))


def _algorithms() -> Iterator[Vector]:
    theirs = {"theirs": DOUBLE.keyset_envelope()}
    sealed = world.parcel().envelope
    both = build.signed(dsse.read(sealed, dsse.MESSAGE).payload, DOUBLE.signers)
    (kid_ed, ed), (kid_ml, ml) = signatures_of(both)
    yield _receiving("sig-both-good", "signed by both algorithms that are required", both, ARRIVES, **theirs)
    about = "the keyset requires both, and the signature by ML-DSA-65 was stripped"
    stripped = with_signatures(both, [(kid_ed, ed)])
    expect = refused("sig-algorithm-missing", "signature")
    yield _receiving("sig-ed25519-ok-mldsa-missing", about, stripped, expect, **theirs)
    about = "the keyset requires both, and the signature by Ed25519 does not hold"
    wrong = with_signatures(both, [(kid_ed, ed[:63] + bytes([ed[63] ^ 1])), (kid_ml, ml)])
    yield _receiving("sig-mldsa-ok-ed25519-bad", about, wrong, refused("sig-forged", "signature"), **theirs)
    about = "the keyset requires both, and the signature by ML-DSA-65 does not hold"
    wrong = with_signatures(both, [(kid_ed, ed), (kid_ml, bytes([ml[0] ^ 1]) + ml[1:])])
    yield _receiving("sig-ed25519-ok-mldsa-bad", about, wrong, refused("sig-forged", "signature"), **theirs)


def _keys() -> Iterator[Vector]:
    expect = refused("sig-small-order-key", "signature")
    keys = [{"alg": ED25519, "pub": b64(public)} for public in SMALL_ORDER]
    about = "every encoding of a point of small order, canonical or not"
    yield Vector("sig-small-order-key", GROUP, about, "public-keys", {"keys": keys}, NOW, expect)
    twins = [0, 1, FIELD - 1, FIELD, FIELD + 1, FIELD + 9, 9 | 1 << 255]
    keys = [{"alg": X25519, "pub": b64(u.to_bytes(32, "little"))} for u in twins]
    about = "X25519 keys of small order, and second encodings, also of the base point"
    yield Vector("sig-small-order-key.x25519", GROUP, about, "public-keys", {"keys": keys}, NOW, expect)
    value = json.loads(dsse.read(LONGYOU.keyset_envelope(), dsse.KEYSET).payload)
    small = SMALL_ORDER[2]
    kid = hashlib.sha256(b"ed25519\x00" + small).hexdigest()
    value["keys"] = [
        {**one, "pub": b64(small), "kid": kid} if one["use"] == "sign" else one for one in value["keys"]
    ]
    envelope = build.signed(compact(value), LONGYOU.roots, dsse.KEYSET)
    given = keyset_given(envelope, LONGYOU.side.roots[:1])
    about = "a keyset whose sign key has small order"
    yield Vector("sig-small-order-key.in-keyset", GROUP, about, "keyset", given, NOW, expect)
    short = [{"alg": alg, "pub": b64(bytes(31))} for alg in ("ed25519", "ml-dsa-65", "rsa")]
    about = "public keys that are too short for their algorithm, or of none that is known"
    wrong = refused("public-key-wrong", "signature")
    yield Vector("public-key-wrong", GROUP, about, "public-keys", {"keys": short}, NOW, wrong)
    payload = dsse.read(world.parcel().envelope, dsse.MESSAGE).payload
    log = build.signed(payload, [LONGYOU.signing("log")])
    about = "the key for checkpoints signed a message"
    expect = refused("key-use-wrong", "signature")
    yield _receiving("checkpoint-key-used-for-message", about, log, expect)
    about = "the header names a sign key of the sender that did not sign"
    other = reheaded(world.parcel().envelope, **{"from": LONGYOU.signing("log").kid})
    yield _receiving("from-not-signer", about, other, refused("from-not-signer", "signature"))


def _types() -> Iterator[Vector]:
    made = world.statement()
    about = "a set where a message is expected"
    expect = refused("dsse-payload-type-wrong", "envelope")
    yield _receiving("type-set-as-message", about, world.set_envelope(made), expect)
    value = json.loads(world.set_envelope(made))
    value["payloadType"] = dsse.MESSAGE
    about = "the type of a signed set was changed into that of a message"
    expect = refused("sig-forged", "signature")
    yield _receiving("dsse-payload-type-changed", about, compact(value), expect)
    content = {
        "v": 1,
        "of": world.digest("message"),
        "outcome": "received",
        "code": None,
        "rows": None,
        "contract_version": None,
        "leaf": None,
        "inclusion": None,
    }
    bare = {**bare_body(), "type": "grant", "content": content}
    envelope = build.resealed({"body": b64(compact(bare)), "keys": {}, "pad": ""}, set=None)
    about = "the content of a receipt in a body of type grant"
    expect = refused("json-missing-field", "unwrap")
    yield build.opening("type-receipt-as-grant", about, envelope, expect, group=GROUP, carries_set=False)
    about = "a body of a type that is not of this version"
    bare = {**bare_body(), "type": "head", "content": {"v": 1}}
    envelope = build.resealed({"body": b64(compact(bare)), "keys": {}, "pad": ""}, set=None)
    expect = refused("body-type-unknown", "unwrap")
    yield build.opening("body-type-unknown", about, envelope, expect, group=GROUP, carries_set=False)


def bare_body() -> dict[str, object]:
    """What every body has, with an end of the pairing as its content."""
    return {
        "v": 1,
        "salt": b64(world.seed("salt").bytes),
        "type": "end",
        "ack": None,
        "checkpoint": None,
        "consistency": None,
        "cosignatures": [],
        "checkpoints": [],
        "content": {"v": 1, "reason": None},
    }


def _json() -> Iterator[Vector]:
    honest = world.parcel()
    head = write_header(honest.header)
    sealed = sealed_of(honest.envelope)

    def header(data: bytes) -> bytes:
        return build.message(data, sealed)

    def in_header(code: str, name: str, about: str, data: bytes) -> Vector:
        return _receiving(name, about, header(data), refused(code, "signature"))

    code = "json-duplicate-key"
    about = "the header has a key twice"
    yield in_header(code, code, about, head.replace(b'"seq":0', b'"seq":0,"seq":0'))
    about = "the header has a key twice, once written with an escape"
    yield in_header(code, f"{code}.escaped", about, head.replace(b'"seq":0', b'"seq":0,"se\\u0071":0'))
    envelope = honest.envelope.replace(b'{"payload"', b'{"payload":"","payload"')
    yield _receiving(f"{code}.envelope", "the envelope has a key twice", envelope, refused(code, "envelope"))
    code = "json-unknown-field"
    about = "the header has a field that this version does not know"
    yield in_header(code, code, about, head.replace(b'"seq":0', b'"seq":0,"urgent":true'))
    envelope = honest.envelope.replace(b'{"payload"', b'{"note":"","payload"')
    about = "the envelope has a field that DSSE does not know"
    yield _receiving(f"{code}.envelope", about, envelope, refused(code, "envelope"))
    code = "json-float-number"
    yield in_header(code, code, "a number with a fraction", head.replace(b'"seq":0', b'"seq":0.0'))
    yield in_header(
        code, f"{code}.exponent", "a number with an exponent", head.replace(b'"seq":0', b'"seq":0e0')
    )
    yield in_header(code, f"{code}.nan", "a number that is none", head.replace(b'"seq":0', b'"seq":NaN'))
    code = "json-depth"
    deep = head.replace(b'"seq":0', b'"seq":' + b"[" * 17 + b"]" * 17)
    yield in_header(code, code, "lists in lists, eighteen levels with the header's own", deep)
    nested = b'{"payload":' + b"[" * 1000 + b"]" * 1000 + b"}"
    about = "a thousand lists in one another"
    yield _receiving(f"{code}.envelope", about, nested, refused(code, "envelope"))
    yield from _not_strict(head, in_header)
    about = "blanks make the envelope larger than a message may be"
    expect = refused("message-too-big", "envelope")
    yield _receiving("message-too-big", about, honest.envelope, expect, blanks=1 << 20)
    about = "blanks behind the envelope are not signed and change nothing"
    yield _receiving("json-blanks-outside", about, honest.envelope, ARRIVES, blanks=100)


def _not_strict(head: bytes, in_header) -> Iterator[Vector]:  # type: ignore[no-untyped-def]
    code = "json-not-strict"
    big = b'"seq":9007199254740992'
    yield in_header(code, f"{code}.integer-too-large", "an integer of 2^53", head.replace(b'"seq":0', big))
    control = b'"seq":0,"note\\u0000":1'
    yield in_header(code, f"{code}.control-character", "NUL in a key", head.replace(b'"seq":0', control))
    turned = b'"seq":0,"note":"paid \xe2\x80\xae001"'
    yield in_header(
        code, f"{code}.direction-mark", "a mark that turns text", head.replace(b'"seq":0', turned)
    )
    hidden = b'"seq":0,"no\\u200bte":1'
    yield in_header(code, f"{code}.no-width", "a blank without width", head.replace(b'"seq":0', hidden))
    yield in_header(
        code, f"{code}.not-utf-8", "a byte that is not UTF-8", head.replace(b'"suite":"', b'"suite":"\xff')
    )
    wide = head.decode().encode("utf-16")
    yield in_header(code, f"{code}.utf-16", "the header in UTF-16", wide)
    yield in_header(code, f"{code}.byte-order-mark", "a byte order mark", b"\xef\xbb\xbf" + head)
    yield in_header(code, f"{code}.lone-surrogate", "half a character", head.replace(b"x-wing", b"\\ud800"))
    code = "json-field-wrong"
    value = json.loads(head)
    cases = {
        "boolean-number": ("seq", True),
        "negative": ("seq", -1),
        "upper-case-hex": ("from", value["from"].upper()),
        "moment-with-fraction": ("issued", "2027-03-01T07:00:00.0Z"),
        "moment-not-of-the-calendar": ("issued", "2027-02-30T07:00:00Z"),
        "moment-with-zone": ("issued", "2027-03-01T07:00:00+00:00"),
        "first-with-prev": ("prev", "0" * 64),
    }
    for variant, (field, wrong) in cases.items():
        about = f"{field} has a value that it cannot have"
        yield in_header(code, f"{code}.{variant}", about, compact({**value, field: wrong}))
    honest = json.loads(world.parcel().envelope)
    loose = compact({**honest, "payload": honest["payload"].rstrip("=") + "\n"})
    yield _receiving(
        f"{code}.base64", "base64 with a line end", loose, refused("json-not-strict", "envelope")
    )
    bare = compact({**honest, "payload": "QQ"})
    yield _receiving(f"{code}.base64-unpadded", "base64 without padding", bare, refused(code, "envelope"))
    bits = compact({**honest, "payload": "e31="})
    about = "base64 whose unused bits are not zero"
    yield _receiving(f"{code}.base64-unused-bits", about, bits, refused(code, "envelope"))
    short = {name: one for name, one in value.items() if name != "suite"}
    yield in_header("json-missing-field", "json-missing-field", "the header has no suite", compact(short))


def _versions() -> Iterator[Vector]:
    honest = world.parcel().envelope
    about = "a header of version 2, with a field that only that knows"
    later = reheaded(honest, v=2, priority="high")
    yield _receiving("version-unknown", about, later, refused("version-unknown", "signature"))
    payload = json.loads(write_set(world.statement()))
    for name, code, changed in (
        ("version-unknown.set", "version-unknown", {**payload, "predicateType": "urn:shanhai:set:v2"}),
        (
            "profile-unknown",
            "profile-unknown",
            {**payload, "predicate": {**payload["predicate"], "profile": "pme-sm4-gcm/1"}},
        ),
    ):
        made = build.signed(compact(changed), LONGYOU.signers, dsse.SET)
        envelope = reheaded(honest, set=hashlib.sha256(compact(changed)).hexdigest())
        about = "a set of a later version" if code == "version-unknown" else "a set in another profile"
        yield build.opening(name, about, envelope, refused(code, "contents"), group=GROUP, set_envelope=made)


def _suites() -> Iterator[Vector]:
    honest = world.parcel().envelope
    expect = refused("suite-not-allowed", "standing")
    about = "a suite that nobody knows"
    yield _receiving("suite-not-allowed", about, reheaded(honest, suite="sm2/sm3/sm4-gcm"), expect)
    about = "the lesser suite, which the recipient's keyset does not list"
    lesser = {"to": GONGSHU.opening(X25519).kid, "suite": CLASSIC}
    mine = Node("gongshu", both_hpke=True).keyset_envelope()
    rules = Rules(suites=(HYBRID, CLASSIC))
    envelope = reheaded(honest, **lesser)
    yield _receiving("suite-not-allowed.by-keyset", about, envelope, expect, mine=mine, rules=rules)
    about = "the lesser suite, which both keysets list and the pairing does not"
    mine = Node("gongshu", suites=(HYBRID, CLASSIC)).keyset_envelope()
    yield _receiving("suite-downgrade", about, envelope, expect, mine=mine)
