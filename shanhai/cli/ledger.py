"""`shanhai ledger`: what became of every row, and whether it adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from shanhai.cli.output import Heading, Row, say, show
from shanhai.cli.selection import DATASET, declared
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import FaultError
from shanhai.ids import DatasetId

if TYPE_CHECKING:
    from shanhai.ingest.ledger import LedgerRow

PARTS = ("loaded", "quarantined", "duplicates", "superseded", "withheld")
COUNTS = ("rows_in", *PARTS)
_HEADINGS = (
    Heading("delivery", "delivery", wraps=True),
    Heading("rows_in", "rows in", number=True),
    *(Heading(part, part, number=True) for part in PARTS),
    Heading("verdict", "verdict"),
)


@click.command()
@click.option("--dataset", type=DATASET, help="Only this dataset's deliveries.")
@click.option("--check", is_flag=True, help="End with code 70 unless the rows of every delivery add up.")
@format_option
@pass_session
def command(session: Session, dataset: DatasetId | None, check: bool) -> None:
    """Show what became of every row that came in.

    Per delivery, net of all corrections: rows in = loaded + quarantined + duplicates + superseded + withheld.
    The table ends with the totals and says whether this holds for each delivery. JSON is a list with one
    object per delivery. Where files of one dataset are damaged, the others are shown before that is told.

    \b
    Examples:
      shanhai ledger --dataset longyou.water_meters
      shanhai ledger --format json | jq 'map(.quarantined) | add'
      shanhai ledger --check
    """
    declared(session, dataset)
    records = [record(row) for row in session.ledger if dataset in (None, row.delivery.dataset)]
    broken = [line for line in records if not balances(line)]
    shown = records if session.form == "json" else [_short(line) for line in records]
    total = {"delivery": f"{len(records)} deliveries", **totals(records), "verdict": _word(broken)}
    empty = (
        "Nothing has been loaded yet." if dataset is None else f"Nothing of {dataset} has been loaded yet."
    )
    show(shown, _HEADINGS, form=session.form, empty=empty, total=total)
    if records and session.form == "table":
        say(_sentence(records, broken))
    if check and broken:
        raise UnbalancedError(
            "the rows of some deliveries do not add up",
            given=[line["delivery"] for line in broken],
            allowed=f"rows_in = {' + '.join(PARTS)}",
            hint="shanhai reconcile, then look again; if it stays, report it",
        )
    session.require_booked(dataset)


class UnbalancedError(FaultError):
    """Rows were lost or counted twice."""


def record(row: LedgerRow) -> dict[str, object]:
    """One ledger row as it is given to other programs: the delivery, then the documented keys."""
    return {"delivery": str(row.delivery), **row.as_dict()}


def balances(line: Mapping[str, object]) -> bool:
    """Whether every row that came in is accounted for."""
    return line["rows_in"] == sum(int(str(line[part])) for part in PARTS)


def totals(lines: Sequence[Row]) -> dict[str, object]:
    """The sums of the counts over all lines."""
    return {key: sum(int(str(line[key])) for line in lines) for key in COUNTS}


def _short(line: Mapping[str, object]) -> dict[str, object]:
    head, _, digest = str(line["delivery"]).rpartition("/")
    return {**line, "delivery": f"{head}/{digest[:12]}"}


def _word(broken: Sequence[Row]) -> str:
    return "BROKEN" if broken else "holds"


def _sentence(lines: Sequence[Row], broken: Sequence[Row]) -> str:
    sums = totals(lines)
    right = " + ".join(f"{sums[part]:,}" for part in PARTS)
    verdict = f"broken for {len(broken)} deliveries" if broken else "holds for every delivery"
    return f"{sums['rows_in']:,} = {right}: {verdict}."
