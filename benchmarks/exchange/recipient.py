"""A new recipient of a set that is there: keys out of the keyring, one message, sealed and signed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.exchange.table import Table
from benchmarks.stopwatch import Stopwatch
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.sealing import new_keys
from shanhai.exchange import dsse
from shanhai.exchange.bodies import Body, write_body
from shanhai.exchange.commitments import commitment
from shanhai.exchange.facts import FactFile, Facts, write_facts
from shanhai.exchange.grants import Terms
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.messages import Address, context, read_payload, read_sealed, seal_message
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, read_set, set_digest, sign_set
from shanhai.exchange.subjects import DATASET, Subject
from shanhai.exchange.suites import SUITES, OpenKey
from shanhai.keyring import age
from shanhai.keyring.holdings import Holdings
from shanhai.keyring.keyring import Keyring
from shanhai.keyring.rotation import Policy, first_keyset, new_roots
from shanhai.keyring.rotation import new_keys as new_node_keys

WIDTHS = (6, 200)
"""Columns that are granted."""
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Sender:
    keyring: Keyring
    keyset: Keyset
    holdings: Holdings


@dataclass(frozen=True)
class _Set:
    statement: SetStatement
    envelope: bytes
    facts: bytes


def add_recipient(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """One message for each width and suite: bytes, and the time from the locked keys to the signed bytes.

    Nothing of the files is touched, so the size of the table does not matter. What a release does beside it
    (policy, one transaction) is not in these times.
    """
    sender = _sender(target)
    counts: dict[str, int] = {}
    for columns in WIDTHS:
        kept = _kept_set(sender, columns)
        for suite, alg in SUITES.items():
            recipient, name = OpenKey.generate(alg), f"{columns} columns, {alg}"
            with watch.step(name):
                keys = sender.keyring.keys_of_set(kept.statement.set, sender.holdings)
                statement = read_set(kept.envelope, keyset=sender.keyset, digest=kept.statement.digest)
                message = _message(sender, replace(kept, statement=statement), keys, recipient, suite)
            _check(message, recipient, keys)
            counts[name] = len(message)
    return counts


def _sender(home: Path) -> _Sender:
    policy = Policy()
    roots, fresh = new_roots(policy), new_node_keys(policy)
    holdings = Holdings(age.new_identity(), tuple(key for keys in fresh.values() for key in keys))
    keyring = keyring_of(home)
    keyring.lock(holdings, Secret(secrets.token_hex(16).encode()))
    keyset = first_keyset("bench", roots, fresh, policy, _NOW)
    return _Sender(keyring, keyring.publish(sign_keyset(keyset, roots.keys)), holdings)


def _kept_set(sender: _Sender, columns: int) -> _Set:
    """A set of one file, by what is known of it: its keys locked, its statement signed."""
    set_id = secrets.token_hex(16)
    keys = new_keys(set_id, columns)
    sender.keyring.keep_set(set_id, keys)
    facts = write_facts(
        Facts(
            salt=secrets.token_bytes(32),
            subject=Subject(DATASET, "bench.events"),
            version=1,
            shape=f"sha256-{secrets.token_hex(32)}",
            columns=("string",) * columns,
            files=(FactFile(1 << 23, 1 << 30),),
            commits={key_id: commitment(key_id, key) for key_id, key in keys.items()},
            **{name: secrets.token_hex(32) for name in ("contract", "quality", "lineage")},
        )
    )
    signers = sender.holdings.signers(sender.keyset, _NOW)
    files = (SetFile(secrets.token_hex(32), 1 << 29),)
    digest = hashlib.sha256(facts).hexdigest()
    statement = SetStatement(set_id, sender.keyset.node, signers[0].kid, files, digest)
    statement = replace(statement, digest=set_digest(statement))
    return _Set(statement, sign_set(statement, signers), facts)


def _message(
    sender: _Sender, kept: _Set, keys: Mapping[str, Secret], recipient: OpenKey, suite: str
) -> bytes:
    names = {number: f"column_of_the_lake_{number:04d}" for number in range(len(keys) - 1)}
    terms = Terms(
        grant=secrets.token_hex(16),
        rev=1,
        purpose="statistics",
        share_class="conditional",
        onward="none",
        retain_until=_NOW + timedelta(days=100),
        columns=tuple(names.values()),
        masks={},
        row_filter=None,
    )
    signers = sender.holdings.signers(sender.keyset, _NOW)
    address = Address(
        pairing=secrets.token_hex(16),
        sender_node=sender.keyset.node,
        sender=signers[0].kid,
        recipient_node=secrets.token_hex(32),
        recipient=recipient.public,
        suite=suite,
        generation=0,
        seq=0,
        prev=None,
        issued=_NOW,
        set_digest=kept.statement.digest,
        not_after=_NOW + timedelta(days=30),
    )
    content = Parcel(terms, names, kept.facts)
    body = write_body(Body(secrets.token_bytes(32), None, content), kept.statement)
    return seal_message(address, body, keys=keys, signers=signers).envelope


def _check(message: bytes, recipient: OpenKey, keys: Mapping[str, Secret]) -> None:
    """See that the recipient gets every key."""
    header, sealed = read_payload(dsse.read(message, dsse.MESSAGE).payload)
    _, given = read_sealed(recipient.open(sealed, info=context(header)))
    if {name: key.bytes for name, key in given.items()} != {name: key.bytes for name, key in keys.items()}:
        raise AssertionError("the recipient has other keys than were sent")
