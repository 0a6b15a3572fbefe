"""A delivery beside earlier ones: rows beyond what is usual, a column without values, the same rows again."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shanhai.contracts.model import Contract
from shanhai.contracts.proposals import DropColumn
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.records import Staging
from shanhai.ingest.sidecar import Sidecar
from shanhai.quality.difference import Difference, differs
from shanhai.quality.plausibility import ENOUGH_ROWS, MINIMUM_HISTORY, Finding

MOST_EARLIER = 8
"""The newest deliveries, so many that a delivery is compared with."""
_USUALLY_FILLED = 0.2


@dataclass(frozen=True)
class Earlier:
    """Another delivery of the dataset, and its record of staging."""

    id: DeliveryId
    staging: Staging


def accepted_before(books: Mapping[str, Net], delivery: DeliveryId) -> dict[str, Net]:
    """By id, the other deliveries of the dataset that are accepted.

    Of one that is in the table itself, and judged again, those that came in before it: what came later says
    nothing of what was usual then.

    Args:
        books: of the dataset's table.
    """
    accepted = {known: net for known, net in books.items() if net.verdict == "accepted"}
    own = accepted.pop(str(delivery), None)
    if own is None:
        return accepted
    return {known: net for known, net in accepted.items() if net.loaded_version < own.loaded_version}


def volume_difference(rows: int, history: Sequence[int], findings: Sequence[Finding]) -> Difference | None:
    """Fewer rows than usual, or more, where plausibility holds the delivery for them: by its limits alone.

    Args:
        history: rows of the accepted deliveries.
        findings: what is not plausible about the delivery.
    """
    if len(history) < MINIMUM_HISTORY or not any(finding.is_of_rows for finding in findings):
        return None
    median = statistics.median(history)
    if rows == median:
        return None  # a limit that the usual number breaks, too
    reading = "none" if not rows else "fewer" if rows < median else "more"
    return differs("volume", reading, given=str(rows), allowed=f"{median:.10g}")


def emptied_columns(contract: Contract, staging: Staging, earlier: Sequence[Earlier]) -> Iterator[Difference]:
    """Columns that have no value in any row, and had one in many rows of each earlier delivery.

    One whose heading is gone has none either, which is told already. Nothing was to be expected of one in a
    delivery from before it came, of this one or of an earlier one: after a backfill the younger ones count.
    Malformed rows tell of no column: the others have to be enough, and some of them would have a value if as
    many rows as ever had one.
    """
    if staging.well_formed < ENOUGH_ROWS:
        return
    malformed = staging.rows_in - staging.well_formed
    for name, filled in staging.filled.items():
        source = contract.column(name).source
        having = [known.staging for known in earlier if source not in known.staging.not_yet]
        shares = [one.filled.get(name, 0) / one.well_formed for one in having if one.well_formed]
        is_there = source not in (*staging.missing, *staging.not_yet)
        if not is_there or filled or len(having) < MINIMUM_HISTORY or not shares:
            continue
        if min(shares) >= _USUALLY_FILLED and min(shares) * staging.rows_in > malformed:
            usual = f"{statistics.median(shares) * 100:.3g}%"
            yield differs(
                "emptied_column",
                columns=(name,),
                given="0",
                allowed=usual,
                rows=0,
                of_rows=staging.well_formed,
                proposal=DropColumn(column=name),
            )


def counts_twice(contract: Contract) -> bool:
    """Whether rows that come again in another delivery would be in the table twice.

    Under `replace` they are, in two partitions: a register that is sent whole every day may well not have
    changed since.
    """
    return contract.versions.rule == "append" and contract.duplicates != "table"


def repeated_bytes(own: Sidecar, before: Sequence[Sidecar]) -> Difference | None:
    """The same bytes as another delivery that was pulled before, of whichever partition.

    That one need not be accepted yet: a source that gives the same whatever window it is asked for does so in
    one backfill.
    """
    for known in before:
        if known.id != own.id and _bytes_of(known) == _bytes_of(own):
            return differs("repeated_rows", "bytes", given=known.id.short)
    return None


def _bytes_of(one: Sidecar) -> frozenset[str]:
    return frozenset(body.sha256 for body in one.bodies)


def alike(staging: Staging, earlier: Sequence[Earlier]) -> Earlier | None:
    """An earlier delivery of which every count is the same, so that its rows may well be."""
    for known in earlier:
        if staging.good and _counts(staging) == _counts(known.staging):
            return known
    return None


def _counts(staging: Staging) -> tuple[object, ...]:
    return staging.rows_in, staging.good, staging.counts, staging.filled, staging.newest
