"""What retention depends on, read from the books, the tables and the publications."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from shanhai.contracts.schema import DELIVERY
from shanhai.contracts.sql import quote_literal
from shanhai.errors import NotFoundError
from shanhai.ids import DatasetId
from shanhai.ingest.books import Net, moving, table_net
from shanhai.ingest.node import Node
from shanhai.ingest.retention import Standing, that_count
from shanhai.ingest.sidecar import Sidecar, sidecars
from shanhai.warehouse.damage import told_if_damaged
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.last_build import last_build
from shanhai.warehouse.publications import Publication
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version

_LAST_BUILD = 0
"""Stands for the last build among the numbers of publications, which begin with 1."""


@dataclass(frozen=True)
class _Read:
    """What was read of one dataset: its books, and its rows by delivery now and where it was published."""

    books: Mapping[str, Net] = field(default_factory=dict)
    settled: Mapping[str, datetime] = field(default_factory=dict)
    now: Counter[str] = field(default_factory=Counter)
    published: Mapping[int, Counter[str]] = field(default_factory=dict)

    def standing(self, source: Sidecar) -> Standing:
        net, name = self.books.get(source.delivery), source.delivery
        resting = [number for number, rows in self.published.items() if rows[name]]
        return Standing(
            delivery=source.id,
            pulled_at=source.pulled_at,
            verdict=net.verdict if net else None,
            refused=bool(net and net.staged and net.staged.quarantine_file),
            settled_at=self.settled.get(name),
            in_table=self.now[name],
            built=_LAST_BUILD in resting,
            publications=tuple(number for number in resting if number != _LAST_BUILD),
            purged=net.purged if net else frozenset(),
        )


def standings(node: Node, dataset: DatasetId, publications: Iterable[Publication]) -> list[Standing]:
    """Every delivery of a dataset as it stands now, in the order in which they were pulled.

    Args:
        publications: all of the home, oldest first.

    Raises:
        DamagedError: a sidecar, or a file of the table, is damaged.
        RetryableError: a table or a sidecar cannot be read.
    """
    read = _read(node, dataset, publications) if exists(node.table(dataset)) else _Read()
    return [read.standing(source) for source in sidecars(node, dataset)]


def _read(node: Node, dataset: DatasetId, publications: Iterable[Publication]) -> _Read:
    path = node.table(dataset)
    table = LakeTable.open(path)
    settled = {line.delivery: commit.at for commit in table.commits() for line in moving(commit)}
    days = node.federation.retention(dataset).snapshot_days
    books = table_net(table)
    if days is None and not any("snapshot" in net.purged for net in books.values()):
        return _Read(books, settled)
    pins = {one.number: dict(one.sources) for one in that_count(publications, days, node.clock())}
    pins[_LAST_BUILD] = _pins_of_the_last_build(node)
    versions = {number: read[str(dataset)] for number, read in pins.items() if str(dataset) in read}
    rows = _rows(node, path, {table.version, *versions.values()})
    published = {number: rows[version] for number, version in versions.items()}
    return _Read(books, settled, rows[table.version], published)


def _pins_of_the_last_build(node: Node) -> dict[str, int]:
    try:
        return dict(last_build(node.settings).pins)
    except NotFoundError:
        return {}


def _rows(node: Node, path: Path, versions: Iterable[int]) -> dict[int, Counter[str]]:
    """The rows of each delivery in each version of a table; each file is read once."""
    files = {version: _files(path, version) for version in versions}
    every = sorted({name for names in files.values() for name in names})
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    if every:
        listed = ", ".join(quote_literal((path / name).as_posix()) for name in every)
        with told_if_damaged(LakeTable.open(path)), duckdb_session(node.settings) as con:
            counted = con.execute(
                f"SELECT filename, {DELIVERY}, count(*) "
                f"FROM read_parquet([{listed}], union_by_name = true, filename = true) GROUP BY ALL"
            ).fetchall()
        for name, delivery, count in counted:
            rows[Path(name).name][delivery] = count
    return {
        version: sum((rows[Path(name).name] for name in names), Counter()) for version, names in files.items()
    }


def _files(path: Path, version: int) -> list[str]:
    names = open_version(path, version).get_add_actions().column("path").to_pylist()
    return [unquote(str(name)) for name in names]
