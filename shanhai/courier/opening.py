"""Open the files of a parcel, each in a cell, into what is kept: one plain Parquet file, or a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.applications.folder import write_folder
from shanhai.applications.reading import Contents
from shanhai.courier.cell import Job
from shanhai.courier.cells import Room, batches_of
from shanhai.courier.progress import Tell, silent
from shanhai.exchange import folders
from shanhai.exchange.facts import FactFile, Facts
from shanhai.exchange.failures import FAILURES, Refused, Stage
from shanhai.exchange.listings import listing_of
from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.parquet.profile import physical_name
from shanhai.exchange.parquet.sink import HashedSink
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement
from shanhai.exchange.subjects import APPLICATION
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.durable import sync_folder

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_BYTES = 64 << 20
_OF_APPLICATION = ("string", "int32", "int32", "binary")
_TABLE, _FOLDER, _ROWS = "opened.parquet", "opened", "rows.parquet"


@dataclass(frozen=True)
class Sealed:
    """What a parcel gives of a set whose files lie in a private folder.

    Attributes:
        names: what each granted column is called, by its index in the files.
        keys: by key id: the footer's and those of the granted columns.
    """

    statement: SetStatement
    facts: Facts
    names: Mapping[int, str]
    keys: Mapping[str, Secret] = field(repr=False)

    @property
    def columns(self) -> tuple[int, ...]:
        """The granted columns, in the order of the files."""
        return tuple(sorted(self.names))


def room_of(settings: Settings, tell: Tell = silent) -> Room:
    """As the settings of the node say."""
    return Room(settings.free_disk_bytes, settings.parcel_bytes, settings.parcel_seconds, tell)


@dataclass(frozen=True)
class Made:
    """What came of it.

    Attributes:
        path: a file or a folder inside of the private folder, durable.
        sha256: of the file; of a folder the digest of its listing.
        rows: of a table; of a folder its parts.
        contents: of a folder, its files, and which of them may be run.
    """

    path: Path
    sha256: str
    rows: int
    contents: Contents | None = field(default=None, repr=False)


def open_set(sealed: Sealed, folder: Path, room: Room) -> Made:
    """Write the granted columns of a set, in a private folder beside its files.

    The same set gives the same bytes with the same version of pyarrow: nothing of the message is in them.

    Raises:
        Refused: the codes of the cell and of `folders`, parser-memory and parser-hang also where the parcel
            declares or takes more than `room`, all at stage contents: these bytes are the ones that were
            signed, and no relay will ever give others; changed-between-hash-and-parse, at stage set. Nothing
            is left but the files.
        DiskFullError: there is no room.
        ConfigurationError: this system cannot confine a process.
    """
    try:
        if sealed.facts.subject.kind == APPLICATION:
            return _open_application(sealed, folder, room)
        names = [sealed.names[index] for index in sealed.columns]
        return _write_table(sealed, names, folder, _TABLE, room)
    except Refused as refusal:
        raise _of_contents(refusal) from None


def _of_contents(refusal: Refused) -> Refused:
    if refusal.code == "changed-between-hash-and-parse":
        return refusal
    # A captured parser may say anything; of order or signatures it has nothing to say.
    known = FAILURES[refusal.code].stage in (Stage.SET, Stage.CONTENTS)
    return Refused(refusal.code if known else "parser-abort", stage=Stage.CONTENTS, field=refusal.field)


def made_in(folder: Path) -> Path | None:
    """What an earlier `open_set` made whole in a private folder."""
    return next((folder / name for name in (_TABLE, _FOLDER) if (folder / name).exists()), None)


def _open_application(sealed: Sealed, folder: Path, room: Room) -> Made:
    facts = sealed.facts
    # Whoever may have an application has it whole.
    if facts.columns != _OF_APPLICATION or sealed.columns != tuple(range(len(_OF_APPLICATION))):
        raise Refused("schema-differs")
    if sum(one.rows for one in facts.files) > folders.MOST_PARTS:
        raise Refused("too-many-files", field="parts")
    rows = _write_table(sealed, ["path", "mode", "part", "content"], folder, _ROWS, room)
    unfinished, target = folder / f".{_FOLDER}", folder / _FOLDER
    with disk_errors(folder):
        for place in (unfinished, target):
            shutil.rmtree(place, ignore_errors=True)
    promised = facts.listing or ""
    try:
        listing = listing_of(_parts(rows.path), promised)
        require_room(folder, sum(one.size for one in listing) + room.keep_free_bytes)
        executable = write_folder(listing, _parts(rows.path), unfinished)
        with disk_errors(folder):
            unfinished.rename(target)
            sync_folder(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        rows.path.unlink(missing_ok=True)
    return Made(target, promised, rows.rows, Contents(listing, executable))


def _parts(file: Path) -> Iterator[folders.Part]:
    """The rows of an application, from the file that we wrote ourselves."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=16, use_threads=False):
            yield from folders.rows_of(batch)


def _write_table(sealed: Sealed, names: list[str], folder: Path, name: str, room: Room) -> Made:
    """Write all rows into one file, whole or not at all."""
    unfinished, target = folder / f".{name}", folder / name
    with disk_errors(folder):
        unfinished.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    try:
        with disk_errors(folder), unfinished.open("xb") as sink:
            unfinished.chmod(0o600)
            hashed = HashedSink(sink)
            with closing(_batches(sealed, folder, room)) as batches:
                rows = _packed(batches, names, hashed)
            sink.flush()
            os.fsync(sink.fileno())
        with disk_errors(folder):
            unfinished.rename(target)
            sync_folder(folder)
    finally:
        unfinished.unlink(missing_ok=True)
    return Made(target, hashed.digest(), rows)


def _packed(batches: Iterator[pa.RecordBatch], names: list[str], sink: HashedSink) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(batches)
    schema = pa.schema([pa.field(name, one.type) for name, one in zip(names, first.schema, strict=True)])
    rows = size = 0
    with pq.ParquetWriter(sink, schema, compression="zstd", store_schema=False) as writer:
        held: list[pa.RecordBatch] = []
        for batch in chain([first], batches):
            if batch.schema.types != schema.types:
                # Types of one name may differ inside, and only a captured parser writes two of them.
                raise Refused("parser-abort")
            held.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if size >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held, schema))
                held, size = [], 0
        if any(one.num_rows for one in held):
            writer.write_table(pa.Table.from_batches(held, schema))
    return rows


def _batches(sealed: Sealed, folder: Path, room: Room) -> Generator[pa.RecordBatch, None, None]:
    jobs = [
        (one, _job(sealed, one, told))
        for one, told in zip(sealed.statement.files, sealed.facts.files, strict=True)
    ]
    return batches_of(jobs, folder, room)


def _job(sealed: Sealed, one: SetFile, told: FactFile) -> Job:
    return Job(
        size=one.size,
        columns=[physical_name(index) for index in sealed.columns],
        keys=sealed.keys,
        declared=Declared(told.rows, told.decoded_bytes, sealed.facts.schema),
    )
