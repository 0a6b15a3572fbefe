"""Parcels as a careful sender makes them, left at a relay that is a folder; and a relay that alters them."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from two_nodes import NodeHome, Two

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import granted, outbox, partners, saying
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.receiving import Received, receive_from
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.speaking import Carried
from shanhai.exchange.bodies import Content
from shanhai.exchange.commitments import commitment
from shanhai.exchange.facts import FactFile, Facts, write_facts
from shanhai.exchange.folders import Listed, Part, batches
from shanhai.exchange.grants import Grant, Terms
from shanhai.exchange.listings import listing_digest
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.parquet.encrypt import Packing, encrypt
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.profile import column_key_id, footer_key_id
from shanhai.exchange.parquet.rows import plain_schema
from shanhai.exchange.parquet.types import schema_names
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, set_digest, sign_set
from shanhai.exchange.subjects import APPLICATION, DATASET, Subject
from shanhai.settings import Settings, read_settings

HOTLINE = Subject(DATASET, "longyou.hotline")
TABLE = pa.table(
    {
        "id": [f"id {n}" for n in range(500)],
        "n": list(range(500)),
        "note": [f"not for Gongshu {n}" for n in range(500)],
    }
)
GRANTED = ("id", "n")
DAY = timedelta(days=1)
T = TypeVar("T")


@dataclass(frozen=True)
class SealedSet:
    """A set with all its keys."""

    statement: SetStatement
    envelope: bytes = field(repr=False)
    facts: Facts
    files: dict[str, bytes] = field(repr=False)
    keys: dict[str, Secret] = field(repr=False)
    columns: tuple[str, ...]


def settings_of(node: NodeHome) -> Settings:
    return read_settings(home=node.home, federation=node.home)


def grant_of(two: Two, subject: Subject = HOTLINE, **changes: Any) -> Grant:
    """What Longyou grants Gongshu; nobody has been told yet."""
    now = system_clock().replace(microsecond=0)
    made = Grant(
        id=secrets.token_hex(16),
        rev=1,
        grantee=two.gongshu.keyset.node,
        subject=subject,
        columns=None if subject.kind == APPLICATION else GRANTED,
        purpose="statistics",
        share_class="conditional",
        onward="none",
        valid_from=now - DAY,
        until=now + 300 * DAY,
        retention_days=365,
    )
    return replace(made, **changes)


def seal(
    node: NodeHome,
    table: pa.Table | pa.RecordBatchReader = TABLE,
    *,
    subject: Subject = HOTLINE,
    version: int = 7,
    listing: str | None = None,
    packing: Packing | None = None,
    **lies: Any,
) -> SealedSet:
    """Seal a table; `lies` replace facts."""
    set_id = secrets.token_hex(16)
    reader = table if isinstance(table, pa.RecordBatchReader) else table.to_reader()
    schema = reader.schema
    ids = [footer_key_id(set_id), *(column_key_id(set_id, number) for number in range(len(schema)))]
    keys = {key_id: Secret.random() for key_id in ids}
    kept: list[_Kept] = []

    def new_file() -> _Kept:
        kept.append(_Kept())
        return kept[-1]

    made = encrypt(reader, new_file, set_id=set_id, keys=KeyHolder(keys), packing=packing)
    facts = Facts(
        salt=secrets.token_bytes(32),
        subject=subject,
        version=version,
        shape=None,
        columns=tuple(schema_names(plain_schema(schema)).values()),
        files=tuple(FactFile(one.rows, one.decoded) for one in made),
        commits={key_id: commitment(key_id, key) for key_id, key in keys.items()},
        listing=listing,
    )
    facts = replace(facts, **lies)
    with node.desk() as desk:
        signers, me = desk.speaker.signers, desk.me
    digest = hashlib.sha256(write_facts(facts)).hexdigest()
    files = tuple(SetFile(one.sha256, one.size) for one in made)
    statement = SetStatement(set_id, me, signers[0].kid, files, digest)
    statement = replace(statement, digest=set_digest(statement))
    contents = {one.sha256: file.getvalue() for one, file in zip(made, kept, strict=True)}
    return SealedSet(statement, sign_set(statement, signers), facts, contents, keys, tuple(schema.names))


def seal_folder(
    node: NodeHome, files: dict[str, bytes], *, name: str = "dashboards", version: int = 7
) -> SealedSet:
    """Seal a folder: its files as rows, in the order that the specification wants."""
    rows: list[Part] = []
    listing: list[Listed] = []
    for path in sorted(files, key=lambda path: path.encode()):
        pieces = [files[path][at : at + (1 << 20)] for at in range(0, len(files[path]), 1 << 20)] or [b""]
        mode = 0o755 if path.endswith(".sh") else 0o644
        rows += [Part(path, mode, number, piece) for number, piece in enumerate(pieces)]
        listing.append(Listed(path, len(files[path]), hashlib.sha256(files[path]).hexdigest()))
    subject = Subject(APPLICATION, name)
    return seal(node, batches(rows), subject=subject, version=version, listing=listing_digest(listing))


def parcel_of(sealed: SealedSet, grant: Grant, **changes: Any) -> tuple[Parcel, Carried]:
    """The content and the keys of a parcel that keeps to a grant; `changes` are of its terms."""
    columns = sealed.columns if grant.columns is None else grant.columns
    names = {sealed.columns.index(column): column for column in columns}
    terms = Terms(
        grant=grant.id,
        rev=grant.rev,
        purpose=grant.purpose,
        share_class=grant.share_class,
        onward=grant.onward,
        retain_until=system_clock().replace(microsecond=0) + 100 * DAY,
        columns=tuple(columns),
        masks={},
        row_filter=None,
    )
    ids = [sealed.statement.footer_key, *(sealed.statement.column_key(index) for index in names)]
    carried = Carried(sealed.statement, {key_id: sealed.keys[key_id] for key_id in ids})
    return Parcel(replace(terms, **changes), names, write_facts(sealed.facts)), carried


def say(
    node: NodeHome,
    to: str,
    content: Content,
    carried: Carried | None = None,
    *,
    now: datetime | None = None,
) -> Outgoing:
    """Put a message into the outbox, with what its saying means at home."""
    with node.desk(now=now) as desk, transaction(desk.connection):
        pairing = partners.named(desk.connection, to).pairing
        said = saying.say(desk, pairing, content, carried)
        if isinstance(content, Grant):
            granted.keep(desk.connection, granted.GIVEN, pairing, content, at=desk.now, message=said.digest)
        return said


def upload(node: NodeHome, to: str, *sealed: SealedSet) -> None:
    """Leave sets, and every message that is not there yet, at the relay."""
    with node.desk() as desk:
        partner = partners.named(desk.connection, to)
        with relay_of(partner, settings_of(node)) as relay:
            for one in sealed:
                for sha256, content in one.files.items():
                    file = node.home / "scratch" / sha256
                    file.parent.mkdir(exist_ok=True)
                    file.write_bytes(content)
                    relay.put_file(sha256, file)
                relay.put_statement(one.statement.digest, one.envelope)
            for outgoing in outbox.waiting_for_upload(desk.connection, partner.pairing):
                relay.put_message(outgoing.generation, outgoing.seq, outgoing.envelope)
                with transaction(desk.connection):
                    outbox.uploaded(desk.connection, outgoing.digest, at=desk.now)


def received(node: NodeHome, name: str, *, now: datetime | None = None) -> Received:
    """One run of receiving."""
    with node.desk(who="system", now=now) as desk:
        return receive_from(desk, settings_of(node), name)


def looked_at(node: NodeHome, look: Callable[[Desk], T]) -> T:
    """What a look at the state of a node gives."""
    with node.desk() as desk:
        return look(desk)


def kinds(node: NodeHome) -> list[str]:
    """What the log of a node tells, in its order."""
    return [kind for kind, _ in node.events()]


def relay_folder(two: Two) -> Path:
    """The relay on the disk."""
    return Path(unquote(urlsplit(two.relay).path))


def relay_file(two: Two, sha256: str) -> Path:
    """A file of a set at the relay."""
    return next(relay_folder(two).rglob(sha256))


def private_leftovers(node: NodeHome) -> list[str]:
    """What lies in the folders where parcels are under way."""
    top = node.home / "exchange" / "incoming"
    found = (path for path in top.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.relative_to(top).as_posix() for path in found)


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Its content is wanted later."""
