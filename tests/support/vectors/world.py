"""Two nodes that are paired, and a stranger: all with keys that follow from their names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shanhai.exchange.algorithms import ED25519, ML_DSA_65, SigningKey
from shanhai.exchange.bodies import Body, write_body
from shanhai.exchange.commitments import commitment
from shanhai.exchange.facts import FactFile, Facts, write_facts
from shanhai.exchange.grants import Grant, HeldGrant, Terms
from shanhai.exchange.keyset_documents import read_keyset, sign_keyset
from shanhai.exchange.keysets import HPKE, LOG, SIGN, Keyset, NodeKey
from shanhai.exchange.messages import Address, Sealed, seal_message
from shanhai.exchange.order import Position
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.pairings import Offer, Pairing, Side, agree
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receive import Standing
from shanhai.exchange.roots import node_id
from shanhai.exchange.rules import Rules
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, set_digest, sign_set
from shanhai.exchange.subjects import Subject
from shanhai.exchange.suites import CLASSIC, HYBRID, X25519, X_WING, OpenKey

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


def digest(*words: str) -> str:
    """Hex SHA-256 of words: what stands for something random that must always be the same."""
    return hashlib.sha256("/".join(words).encode()).hexdigest()


def seed(*words: str) -> Secret:
    """A key of a test: everybody can compute it."""
    return Secret(hashlib.sha256(("test key/" + "/".join(words)).encode()).digest())


@dataclass(frozen=True)
class Node:
    """One node with all its private keys."""

    name: str
    post_quantum: bool = False
    suites: tuple[str, ...] = (HYBRID,)
    both_hpke: bool = False

    def signing(self, label: str = "sign", alg: str = ED25519) -> SigningKey:
        return SigningKey(alg, seed(self.name, label, alg))

    def opening(self, alg: str = X_WING, label: str = "hpke") -> OpenKey:
        return OpenKey(alg, seed(self.name, label, alg))

    @property
    def roots(self) -> list[SigningKey]:
        return [self.signing("root")]

    @property
    def id(self) -> str:
        return node_id([root.public for root in self.roots])

    @property
    def signers(self) -> list[SigningKey]:
        return [self.signing()] + ([self.signing(alg=ML_DSA_65)] if self.post_quantum else [])

    @property
    def side(self) -> Side:
        return Side(self.id, self.name, tuple(root.public for root in self.roots))

    def entry(self, key: SigningKey | OpenKey, use: str, *, start=NOW - YEAR, end=NOW + YEAR) -> NodeKey:
        return NodeKey(key.public, use, start, end)

    @property
    def entries(self) -> list[NodeKey]:
        keys = [self.entry(key, SIGN) for key in self.signers] + [self.entry(self.signing("log"), LOG)]
        keys.append(self.entry(self.opening(X_WING), HPKE))
        if CLASSIC in self.suites or self.both_hpke:
            keys.append(self.entry(self.opening(X25519), HPKE))
        return keys

    def bare_keyset(self, **changes: object) -> Keyset:
        entries = changes.pop("keys", None) or self.entries
        require = (ED25519, ML_DSA_65) if self.post_quantum else (ED25519,)
        keys = tuple(sorted(entries, key=lambda one: one.kid))
        made = Keyset(self.id, self.name, 1, 0, self.side.roots, keys, require, self.suites)
        return replace(made, **changes)

    def keyset_envelope(self, **changes: object) -> bytes:
        return sign_keyset(self.bare_keyset(**changes), self.roots)

    def keyset(self, **changes: object) -> Keyset:
        return read_keyset(self.keyset_envelope(**changes), roots=self.side.roots)


LONGYOU, GONGSHU, ZHAOHUA = Node("longyou"), Node("gongshu"), Node("zhaohua")
"""The sender, the recipient, and a third node."""

RULES = Rules()
SET_ID = digest("set")[:32]
COLUMNS = ("street", "opened_at", "subject_code")


def pairing(rules: Rules = RULES, one: Node = LONGYOU, other: Node = GONGSHU) -> Pairing:
    """The pairing of two nodes, as both would sign it."""
    offer = Offer(digest("pairing", one.name, other.name)[:32], one.side, rules, digest("offer"))
    return replace(agree(offer, other.side), digest=digest("pairing document"))


def standing(
    *,
    sender: Node = LONGYOU,
    recipient: Node = GONGSHU,
    rules: Rules = RULES,
    state: PairingState = PairingState.ACTIVE,
    position: Position | None = None,
) -> Standing:
    """What the recipient knows when the first message comes."""
    return Standing(
        pairing(rules, sender, recipient), state, recipient.keyset(), sender.keyset(), position or Position()
    )


def kek(key_id: str) -> Secret:
    """The key of a column or of the footer of the test set."""
    return seed("kek", key_id)


def facts(statement_id: str = SET_ID, **changes: object) -> Facts:
    """Facts of a set of three columns in one file."""
    ids = [f"{statement_id}.f", *(f"{statement_id}.{index}" for index in range(len(COLUMNS)))]
    made = Facts(
        salt=seed("salt of facts").bytes,
        subject=Subject("dataset", "longyou.hotline"),
        version=7,
        shape="event",
        columns=("string", "timestamp[us,UTC]", "string"),
        files=(FactFile(1000, 64_000),),
        commits={kid: commitment(kid, kek(kid)) for kid in ids},
        contract=digest("contract"),
        quality=digest("quality"),
    )
    return replace(made, **changes)


def statement(node: Node = LONGYOU, told: Facts | None = None, **changes: object) -> SetStatement:
    """The statement of that set."""
    data = write_facts(told or facts())
    files = (SetFile(digest("file"), 4096),)
    made = SetStatement(SET_ID, node.id, node.signing().kid, files, hashlib.sha256(data).hexdigest())
    made = replace(made, **changes)
    return replace(made, digest=set_digest(made))


def set_envelope(made: SetStatement, node: Node = LONGYOU) -> bytes:
    return sign_set(made, node.signers)


def grant(**changes: object) -> Grant:
    """What Longyou grants Gongshu: two of the three columns."""
    made = Grant(
        id=digest("grant")[:32],
        rev=2,
        grantee=GONGSHU.id,
        subject=Subject("dataset", "longyou.hotline"),
        columns=COLUMNS[:2],
        purpose="statistics",
        share_class="conditional",
        onward="none",
        valid_from=NOW - DAY,
        until=NOW + YEAR,
        retention_days=365,
    )
    return replace(made, **changes)


def terms(**changes: object) -> Terms:
    """Terms within that grant."""
    made = Terms(
        grant=grant().id,
        rev=2,
        purpose="statistics",
        share_class="conditional",
        onward="none",
        retain_until=NOW + 300 * DAY,
        columns=COLUMNS[:2],
        masks={},
        row_filter=None,
    )
    return replace(made, **changes)


def held_grants(**changes: object) -> dict[str, HeldGrant]:
    made = grant(**changes)
    return {made.id: HeldGrant(LONGYOU.id, made)}


def address(sender: Node = LONGYOU, recipient: Node = GONGSHU, **changes: object) -> Address:
    """The place of the first message."""
    made = Address(
        pairing=pairing(one=sender, other=recipient).id,
        sender_node=sender.id,
        sender=sender.signing().kid,
        recipient_node=recipient.id,
        recipient=recipient.opening().public,
        suite=HYBRID,
        generation=0,
        seq=0,
        prev=None,
        issued=NOW - HOUR,
    )
    if changes.get("set_digest") is not None:
        changes = {"not_after": NOW + 2 * DAY, **changes}
    return replace(made, **changes)


def parcel_body(told: Facts | None = None, made: SetStatement | None = None, **changes: object) -> bytes:
    data = write_facts(told or facts())
    names = dict(enumerate(changes.get("columns", COLUMNS[:2])))
    parcel = Parcel(terms(**changes), names, data)
    return write_body(Body(seed("salt").bytes, None, parcel), made or statement())


def parcel_keys(count: int = 2) -> dict[str, Secret]:
    return {kid: kek(kid) for kid in [f"{SET_ID}.f", *(f"{SET_ID}.{index}" for index in range(count))]}


def parcel(**changes: object) -> Sealed:
    """The message that gives Gongshu two columns of the set."""
    place = address(set_digest=statement().digest, **changes)
    return seal_message(place, parcel_body(), keys=parcel_keys(), signers=LONGYOU.signers)
