"""All differences of a delivery: a closer look, where its counts say that something is wrong."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from shanhai.contracts.model import (
    Contract,
    CsvFormat,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
    WorkbookFormat,
)
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.drift.again import comes_again, replaces_a_part
from shanhai.ingest.drift.columns import column_differences
from shanhai.ingest.drift.dialect import dialect_differences, encoding_difference
from shanhai.ingest.drift.foreign import format_difference
from shanhai.ingest.drift.headings import heading_differences
from shanhai.ingest.drift.history import (
    MOST_EARLIER,
    Earlier,
    accepted_before,
    counts_twice,
    emptied_columns,
    volume_difference,
)
from shanhai.ingest.drift.json_places import records_difference
from shanhai.ingest.drift.look import Look
from shanhai.ingest.drift.sheets import sheet_differences
from shanhai.ingest.drift.shifts import shift_differences
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, read_record
from shanhai.ingest.sidecar import Sidecar, body_key, sidecar
from shanhai.ingest.stage import SCRATCH
from shanhai.quality.difference import Difference
from shanhai.quality.plausibility import Finding, read_plausibility
from shanhai.warehouse.session import duckdb_session

_MOST_BODIES = 8
_MOST_TOLD = 40
_LOOK = "look-"


def find_differences(
    node: Node,
    contract: Contract,
    delivery: DeliveryId,
    staging: Staging,
    books: Mapping[str, Net],
    findings: Sequence[Finding] = (),
) -> tuple[Difference, ...]:
    """What a delivery that is staged differs in, from its contract and from earlier ones.

    Args:
        books: of the dataset's table, by delivery.
        findings: what is not plausible about the delivery.
    """
    found = [*_in_itself(node, contract, delivery, staging)]
    if staging.unreadable is None:
        found += _volume(node, contract, staging, accepted_before(books, delivery), findings)
        found += _beside(node, contract, delivery, staging, books)
    return tuple(found[:_MOST_TOLD])


def forget_looks(node: Node, delivery: DeliveryId) -> None:
    """Remove what looks that were killed have left of a delivery: texts of its rows."""
    for left in node.staged(delivery).glob(f"*/{_LOOK}*"):
        shutil.rmtree(left)


def _volume(
    node: Node,
    contract: Contract,
    staging: Staging,
    accepted: Mapping[str, Net],
    findings: Sequence[Finding],
) -> Iterator[Difference]:
    if read_plausibility(node.federation.root, contract).rows.vs_median is None:
        return  # where nothing is usual, nothing differs from it
    history = [net.counts.rows_in for net in accepted.values()]
    found = volume_difference(staging.rows_in, history, findings)
    if found is not None:
        yield found


def _in_itself(
    node: Node, contract: Contract, delivery: DeliveryId, staging: Staging
) -> tuple[Difference, ...]:
    folder = node.staging(delivery, staging.staging)
    look = Look(node.settings, node.federation, contract, staging, (), folder)
    if not (staging.unreadable or staging.missing or staging.unknown or look.is_many(staging.quarantined)):
        return ()
    with contextlib.ExitStack() as stack:
        bodies = tuple(
            BodyFile(body.name, stack.enter_context(node.snapshots.local_path(body_key(body.sha256))))
            for body in sidecar(node, delivery).bodies[:_MOST_BODIES]
        )
        work = Path(stack.enter_context(TemporaryDirectory(prefix=_LOOK, dir=folder)))
        return _looked_at(replace(look, bodies=bodies, work=work), folder / SCRATCH)


def _looked_at(look: Look, scratch: Path) -> tuple[Difference, ...]:
    """What explains most first: a body that is read wrongly differs in everything else, too."""
    staging = look.staging
    if staging.unreadable is not None or 2 * len(staging.missing) >= len(look.sources) - len(staging.not_yet):
        wrongly = _read_wrongly(look)
        if wrongly or staging.unreadable is not None:
            return wrongly
    headings = heading_differences(look)
    if not look.is_many(staging.quarantined):
        return headings
    if isinstance(look.contract.format, CsvFormat) and look.is_much(staging.quarantined):
        dialect = dialect_differences(look, look.contract.format)
        if dialect:
            return (*headings, *dialect)
    with duckdb_session(look.settings, scratch, read_only=True) as con:
        if isinstance(look.contract.format, CsvFormat):
            shifted = shift_differences(look, con, look.contract.format)
            if shifted:
                return (*headings, *shifted)
        return (*headings, *column_differences(look, con))


def _read_wrongly(look: Look) -> tuple[Difference, ...]:
    another = format_difference(look)
    if another is not None:
        return (another,)
    match look.contract.format:
        case CsvFormat() as stated:
            return dialect_differences(look, stated)
        case JsonFormat() | NdjsonFormat() | GeoJsonFormat() as stated:
            found = encoding_difference(look, stated.encoding)
            if found is None and isinstance(stated, JsonFormat):
                found = records_difference(look, stated)
            return (found,) if found else ()
        case WorkbookFormat() as stated:
            return sheet_differences(look, stated)
        case _:
            return ()


def _beside(
    node: Node, contract: Contract, delivery: DeliveryId, staging: Staging, books: Mapping[str, Net]
) -> Iterator[Difference]:
    if contract.versions.rule == "replace":
        yield from replaces_a_part(node, contract, delivery)
    has_empty = any(not filled for filled in staging.filled.values())
    if not staging.rows_in or not (has_empty or counts_twice(contract)):
        return
    earlier = list(_earlier(node, sidecar(node, delivery), accepted_before(books, delivery)))
    yield from emptied_columns(contract, staging, earlier)
    if counts_twice(contract):
        yield from comes_again(node, contract, delivery, staging, earlier, books)


def _earlier(node: Node, own: Sidecar, accepted: Mapping[str, Net]) -> Iterator[Earlier]:
    """The newest deliveries that were pulled before this one, which may be looked at once more."""
    newest = sorted(accepted.items(), key=lambda item: -item[1].loaded_version)[:MOST_EARLIER]
    for name, net in newest:
        known = sidecar(node, DeliveryId.parse(name))
        staging = read_record(node, known.id, net.staging, Staging)
        if staging is not None and known.place < own.place:
            yield Earlier(known.id, staging)
