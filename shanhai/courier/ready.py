"""A set that can be given to a recipient: one that serves, or a new one, sealed, read back and signed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shanhai.audit.database import transaction
from shanhai.courier import sealing, sets
from shanhai.courier.desk import Desk
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.planning import Plan
from shanhai.courier.progress import metered
from shanhai.courier.scanning import scan
from shanhai.courier.sent_folders import folder_rows
from shanhai.courier.sets import Described, KeptSet
from shanhai.courier.speaking import Carried, sealed_to
from shanhai.errors import DataError
from shanhai.exchange.facts import FactFile, Facts, read_facts, write_facts
from shanhai.exchange.parcels import MOST_FACTS, Parcel
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, read_set, set_digest, sign_set
from shanhai.ingest.node import Node

if TYPE_CHECKING:
    import pyarrow as pa

_USUAL_FILES = 64
"""So many files of a set are reckoned with before any is written; a file has up to a GiB."""


@dataclass(frozen=True)
class Ready:
    """A set that can be given to a recipient, signed, with all its keys."""

    statement: SetStatement
    envelope: bytes = field(repr=False)
    facts: bytes = field(repr=False)
    keys: Mapping[str, Secret] = field(repr=False)
    columns: tuple[str, ...]
    fresh: bool


def taken(desk: Desk, kept: KeptSet) -> Ready:
    """A set that serves already: its keys are all that is needed."""
    return Ready(
        statement=read_set(kept.statement, keyset=desk.speaker.keyset, digest=kept.digest),
        envelope=kept.statement,
        facts=kept.facts,
        keys=keyring_of(desk.home).keys_of_set(kept.set_id, desk.speaker.holdings),
        columns=kept.described.columns,
        fresh=False,
    )


def made(desk: Desk, node: Node, planned: Plan) -> Ready:
    """A new set: noted, keys locked, files written and read back, facts and statement signed."""
    set_id, found, shape = secrets.token_hex(16), planned.found, planned.shape
    text = shape.row_filter.text if shape.row_filter else None
    described = Described(shape.shape_id, shape.names, planned.order, text, shape.masks, found.listing)
    _check_room(desk, planned, described)
    with transaction(desk.connection):
        sets.begin(desk.connection, set_id, found.subject, found.version, described, at=desk.now)
    keys = sealing.new_keys(set_id, len(described.columns))
    keyring_of(desk.home).keep_set(set_id, keys)
    # The parts of an application have an order of their own.
    lanes, free = 1 if found.folder is not None else sealing.LANES, node.settings.free_disk_bytes
    with metered(desk.tell, "rows sealed", planned.leaving.rows) as add, _rows(node, planned) as reader:
        draft = sealing.write_set(
            _counted(reader, add), desk.home, set_id, keys, free_bytes=free, lanes=lanes, tell=desk.tell
        )
    facts = write_facts(
        Facts(
            salt=secrets.token_bytes(32),
            subject=found.subject,
            version=found.version,
            shape=described.shape_id if found.folder is None else None,
            columns=tuple(draft.columns.values()),
            files=tuple(FactFile(file.rows, file.decoded) for file in draft.files),
            commits=draft.commits,
            contract=found.contract,
            quality=digest_of(found.quality),
            lineage=digest_of(found.lineage),
            listing=found.listing,
        )
    )
    statement, envelope = _signed(desk, draft, facts)
    return Ready(statement, envelope, facts, keys, described.columns, fresh=True)


def _check_room(desk: Desk, planned: Plan, described: Described) -> None:
    """See, before a row is read, that one message can carry what the set will have.

    Raises:
        DataError: it cannot; nothing was written.
    """
    set_id, columns, some = secrets.token_hex(16), described.columns, "0" * 64
    keys = sealing.new_keys(set_id, len(columns))
    files = tuple(SetFile(f"{number:064x}", 1 << 30) for number in range(_USUAL_FILES))
    facts = Facts(
        salt=bytes(32),
        subject=planned.found.subject,
        version=planned.found.version,
        shape=described.shape_id if planned.found.folder is None else None,
        columns=("list<timestamp[us,UTC]>",) * len(columns),
        files=tuple(FactFile(1 << 40, 1 << 40) for _ in files),
        commits=dict.fromkeys(keys, some),
        contract=some,
        quality=some,
        lineage=some,
        listing=planned.found.listing,
    )
    written = write_facts(facts)
    if len(written) > MOST_FACTS:
        raise DataError("a message cannot carry the facts of so many columns", given=len(columns))
    statement = SetStatement(set_id, desk.me, some, files, some, digest=some)
    ready = Ready(statement, b"", written, keys, columns, fresh=True)
    parcel, carried = parcel_of(planned, ready), carried_by(planned, ready)
    sealed_to(desk.connection, planned.partner, parcel, desk.speaker, carried)


def _rows(node: Node, planned: Plan) -> AbstractContextManager[pa.RecordBatchReader]:
    found = planned.found
    if found.folder is not None:
        return folder_rows(found, found.folder)
    return scan(node.settings, found, planned.shape, order=planned.order)


def _counted(reader: pa.RecordBatchReader, add: Callable[[int], None]) -> pa.RecordBatchReader:
    """The same rows; each batch is counted when it is taken."""
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            add(batch.num_rows)
            yield batch

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _signed(desk: Desk, draft: sealing.Draft, facts: bytes) -> tuple[SetStatement, bytes]:
    """The statement of a set and its envelope, read back as a recipient will."""
    signers = desk.speaker.signers
    unsigned = SetStatement(
        set=draft.set_id,
        node=desk.me,
        signer=signers[0].kid,
        files=draft.set_files,
        facts_sha256=hashlib.sha256(facts).hexdigest(),
    )
    envelope = sign_set(unsigned, signers)
    statement = read_set(envelope, keyset=desk.speaker.keyset, digest=set_digest(unsigned))
    read_facts(facts, statement)
    return statement, envelope


def parcel_of(planned: Plan, ready: Ready) -> Parcel:
    """What the recipient is told of it."""
    names = {ready.columns.index(name): name for name in planned.terms.columns}
    return Parcel(planned.terms, names, ready.facts)


def carried_by(planned: Plan, ready: Ready) -> Carried:
    """What its message carries: the key of the footers and those of the columns of the terms, no others."""
    numbers = [ready.columns.index(name) for name in planned.terms.columns]
    wanted = [ready.statement.footer_key, *map(ready.statement.column_key, numbers)]
    return Carried(ready.statement, {key_id: ready.keys[key_id] for key_id in wanted})


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of a document as JSON in UTF-8 with sorted keys and without blanks."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
