"""DSSE v1 envelopes: what is signed is the raw payload and its type."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shanhai.exchange.algorithms import SigningKey, VerifyKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64

SET = "application/vnd.in-toto+json"
MESSAGE = "application/vnd.shanhai.message.v1+json"
KEYSET = "application/vnd.shanhai.keyset.v1+json"
OFFER = "application/vnd.shanhai.offer.v1+json"
PAIRING = "application/vnd.shanhai.pairing.v1+json"

KIB = 1024
MOST_BYTES = {
    SET: 4 * KIB * KIB,
    MESSAGE: KIB * KIB,
    KEYSET: 256 * KIB,
    OFFER: 64 * KIB,
    PAIRING: 64 * KIB,
}
"""Largest envelope of each type, in bytes."""

MOST_SIGNATURES = 8
_LONGEST_SIGNATURE = 3309


@dataclass(frozen=True)
class Envelope:
    """A payload with signatures that nobody has verified yet.

    Attributes:
        payload: the signed bytes.
        payload_type: what they are, signed with them.
        signatures: (keyid, signature); the keyid is not signed and proves nothing.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the payload: what the document is called, whatever signatures are added."""
        return hashlib.sha256(self.payload).hexdigest()


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding of the DSSE specification, version 1: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, keys: Iterable[SigningKey]) -> Envelope:
    """An envelope with one signature by each key."""
    message = pae(payload_type, payload)
    return Envelope(payload, payload_type, tuple((key.kid, key.sign(message)) for key in keys))


def signed_too(envelope: Envelope, keys: Iterable[SigningKey]) -> Envelope:
    """The same envelope with more signatures behind those that it has."""
    more = sign(envelope.payload, envelope.payload_type, keys).signatures
    return Envelope(envelope.payload, envelope.payload_type, envelope.signatures + more)


def write(envelope: Envelope) -> bytes:
    """The envelope as it travels.

    Raises:
        ValueError: it is larger than its type may be.
    """
    signatures: list[Json] = [{"keyid": kid, "sig": to_base64(sig)} for kid, sig in envelope.signatures]
    data = canonical(
        {
            "payload": to_base64(envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": signatures,
        }
    )
    if len(data) > MOST_BYTES[envelope.payload_type]:
        raise ValueError(f"an envelope of {len(data)} bytes; {MOST_BYTES[envelope.payload_type]} are allowed")
    return data


def read(data: bytes, payload_type: str) -> Envelope:
    """The envelope of an expected type, not verified.

    Raises:
        Refused: message-too-big, dsse-payload-type-wrong, the json codes; all at stage envelope.
    """
    most = MOST_BYTES[payload_type]
    whole = Fields(
        parse(data, most_bytes=most, stage=Stage.ENVELOPE),
        "payload payloadType signatures",
        stage=Stage.ENVELOPE,
    )
    if whole.text("payloadType", most=128) != payload_type:
        raise Refused("dsse-payload-type-wrong")
    payload = whole.raw("payload", least=2, most=most)
    signatures = tuple(
        (one.text("keyid", most=128), one.raw("sig", least=1, most=_LONGEST_SIGNATURE))
        for one in whole.each("signatures", "keyid sig", least=1, most=MOST_SIGNATURES)
    )
    return Envelope(payload, payload_type, signatures)


def signed_by(envelope: Envelope, candidates: Sequence[VerifyKey]) -> tuple[VerifyKey, ...]:
    """Those of the candidates that signed, in the order of the candidates; never none.

    Every candidate is tried on every signature, since the keyid may lie. It only tells which refusal is
    raised: of a signature that claims a candidate and does not hold, or of a stranger.

    Raises:
        Refused: sig-noncanonical-s, sig-same-key-twice, sig-forged, sig-unknown-key.
    """
    message = pae(envelope.payload_type, envelope.payload)
    found: list[str] = []
    for _, signature in envelope.signatures:
        found += [key.kid for key in candidates if _holds(key, signature, message)]
    if len(set(found)) != len(found):
        raise Refused("sig-same-key-twice")
    if not found:
        raise Refused("sig-forged" if claimed(envelope, candidates) else "sig-unknown-key")
    return tuple(key for key in candidates if key.kid in found)


def claimed(envelope: Envelope, candidates: Iterable[VerifyKey]) -> bool:
    """Whether a signature claims to be by one of the candidates; for the wording of a refusal only."""
    return bool({kid for kid, _ in envelope.signatures} & {key.kid for key in candidates})


def _holds(key: VerifyKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except Refused as refusal:
        if refusal.code == "sig-forged":
            return False
        raise
    return True
