"""A pairing: two nodes and their rules, in a document that both sign and a number that people compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SigningKey, VerifyKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.keysets import NAME, Keyset
from shanhai.exchange.messages import ID
from shanhai.exchange.roots import node_id, read_roots, write_roots
from shanhai.exchange.rules import Rules, read_rules, write_rules
from shanhai.exchange.strict import Fields, Json, canonical, parse

_MOST = dsse.MOST_BYTES[dsse.PAIRING]


@dataclass(frozen=True)
class Side:
    """One of the two nodes of a pairing; `name` is for people and proves nothing."""

    node: str
    name: str
    roots: tuple[VerifyKey, ...]


@dataclass(frozen=True)
class Offer:
    """What one node offers to another; `digest` is SHA-256 of the signed payload, "" until it is signed."""

    pairing: str
    side: Side
    rules: Rules
    digest: str = ""


@dataclass(frozen=True)
class Pairing:
    """What both nodes sign.

    Attributes:
        id: 16 random bytes, hex.
        sides: in the order of their node ids.
        rules: what both agree on.
        offer_sha256: digest of the offer that was accepted.
        digest: SHA-256 of the payload, hex.
    """

    id: str
    sides: tuple[Side, Side]
    rules: Rules
    offer_sha256: str
    digest: str

    def partner_of(self, node: str) -> Side:
        """The other side.

        Raises:
            ValueError: `node` is not of this pairing.
        """
        if node not in {side.node for side in self.sides}:
            raise ValueError("this node is not of the pairing")
        return next(side for side in self.sides if side.node != node)


def number(pairing: Pairing) -> str:
    """What two people compare over another channel: 60 digits in 12 groups of 5.

    SHA-256(pairing id ‖ for each root key id, sorted: its 32 bytes ‖ digest of the document) as a big-endian
    integer mod 10^60.
    """
    kids = sorted(root.kid for side in pairing.sides for root in side.roots)
    parts = [pairing.id, *kids, pairing.digest]
    hashed = hashlib.sha256(b"".join(bytes.fromhex(part) for part in parts)).digest()
    digits = f"{int.from_bytes(hashed, 'big') % 10**60:060d}"
    return " ".join(digits[start : start + 5] for start in range(0, 60, 5))


def check_number(pairing: Pairing, told: str) -> None:
    """Return if the number that the partner's person told is the one of this pairing; blanks do not count.

    Raises:
        Refused: pair-fingerprint-mismatch.
    """
    if "".join(told.split()) != "".join(number(pairing).split()):
        raise Refused("pair-fingerprint-mismatch")


def sign_offer(offer: Offer, keys: Iterable[SigningKey]) -> bytes:
    """The envelope of an offer."""
    side = offer.side
    value: dict[str, Json] = {
        "v": 1,
        "pairing": offer.pairing,
        "node": side.node,
        "name": side.name,
        "roots": write_roots(side.roots),
        "rules": write_rules(offer.rules),
    }
    return dsse.write(dsse.sign(canonical(value), dsse.OFFER, keys))


def offered_roots(data: bytes) -> tuple[VerifyKey, ...]:
    """The roots that an offer names. **Nothing is verified**: only to read the keyset that came with it.

    Raises:
        Refused: the json codes, public-key-wrong, sig-small-order-key.
    """
    return _offer(dsse.read(data, dsse.OFFER)).side.roots


def read_offer(data: bytes, *, keyset: Keyset, now: datetime) -> Offer:
    """An offer that was signed by the keyset of the node that makes it.

    Raises:
        Refused: the json codes, those of `Keyset.check_signed` and `check_valid`, keyset-of-other-node.
    """
    envelope = dsse.read(data, dsse.OFFER)
    keyset.check_valid(keyset.check_signed(envelope), now)
    offer = _offer(envelope)
    _check_side(offer.side, keyset)
    return offer


def kept_offer(data: bytes) -> Offer:
    """An offer that was verified when it came. **Nothing is verified**: only for what this node keeps."""
    return _offer(dsse.read(data, dsse.OFFER))


def kept_pairing(data: bytes) -> Pairing:
    """A pairing that was verified when it came. **Nothing is verified**, as of `kept_offer`."""
    return _pairing(dsse.read(data, dsse.PAIRING))


def agree(offer: Offer, mine: Side) -> Pairing:
    """The pairing that accepts an offer as it is."""
    first, second = sorted((offer.side, mine), key=lambda side: side.node)
    sides = (first, second)
    payload = _written(offer.pairing, sides, offer.rules, offer.digest)
    return Pairing(offer.pairing, sides, offer.rules, offer.digest, hashlib.sha256(payload).hexdigest())


def sign_pairing(pairing: Pairing, keys: Iterable[SigningKey]) -> bytes:
    """The envelope of a pairing, signed by one side."""
    return dsse.write(dsse.sign(_payload(pairing), dsse.PAIRING, keys))


def countersign(data: bytes, keys: Iterable[SigningKey]) -> bytes:
    """The same document with the signatures of the second side behind those of the first."""
    return dsse.write(dsse.signed_too(dsse.read(data, dsse.PAIRING), keys))


def read_pairing(
    data: bytes, *, offer: Offer, keysets: Mapping[str, Keyset], signed: Sequence[str], now: datetime
) -> Pairing:
    """The pairing document of an offer.

    Args:
        data: the envelope.
        offer: ours, or the one that we accepted.
        keysets: of both nodes, by node.
        signed: the nodes that must have signed; the partner alone before we countersign, then both.
        now: the present moment.

    Raises:
        Refused: the json codes, those of `Keyset.check_signed` and `check_valid`, sig-unknown-key (a
            signature of neither node), keyset-of-other-node, pair-countersign-other-document.
    """
    envelope = dsse.read(data, dsse.PAIRING)
    for node in signed:
        keysets[node].check_valid(keysets[node].check_signed(envelope), now)
    pairing = _pairing(envelope)
    agreed = (pairing.id, pairing.rules, pairing.offer_sha256) == (offer.pairing, offer.rules, offer.digest)
    if not agreed or offer.side not in pairing.sides:
        raise Refused("pair-countersign-other-document")
    for side in pairing.sides:
        if side.node not in keysets:
            raise Refused("keyset-of-other-node", stage=Stage.STANDING)
        _check_side(side, keysets[side.node])
    return pairing


def _check_side(side: Side, keyset: Keyset) -> None:
    if side.node != keyset.node or side.node != node_id(side.roots):
        raise Refused("keyset-of-other-node", stage=Stage.STANDING)


def _offer(envelope: dsse.Envelope) -> Offer:
    value = parse(envelope.payload, most_bytes=_MOST, stage=Stage.SIGNATURE)
    whole = Fields(value, "pairing node name roots rules", stage=Stage.SIGNATURE, version=1)
    return Offer(whole.text("pairing", ID), _side(whole), read_rules(whole), envelope.digest)


def _pairing(envelope: dsse.Envelope) -> Pairing:
    value = parse(envelope.payload, most_bytes=_MOST, stage=Stage.SIGNATURE)
    whole = Fields(value, "id sides rules offer_sha256", stage=Stage.SIGNATURE, version=1)
    first, second = (_side(one) for one in whole.each("sides", "node name roots", least=2, most=2))
    if first.node >= second.node:
        raise whole.wrong("sides")
    return Pairing(
        whole.text("id", ID), (first, second), read_rules(whole), whole.hex("offer_sha256"), envelope.digest
    )


def _side(fields: Fields) -> Side:
    return Side(fields.hex("node"), fields.text("name", NAME), read_roots(fields, "roots"))


def _payload(pairing: Pairing) -> bytes:
    return _written(pairing.id, pairing.sides, pairing.rules, pairing.offer_sha256)


def _written(id_: str, sides: tuple[Side, Side], rules: Rules, offer_sha256: str) -> bytes:
    told: list[Json] = [
        {"node": side.node, "name": side.name, "roots": write_roots(side.roots)} for side in sides
    ]
    return canonical(
        {"v": 1, "id": id_, "sides": told, "rules": write_rules(rules), "offer_sha256": offer_sha256}
    )
