"""What came before and comes again: the same bytes, the same rows, or most of them in another edition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import edition_of
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.drift.history import MOST_EARLIER, Earlier, alike, repeated_bytes
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, read_record, read_staging
from shanhai.ingest.sidecar import Sidecar, sidecar, sidecars
from shanhai.ingest.stage import GOOD
from shanhai.quality.difference import Difference, differs
from shanhai.quality.plausibility import ENOUGH_ROWS
from shanhai.warehouse.session import duckdb_session

_MOST_ROWS = 0.5
"""A delivery of which so many rows were there already is another edition, and not more of the same."""


def comes_again(
    node: Node,
    contract: Contract,
    delivery: DeliveryId,
    staging: Staging,
    earlier: Sequence[Earlier],
    books: Mapping[str, Net],
) -> Iterator[Difference]:
    """The first that says that rows would be in the table twice.

    Args:
        earlier: accepted deliveries to compare rows with where every count is the same.
        books: of the dataset's table.
    """
    own = sidecar(node, delivery)
    out = {known for known, net in books.items() if net.verdict in ("refused", "withdrawn")}
    pulled = sidecars(node, delivery.dataset)
    before = [one for one in pulled if one.place < own.place and one.delivery not in out]
    # Of its partition as many again.
    editions = [one for one in before if _may_be_edition(contract, one, own)][-MOST_EARLIER:]
    staged = _staged(node, editions, books)
    found = (
        repeated_bytes(own, [*editions, *before[-MOST_EARLIER:]])
        or _same_rows(node, delivery, staging, [*staged, *earlier])
        or _most_rows(node, delivery, staging, staged)
    )
    if found is None and editions and contract.delivery.partition.by != "none":
        found = differs("partition_again", given=editions[-1].id.short)
    if found is not None:
        yield found


def replaces_a_part(node: Node, contract: Contract, delivery: DeliveryId) -> Iterator[Difference]:
    """Under `replace`, a file of the same pull and partition that no edition tells apart: one alone stays."""
    own = sidecar(node, delivery)
    beside = [
        one
        for one in sidecars(node, delivery.dataset)
        if (one.number, one.id.partition) == (own.number, own.id.partition)
        and one.place < own.place
        and edition_of(contract, one.bodies[0].name) == edition_of(contract, own.bodies[0].name)
    ]
    if beside:
        yield differs("partition_again", "replaced", given=beside[-1].id.short)


def _may_be_edition(contract: Contract, one: Sidecar, own: Sidecar) -> bool:
    """Whether an earlier delivery may have the same rows as they were before.

    Files that one pull brought for one partition are parts of it. Where there are no partitions, a name that
    comes again tells that its content is another one now.
    """
    if one.number == own.number or one.id.partition != own.id.partition:
        return False
    if contract.delivery.partition.by != "none":
        return True
    return not {body.name for body in one.bodies}.isdisjoint(body.name for body in own.bodies)


def _staged(node: Node, editions: Sequence[Sidecar], books: Mapping[str, Net]) -> list[Earlier]:
    """Those with their records of staging, newest first; they need not be accepted yet."""
    found = []
    for one in reversed(editions):
        net = books.get(one.delivery)
        known = read_record(node, one.id, net.staging, Staging) if net else read_staging(node, one.id)
        if known is not None:
            found.append(Earlier(one.id, known))
    return found


def _same_rows(
    node: Node, delivery: DeliveryId, staging: Staging, earlier: Sequence[Earlier]
) -> Difference | None:
    """An earlier delivery with the same good rows; they are read only where every count is the same."""
    known = alike(staging, earlier)
    if known is None:
        return None
    ours, theirs = (_good(node, *pair) for pair in ((delivery, staging), (known.id, known.staging)))
    if not (ours.is_file() and theirs.is_file()):
        return None
    with duckdb_session(node.settings) as con:
        sums = [con.execute(_content_of(file)).fetchone() for file in (ours, theirs)]
    return differs("repeated_rows", given=known.id.short) if sums[0] == sums[1] else None


def _most_rows(
    node: Node, delivery: DeliveryId, staging: Staging, editions: Sequence[Earlier]
) -> Difference | None:
    """The newest edition that has most of the good rows already: a file that was corrected or has grown.

    Of a few rows as many may be alike by chance.
    """
    ours = _good(node, delivery, staging)
    for known in editions if staging.good >= ENOUGH_ROWS else ():
        theirs = _good(node, known.id, known.staging)
        names = sorted(staging.filled.keys() & known.staging.filled.keys())
        if not (names and ours.is_file() and theirs.is_file()):
            continue
        with duckdb_session(node.settings) as con:
            (there,) = con.execute(_common(ours, theirs, names)).fetchone() or (0,)
        if there >= _MOST_ROWS * staging.good:
            facts = {"given": known.id.short, "rows": there, "of_rows": staging.good}
            return differs("repeated_rows", "most", **facts)
    return None


def _good(node: Node, delivery: DeliveryId, staging: Staging) -> Path:
    return node.staging(delivery, staging.staging) / GOOD


def _content_of(file: Path) -> str:
    """SQL of two sums over the hashes of rows, equal for the same rows in any order: one pass, no table."""
    rows = f"(SELECT * EXCLUDE ({DELIVERY}, {PARTITION}) FROM read_parquet({quote_literal(file.as_posix())}))"
    return f"SELECT bit_xor(hash(rows)), sum(hash(rows)::HUGEINT) FROM {rows} AS rows"


def _common(ours: Path, theirs: Path, names: Sequence[str]) -> str:
    """SQL of how many rows of one file are in another, by the hash of the columns that both have."""
    row = f"hash({', '.join(map(quote_identifier, names))}) AS row"
    sides = [f"(SELECT {row} FROM read_parquet({quote_literal(one.as_posix())}))" for one in (ours, theirs)]
    return f"SELECT count(*) FROM {sides[0]} SEMI JOIN {sides[1]} USING (row)"
