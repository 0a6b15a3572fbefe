"""The document of a keyset: signed by all its roots, read only against roots that people compared."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SIGNING, SigningKey, VerifyKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.keyset_checks import check_follows, check_still_compromised, check_usable
from shanhai.exchange.keysets import HPKE, MOST_KEYS, NAME, USES, Keyset, NodeKey
from shanhai.exchange.roots import node_id, read_roots, write_roots
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64, write_moment
from shanhai.exchange.suites import SUITES, SealKey

FIELDS = "node name version generation roots keys require suites compromised"
MOST_COMPROMISED = 256


def sign_keyset(keyset: Keyset, roots: Sequence[SigningKey]) -> bytes:
    """The envelope of a keyset, signed by all its roots and read back.

    Raises:
        ValueError: it is not one that a partner would accept.
    """
    data = dsse.write(dsse.sign(_payload(keyset), dsse.KEYSET, roots))
    try:
        read_keyset(data, roots=keyset.roots)
    except Refused as error:
        raise ValueError(f"nobody would accept this keyset: {error.code}") from None
    return data


def read_keyset(data: bytes, *, roots: Sequence[VerifyKey], known: Keyset | None = None) -> Keyset:
    """The keyset of an envelope.

    Args:
        data: the envelope.
        roots: those that were compared by people, or told by the offer that will be.
        known: the newest keyset of that node so far.

    Raises:
        Refused: at stage envelope the json codes; keyset-not-by-root, keyset-of-other-node,
            keyset-older-version, keyset-fork, keyset-unusable, public-key-wrong, sig-small-order-key,
            hpke-x25519-key-used-in-hybrid.
    """
    envelope = dsse.read(data, dsse.KEYSET)
    _check_roots_signed(envelope, roots)
    value = parse(envelope.payload, most_bytes=dsse.MOST_BYTES[dsse.KEYSET], stage=Stage.SIGNATURE)
    keyset = _parsed(value, envelope.digest)
    if {root.kid for root in keyset.roots} != {root.kid for root in roots} or keyset.node != node_id(roots):
        raise Refused("keyset-of-other-node")
    if known is not None:
        check_follows(keyset, known)
    check_usable(keyset)
    if known is not None:
        check_still_compromised(keyset, known)
    return keyset


def named_roots(data: bytes) -> tuple[VerifyKey, ...]:
    """The roots that a keyset names. **Nothing is verified**: people compare them, or they are one's own.

    Raises:
        Refused: the json codes, public-key-wrong, sig-small-order-key.
    """
    payload = dsse.read(data, dsse.KEYSET).payload
    value = parse(payload, most_bytes=dsse.MOST_BYTES[dsse.KEYSET], stage=Stage.SIGNATURE)
    return read_roots(Fields(value, FIELDS, stage=Stage.SIGNATURE, version=1), "roots")


def _check_roots_signed(envelope: dsse.Envelope, roots: Sequence[VerifyKey]) -> None:
    try:
        found = dsse.signed_by(envelope, roots)
    except Refused as refusal:
        if refusal.code in ("sig-forged", "sig-unknown-key"):
            raise Refused("keyset-not-by-root") from None
        raise
    if len(found) != len(roots):
        raise Refused("keyset-not-by-root")


def _parsed(value: Json, digest: str) -> Keyset:
    whole = Fields(value, FIELDS, stage=Stage.SIGNATURE, version=1)
    compromised = whole.each("compromised", "kid since", most=MOST_COMPROMISED)
    kids = [one.hex("kid") for one in compromised]
    if kids != sorted(set(kids)):
        raise Refused("keyset-unusable")
    return Keyset(
        node=whole.hex("node"),
        name=whole.text("name", NAME),
        version=whole.integer("version", least=1),
        generation=whole.integer("generation", least=0),
        roots=read_roots(whole, "roots"),
        keys=tuple(
            _key(one)
            for one in whole.each("keys", "kid use alg pub not_before not_after", least=1, most=MOST_KEYS)
        ),
        require=whole.texts("require", "|".join(SIGNING), least=1, most=len(SIGNING)),
        suites=whole.texts("suites", "|".join(SUITES), least=1, most=len(SUITES)),
        compromised={kid: one.moment("since") for kid, one in zip(kids, compromised, strict=True)},
        digest=digest,
    )


def _key(one: Fields) -> NodeKey:
    use = one.one_of("use", tuple(USES))
    alg = one.one_of("alg", USES[use])
    public = one.raw("pub", most=2048)
    key = SealKey(alg, public) if use == HPKE else VerifyKey(alg, public)
    entry = NodeKey(key, use, one.moment("not_before"), one.moment("not_after"))
    if one.hex("kid") != entry.kid:
        raise one.wrong("kid")
    if entry.not_before >= entry.not_after:
        raise one.wrong("not_after")
    return entry


def _payload(keyset: Keyset) -> bytes:
    keys: list[Json] = [
        {
            "kid": one.kid,
            "use": one.use,
            "alg": one.key.alg,
            "pub": to_base64(one.key.public),
            "not_before": write_moment(one.not_before),
            "not_after": write_moment(one.not_after),
        }
        for one in sorted(keyset.keys, key=lambda one: one.kid)
    ]
    compromised: list[Json] = [
        {"kid": kid, "since": write_moment(since)} for kid, since in sorted(keyset.compromised.items())
    ]
    return canonical(
        {
            "v": 1,
            "node": keyset.node,
            "name": keyset.name,
            "version": keyset.version,
            "generation": keyset.generation,
            "roots": write_roots(keyset.roots),
            "keys": keys,
            "require": list(keyset.require),
            "suites": list(keyset.suites),
            "compromised": compromised,
        }
    )
