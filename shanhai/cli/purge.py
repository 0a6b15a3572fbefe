"""`shanhai purge`: remove what the contracts' retention lets go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.output import Heading, raise_last, say, show
from shanhai.cli.selection import DATASET, declared
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.ids import DatasetId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shanhai.errors import DamagedError
    from shanhai.ingest.purge import Item, Purged
    from shanhai.ingest.purged import Noted

_HEADINGS = (
    Heading("short", "delivery", wraps=True),
    Heading("part", "part"),
    Heading("does", "does"),
    Heading("bytes", "bytes", number=True),
    Heading("why", "why", wraps=True),
)
_HEADINGS_OF_NOTED = tuple(heading for heading in _HEADINGS if heading.key != "bytes")


@click.command()
@click.option("--dataset", type=DATASET, help="Only this dataset's deliveries.")
@click.option("--dry-run", is_flag=True, help="Say what would go, what would stay, and why; change nothing.")
@format_option
@pass_session
def command(session: Session, dataset: DatasetId | None, dry_run: bool) -> None:
    """Remove what retention lets go.

    It is the text of refused rows, and the bytes of snapshots. Contracts and districts state after how many
    days (`retention`); without a word all is kept for ever. Bytes that an undecided delivery, the
    table or a publication rests on are never removed. Counts and reasons stay, and so does the ledger.
    A purge cannot be undone: look first, with --dry-run.

    \b
    Examples:
      shanhai purge --dry-run
      shanhai purge --dataset longyou.hazards
    """
    from shanhai.ingest.purge import plan

    declared(session, dataset)
    datasets = session.federation.datasets if dataset is None else (dataset,)
    if dry_run:
        damaged: list[DamagedError] = []
        items = plan(session.node, datasets, damaged)
        show([_shown(item) for item in items], _HEADINGS, form=session.form, empty="Nothing is kept yet.")
        going = [item for item in items if item.ruling.goes]
        say(f"{len(going)} of {len(items)} would go, {sum(item.size for item in going):,} bytes.")
        raise_last(damaged)
        return
    done = _purged(session, datasets)
    show([_shown(item) for item in done.items], _HEADINGS, form=session.form, empty="Nothing new to purge.")
    say(f"{done.erased.files:,} files removed, {done.erased.size:,} bytes.")
    if done.items:
        _say_of_reports()
    if done.waiting:
        say("Something is being pulled: bytes of snapshots go with the next purge.")


def _purged(session: Session, datasets: Sequence[DatasetId]) -> Purged:
    """Purge. It cannot be undone: where it fails, what went is told before what stopped the rest."""
    from shanhai.errors import ShanhaiError
    from shanhai.ingest.purge import purge
    from shanhai.ingest.purged import noted_since, versions_now

    before = versions_now(session.node, datasets)
    try:
        return purge(session.node, datasets)
    except ShanhaiError:
        if noted := noted_since(session.node, before):
            show([_of_noted(one) for one in noted], _HEADINGS_OF_NOTED, form=session.form, empty="")
            say(f"Purged: {len(noted)}. What of it is still on disk, the next purge removes.")
            _say_of_reports()
        raise


def _say_of_reports() -> None:
    say("A report of before reads what is gone. The DAG watch writes it anew within half an hour;")
    say("at once: shanhai report")


def _of_noted(noted: Noted) -> dict[str, Any]:
    return {
        "delivery": str(noted.delivery),
        "short": noted.delivery.short,
        "dataset": str(noted.delivery.dataset),
        "part": noted.part,
        "does": "goes",
        "why": noted.why,
    }


def _shown(item: Item) -> dict[str, Any]:
    also = f"; {item.shared} of its bodies stay with another delivery" if item.shared else ""
    return {
        "delivery": str(item.delivery),
        "short": item.delivery.short,
        "dataset": str(item.delivery.dataset),
        "part": item.ruling.part,
        "does": "goes" if item.ruling.goes else "stays",
        "bytes": item.size,
        "why": item.ruling.why + also,
    }
