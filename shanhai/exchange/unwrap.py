"""Stage two, without the files: a verified message opened, and its content held against set and grant."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shanhai.exchange.bodies import Body, read_body
from shanhai.exchange.facts import Facts, check_keys, read_facts
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant, HeldGrant, check_covers, check_in_force, check_statement
from shanhai.exchange.messages import context, read_sealed
from shanhai.exchange.order import Arrival, Sent, check_acknowledgement
from shanhai.exchange.parcels import Parcel, check_key_ids
from shanhai.exchange.receipts import Receipt, check_receipt
from shanhai.exchange.receive import Verified
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.suites import OpenKey


@dataclass(frozen=True)
class Held:
    """What the recipient holds when it opens a message.

    Attributes:
        node: its own node id.
        keys: its private keys, by key id.
        grants: the newest revision known of each grant, by its id; for an accepted message that is opened
            again, those that it was accepted under.
        sent: what it sent in this pairing; None where the acknowledgement is not judged again.
    """

    node: str
    keys: Mapping[str, OpenKey]
    grants: Mapping[str, HeldGrant]
    sent: Sent | None


@dataclass(frozen=True, repr=False)
class Opened:
    """A message that passed stage two but for its files.

    Attributes:
        body: with the content, which is judged.
        body_bytes: for the record; they can be shown to prove `body_sha256`, and hold no key.
        facts: of the set; None without one.
        keys: by key id: of the footer and the granted columns; empty without a set.
    """

    body: Body
    body_bytes: bytes
    facts: Facts | None
    keys: Mapping[str, Secret]


def unwrap(verified: Verified, *, held: Held, statement: SetStatement | None, at: datetime) -> Opened:
    """Open a message: check 8 of the specification, section "Receiving".

    Args:
        verified: what stage one gave.
        held: what the recipient holds.
        statement: the set that the header names, as `read_set` gave it; None if it names none.
        at: when the message was received: now, or for one opened again, then.

    Raises:
        Refused: with `seen`.
        ValueError: the message is settled already, or another set was handed in.
    """
    if verified.arrival is Arrival.KNOWN:
        raise ValueError("the message is settled; open it again by its record")
    if verified.header.set_digest != (statement.digest if statement else None):
        raise ValueError("this is not the set that the message names")
    try:
        return _opened(verified, held, statement, at)
    except Refused as error:
        raise Refused(error.code, stage=error.stage, field=error.field, seen=verified.seen) from None


def _opened(verified: Verified, held: Held, statement: SetStatement | None, at: datetime) -> Opened:
    key = held.keys.get(verified.header.recipient)
    if key is None:
        raise Refused("hpke-key-rotated-away")
    plaintext = key.open(verified.sealed, info=context(verified.header_bytes))
    data, keys = read_sealed(plaintext)
    if hashlib.sha256(data).hexdigest() != verified.header.body_sha256:
        raise Refused("body-digest-wrong")
    body = read_body(data, statement)
    if held.sent is not None:
        check_acknowledgement(body.ack, held.sent)
    facts = _check_content(body, verified, held, statement, keys, at)
    return Opened(body, data, facts, keys)


def _check_content(
    body: Body,
    verified: Verified,
    held: Held,
    statement: SetStatement | None,
    keys: Mapping[str, Secret],
    at: datetime,
) -> Facts | None:
    content = body.content
    if isinstance(content, Parcel) and statement is not None:
        return _check_parcel(content, verified, held, statement, keys, at)
    if keys:
        raise Refused("key-for-ungranted-column")
    if isinstance(content, Grant):
        known = held.grants.get(content.id)
        check_statement(content, sender=verified.keyset.node, me=held.node, held=known)
    if isinstance(content, Receipt) and held.sent is not None:
        check_receipt(content, set(held.sent.digests.values()))
    return None


def _check_parcel(
    parcel: Parcel,
    verified: Verified,
    held: Held,
    statement: SetStatement,
    keys: Mapping[str, Secret],
    at: datetime,
) -> Facts:
    known = held.grants.get(parcel.terms.grant)
    if known is None or known.owner != verified.keyset.node:
        raise Refused("grant-unknown")
    check_in_force(known.grant, at)
    facts = read_facts(parcel.facts, statement)
    check_covers(known.grant, parcel.terms, subject=facts.subject, issued=verified.header.issued)
    check_key_ids(parcel, statement, keys)
    check_keys(facts, keys)
    return facts
