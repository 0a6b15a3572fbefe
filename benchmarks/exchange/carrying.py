"""The whole way as sender and recipient go it: scan and seal, ship to a relay, fetch, open."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from benchmarks.exchange.handed import Handed
from benchmarks.exchange.reading import went_through
from benchmarks.exchange.table import BATCH_ROWS, CHOSEN, COLUMNS, FILTER, Table, sums_of_batches
from benchmarks.stopwatch import Stopwatch
from shanhai.contracts.model import Column
from shanhai.courier.fetching import fetch
from shanhai.courier.opening import Sealed, open_set, room_of
from shanhai.courier.relays.layout import Place, Relay
from shanhai.courier.relays.opening import open_relay
from shanhai.courier.scanning import scan
from shanhai.courier.sealing import LANES, folder_of, new_keys, write_set
from shanhai.courier.subjects import Releasable
from shanhai.errors import NotFoundError
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.subjects import DATASET, Subject
from shanhai.governance.shape import read_shape
from shanhai.governance.values import Data
from shanhai.settings import Settings, read_settings
from shanhai.warehouse.session import duckdb_session

OPENED = "opened.parquet"
_NODE = "0" * 64


def seal(table: Table, target: Path, watch: Stopwatch) -> None:
    """Scan the rows that leave, in order, into a set that is durable and proven; its files to the relay."""
    settings, found = _settings(target), _releasable(table)
    shape = read_shape(found.data.columns, names=CHOSEN, row_filter=FILTER)
    set_id = secrets.token_hex(16)
    keys = new_keys(set_id, len(CHOSEN))
    with watch.step("scan and seal"), scan(settings, found, shape, order=shape.names) as reader:
        draft = write_set(reader, target, set_id, keys, free_bytes=settings.free_disk_bytes, lanes=LANES)
    handed = Handed.of(draft, CHOSEN)
    handed.write(target)
    with watch.step("ship"), _relay(target, settings) as relay:
        for one in handed.files:
            relay.put_file(one.sha256, folder_of(target, set_id) / one.name)


def scan_alone(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """The rows that leave, in their order, gone through and dropped."""
    settings, found = _settings(target), _releasable(table)
    shape = read_shape(found.data.columns, names=CHOSEN, row_filter=FILTER)
    with watch.step("scan"), scan(settings, found, shape, order=shape.names) as reader:
        went_through(reader)
    with scan(settings, found, shape, order=shape.names) as reader:
        return sums_of_batches(reader, target, names=CHOSEN)


def scan_unordered(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """The same rows in whatever order DuckDB has them: what is left of a scan without its order."""
    settings, found = _settings(target), _releasable(table)
    query = f"SELECT {', '.join(CHOSEN)} FROM {found.relation} WHERE {FILTER}"
    with duckdb_session(settings) as con:
        with watch.step("scan"):
            went_through(con.execute(query).to_arrow_reader(BATCH_ROWS))
        return sums_of_batches(con.execute(query).to_arrow_reader(BATCH_ROWS), target, names=CHOSEN)


def open_parcel(table: Table, target: Path, watch: Stopwatch) -> None:
    """Fetch the files, then open them in cells into one plain file that is durable."""
    settings, handed = _settings(target), Handed.read(table.parcel)
    statement = SetStatement(handed.set_id, _NODE, _NODE, handed.set_files, _NODE)
    with watch.step("fetch"), _relay(table.parcel, settings) as relay:
        fetch(relay, statement, target, keep_free_bytes=settings.free_disk_bytes)
    sealed = Sealed(statement, handed.facts, dict(enumerate(handed.names)), handed.keys)
    with watch.step("open"):
        open_set(sealed, target, room_of(settings))


def _settings(home: Path) -> Settings:
    return read_settings(home=home, federation=home, threads=2)


@contextmanager
def _relay(folder: Path, settings: Settings) -> Iterator[Relay]:
    relay = folder / "relay"
    relay.mkdir(exist_ok=True)
    with open_relay(relay.as_uri(), Place("0" * 32, "out", "out"), settings) as opened:
        yield opened


def _releasable(table: Table) -> Releasable:
    columns = tuple(Column(name=name, source=name, type=kind) for name, kind in COLUMNS.items())
    return Releasable(
        data=Data(Subject(DATASET, "bench.events"), "conditional", columns),
        version=1,
        relation=table.relation,
        earlier=_not_kept,
        contract=None,
        lineage={},
        quality={},
    )


def _not_kept(version: int) -> NoReturn:
    raise NotFoundError("no earlier version", given=version)
