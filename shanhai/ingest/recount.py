"""Recount: stage a delivery again from its kept bytes, aside, and compare with what was booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.ids import DeliveryId
from shanhai.ingest.aside import staged_aside
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.committed import committed_terms
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, Validation, read_record
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.stage import GOOD, SCRATCH
from shanhai.quality.queries import run_queries
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.session import duckdb_config, duckdb_session


@dataclass(frozen=True)
class Line:
    """One number, or one query's answer as text: as it is kept, and as it was counted again."""

    name: str
    kept: int | str
    again: int | str

    @property
    def agrees(self) -> bool:
        return self.kept == self.again


@dataclass(frozen=True)
class Recount:
    """What staging a delivery again has found.

    `comparable` is False when the record of staging is lost, or the contract that it was staged by: then
    nothing was staged.
    """

    delivery: DeliveryId
    comparable: bool
    lines: tuple[Line, ...] = ()

    @property
    def agrees(self) -> bool:
        return all(line.agrees for line in self.lines)


def recount(node: Node, delivery: DeliveryId) -> Recount:
    """Read the snapshot of a delivery anew, and compare with the books, the record of staging and the lake.

    It is staged on the terms on which it stands in the books, whatever its contract is by now.

    Rows that came in and rows in quarantine are compared with the ledger; good, duplicate and superseded
    rows and each rule with the record, and the answers of the contract's queries with that of the check;
    each row that the lake holds of the delivery must be a good one.

    Raises:
        NotFoundError: the delivery is not in the books.
        DeniedError: its bytes were purged.
        DamagedError: the bytes are gone, or not those that were pulled.
        RetryableError: they cannot be read.
    """
    table = node.table(delivery.dataset)
    net = table_net(LakeTable.open(table)).get(str(delivery)) if exists(table) else None
    if net is None:
        raise NotFoundError("the delivery has no verdict yet", given=delivery.short, hint="shanhai walk")
    require_unpurged(delivery, net.purged, "snapshot")
    kept = read_record(node, delivery, net.staging, Staging)
    try:
        terms = committed_terms(node, delivery, net) if net.staged else None
    except ConfigurationError:
        terms = None
    if kept is None or terms is None:
        return Recount(delivery, comparable=False)
    with staged_aside(node, delivery, terms) as (aside, again):
        lines = (
            *_lines(kept, again, net),
            *_answers(node, aside, delivery, again, terms.contract),
            *_lake(node, aside, delivery, again, terms.contract),
        )
        return Recount(delivery, comparable=True, lines=lines)


def _lines(kept: Staging, again: Staging, net: Net) -> Iterator[Line]:
    yield Line("rows in", net.counts.rows_in, again.rows_in)
    yield Line("quarantined", net.counts.quarantined, again.quarantined)
    for name in ("good", "duplicates", "superseded"):
        yield Line(name, getattr(kept, name), getattr(again, name))
    settled = net.counts.loaded + net.counts.duplicates + net.counts.superseded + net.counts.withheld
    yield Line("not quarantined", settled, again.good + again.duplicates + again.superseded)
    malformed = Counter({f"malformed.{name}": rows for name, rows in kept.malformed.items()})
    found = Counter({f"malformed.{name}": rows for name, rows in again.malformed.items()})
    for name in sorted({*kept.counts, *again.counts, *malformed, *found}):
        before = kept.counts.get(name, malformed[name])
        yield Line(f"rule {name}", before, again.counts.get(name, found[name]))


def _answers(
    node: Node, aside: Node, delivery: DeliveryId, again: Staging, contract: Contract
) -> Iterator[Line]:
    """What the queries of the contract say of the rows as they were staged again."""
    validation = read_record(node, delivery, again.staging, Validation)
    if validation is None or again.unreadable is not None:
        return
    answered = run_queries(
        contract,
        aside.staging(delivery, again.staging) / SCRATCH,
        config=duckdb_config(aside.settings),
    )
    given = {result.query.name: result.given for result in answered}
    for query in validation.queries:
        yield Line(f"query {query.name}", query.given, given.get(query.name, "nothing"))


def _lake(
    node: Node, aside: Node, delivery: DeliveryId, again: Staging, contract: Contract
) -> Iterator[Line]:
    """How many rows the lake holds of the delivery that are none of its good rows: there must be none."""
    table = LakeTable.open(node.table(delivery.dataset))
    columns = ", ".join(quote_identifier(name) for name in contract.names)
    where = f"{DELIVERY} = {quote_literal(str(delivery))}"
    good = f"SELECT {columns} FROM {table.relation()} WHERE false"
    if again.good:
        file = quote_literal((aside.staging(delivery, again.staging) / GOOD).as_posix())
        good = f"SELECT {columns} FROM read_parquet({file})"
    with duckdb_session(node.settings) as con:
        (strange,) = con.execute(
            f"SELECT count(*) FROM (SELECT {columns} FROM {table.relation()} WHERE {where} EXCEPT ALL {good})"
        ).fetchone() or (0,)
    yield Line("rows of the lake that are not in the snapshot", 0, int(strange))
