"""What is printed at the end: the ledger by dataset, held deliveries, marts, and where things are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.books import Mart
from infra.local.layout import Layout

if TYPE_CHECKING:
    from shanhai.ingest.ledger import LedgerRow

COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")
_HEADINGS = ("rows in", *COUNTS[1:])


@dataclass(frozen=True)
class Outcome:
    """What a run ended with; `rows_before` is what the ledger said before it began."""

    rows: Sequence[LedgerRow]
    rows_before: int
    deliveries_before: int
    marts: Sequence[Mart]
    seconds: float


def describe(outcome: Outcome, layout: Layout) -> Iterator[str]:
    """The summary, line by line."""
    yield from _table(outcome.rows)
    yield ""
    loaded = sum(row.counts.loaded for row in outcome.rows)
    yield (
        f"new in this run: {len(outcome.rows) - outcome.deliveries_before} deliveries,"
        f" {loaded - outcome.rows_before:,} rows loaded"
    )
    for row in outcome.rows:
        if row.verdict in ("held", "refused"):
            yield f"{row.verdict}: {row.delivery.short}: {row.reason}"
    if any(row.verdict == "held" for row in outcome.rows):
        yield "    decide: shanhai delivery approve | refuse <delivery> --by <name> --reason <text>"
    yield from _marts(outcome.marts)
    yield f"seconds: {outcome.seconds:.0f}"
    for name, path in (
        ("report", layout.home / "report" / "index.html"),
        ("lake", layout.home / "lake"),
        ("logs", layout.logs),
        ("task logs", layout.airflow / "logs"),
    ):
        if path.exists():
            yield f"{name}: {path}"


def _marts(marts: Sequence[Mart]) -> Iterator[str]:
    yield "marts:" if marts else "marts: none"
    width = max((len(mart.name) for mart in marts), default=0)
    for mart in marts:
        yield f"    {mart.name:{width}}{mart.rows:>13,} rows"


def _table(rows: Sequence[LedgerRow]) -> Iterator[str]:
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for name in (str(row.delivery.dataset), "all"):
            totals[name].update({count: getattr(row.counts, count) for count in COUNTS})
            verdicts[name][row.verdict] += 1
    names = [*sorted(name for name in totals if name != "all"), *(["all"] if rows else [])]
    width = max([len(name) for name in names] + [len("dataset")])
    yield f"{'dataset':{width}}" + "".join(f"{heading:>13}" for heading in _HEADINGS) + "  verdicts"
    for name in names:
        numbers = "".join(f"{totals[name][count]:>13,}" for count in COUNTS)
        states = ", ".join(f"{number} {state}" for state, number in sorted(verdicts[name].items()))
        yield f"{name:{width}}{numbers}  {states}"
