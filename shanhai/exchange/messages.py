"""A message: numbered, signed, addressed to one key, with a sealed body."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SigningKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parquet.profile import KEY_ID, MOST_COLUMNS
from shanhai.exchange.secret import Secret
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64, write_moment
from shanhai.exchange.suites import SUITES, SealKey

BLOCK = 4096
"""The sealed part is filled with blanks to a multiple of so many bytes."""

ID = r"[0-9a-f]{32}"


@dataclass(frozen=True)
class Header:
    """What is signed of a message and not sealed. Fields as in the specification, section "Message"."""

    pairing: str
    sender_node: str
    sender: str
    recipient_node: str
    recipient: str
    generation: int
    seq: int
    prev: str | None
    issued: datetime
    not_after: datetime | None
    suite: str
    set_digest: str | None
    body_sha256: str


@dataclass(frozen=True)
class Address:
    """Where a message goes and which place it takes: the header without what follows from the body.

    Attributes:
        pairing: its id.
        sender_node, recipient_node: who speaks, and to whom.
        sender: id of the sign key that answers for the message.
        recipient: the key that it is sealed to.
        suite: in which it is sealed; must fit the recipient's key.
        generation, seq, prev: its place; `prev` is the digest of the message before, None for the first.
        issued: from when it is valid.
        set_digest: SHA-256 of the payload of the set that it carries keys for.
        not_after: until before when it may be received first; only of one that carries keys for a set.
    """

    pairing: str
    sender_node: str
    sender: str
    recipient_node: str
    recipient: SealKey
    suite: str
    generation: int
    seq: int
    prev: str | None
    issued: datetime
    set_digest: str | None = None
    not_after: datetime | None = None


@dataclass(frozen=True)
class Sealed:
    """A message ready to be stored and uploaded as it is; never signed a second time.

    Attributes:
        envelope: the bytes.
        digest: SHA-256 of the payload, hex: `prev` of the next message, `of` of its receipt.
        header: as signed.
    """

    envelope: bytes
    digest: str
    header: Header


def seal_message(
    address: Address, body: bytes, *, keys: Mapping[str, Secret], signers: Sequence[SigningKey]
) -> Sealed:
    """Seal the body and the keys to the recipient, and sign header and sealed bytes.

    Args:
        address: see there.
        body: as `bodies.write` gives it.
        keys: column keys and footer key by key id, sealed beside the body so that the body can be disclosed.
        signers: a key of every algorithm that the sender's keyset requires, `address.sender` among them.

    Raises:
        ValueError: suite and key do not fit, the sender's key is lacking, a message without a set ends or
            one with a set does not, or the message is too large.
    """
    if SUITES[address.suite] != address.recipient.alg:
        raise ValueError("the suite does not fit the key of the recipient")
    if address.sender not in {key.kid for key in signers}:
        raise ValueError("the sender's key is not among those that sign")
    if (address.set_digest is None) != (address.not_after is None):
        raise ValueError("what carries keys for a set ends, and nothing else does")
    header = Header(
        address.pairing,
        address.sender_node,
        address.sender,
        address.recipient_node,
        address.recipient.kid,
        address.generation,
        address.seq,
        address.prev,
        address.issued,
        address.not_after,
        address.suite,
        address.set_digest,
        hashlib.sha256(body).hexdigest(),
    )
    head = write_header(header)
    sealed = address.recipient.seal(_padded(body, keys), info=context(head))
    payload = canonical({"header": to_base64(head), "sealed": to_base64(sealed)})
    envelope = dsse.sign(payload, dsse.MESSAGE, signers)
    return Sealed(dsse.write(envelope), envelope.digest, header)


def context(header: bytes) -> bytes:
    """HPKE info: "shanhai/message/1\\n" ‖ SHA-256(header bytes)."""
    return b"shanhai/message/1\n" + hashlib.sha256(header).digest()


def write_header(header: Header) -> bytes:
    """The header as it is signed."""
    return canonical(
        {
            "v": 1,
            "pairing": header.pairing,
            "sender": header.sender_node,
            "from": header.sender,
            "recipient": header.recipient_node,
            "to": header.recipient,
            "generation": header.generation,
            "seq": header.seq,
            "prev": header.prev,
            "issued": write_moment(header.issued),
            "not_after": None if header.not_after is None else write_moment(header.not_after),
            "suite": header.suite,
            "set": header.set_digest,
            "body_sha256": header.body_sha256,
        }
    )


def read_payload(payload: bytes) -> tuple[bytes, bytes]:
    """Header bytes and sealed bytes of a signed payload.

    Raises:
        Refused: the json codes, at stage signature.
    """
    most = dsse.MOST_BYTES[dsse.MESSAGE]
    value = parse(payload, most_bytes=most, stage=Stage.SIGNATURE)
    whole = Fields(value, "header sealed", stage=Stage.SIGNATURE)
    return whole.raw("header", least=2, most=BLOCK), whole.raw("sealed", least=1, most=most)


def read_header(data: bytes) -> Header:
    """The header of a message.

    Raises:
        Refused: version-unknown and the json codes, at stage signature.
    """
    names = "pairing sender from recipient to generation seq prev issued not_after suite set body_sha256"
    value = parse(data, most_bytes=BLOCK, stage=Stage.SIGNATURE)
    whole = Fields(value, names, stage=Stage.SIGNATURE, version=1)
    seq = whole.integer("seq", least=0)
    if whole.is_null("prev") != (seq == 0):
        raise whole.wrong("prev")
    if whole.is_null("set") != whole.is_null("not_after"):
        raise whole.wrong("not_after")
    return Header(
        pairing=whole.text("pairing", ID),
        sender_node=whole.hex("sender"),
        sender=whole.hex("from"),
        recipient_node=whole.hex("recipient"),
        recipient=whole.hex("to"),
        generation=whole.integer("generation", least=0),
        seq=seq,
        prev=None if seq == 0 else whole.hex("prev"),
        issued=whole.moment("issued"),
        not_after=None if whole.is_null("not_after") else whole.moment("not_after"),
        suite=whole.text("suite", most=128),
        set_digest=None if whole.is_null("set") else whole.hex("set"),
        body_sha256=whole.hex("body_sha256"),
    )


def read_sealed(plaintext: bytes) -> tuple[bytes, dict[str, Secret]]:
    """Body and keys of what was sealed.

    Raises:
        Refused: body-padding-wrong and the json codes, at stage unwrap.
    """
    most = dsse.MOST_BYTES[dsse.MESSAGE]
    value = parse(plaintext, most_bytes=most, stage=Stage.UNWRAP)
    whole = Fields(value, "body keys pad", stage=Stage.UNWRAP)
    if len(plaintext) % BLOCK or whole.text("pad", most=BLOCK).strip(" "):
        raise Refused("body-padding-wrong")
    given = whole.mapping("keys", most=MOST_COLUMNS + 1)
    if not all(KEY_ID.fullmatch(kid) for kid in given):
        raise whole.wrong("keys")
    keys = Fields(given, " ".join(given), stage=Stage.UNWRAP)
    return whole.raw("body", least=2, most=most), {
        kid: Secret(keys.raw(kid, least=32, most=32)) for kid in given
    }


def header_in(data: bytes) -> Header:
    """The header of a message. **Nothing is verified**: only of what was verified before, or to look at it.

    Raises:
        Refused: the json codes.
    """
    return read_header(read_payload(dsse.read(data, dsse.MESSAGE).payload)[0])


def _padded(body: bytes, keys: Mapping[str, Secret]) -> bytes:
    wrapped: dict[str, Json] = {kid: to_base64(key.bytes) for kid, key in keys.items()}
    bare = canonical({"body": to_base64(body), "keys": wrapped, "pad": ""})
    pad = -len(bare) % BLOCK
    return canonical({"body": to_base64(body), "keys": wrapped, "pad": " " * pad})
