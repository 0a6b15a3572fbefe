"""`shanhai walk`: a dataset's whole way into the lake, without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shanhai.cli.ledger import record
from shanhai.cli.output import Heading, say, show
from shanhai.cli.selection import DATASET
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError
from shanhai.ids import DatasetId, DeliveryId

if TYPE_CHECKING:
    from shanhai.contracts.model import Contract

STEPS = ("pull", "stage", "check", "load")
_HEADINGS = (
    Heading("delivery", "delivery"),
    Heading("step", "got to"),
    Heading("rows_in", "rows in", number=True),
    Heading("loaded", "loaded", number=True),
    Heading("quarantined", "quarantined", number=True),
    Heading("verdict", "verdict"),
    Heading("problem", "problem"),
)


@click.command()
@click.argument("datasets", nargs=-1, type=DATASET, metavar="[DATASET]…")
@click.option("--all", "every", is_flag=True, help="Every dataset of the federation.")
@click.option(
    "--window", "chosen", multiple=True, metavar="KEY", help="Window to pull, repeatable.  [default: all]"
)
@click.option("--until", type=click.Choice(STEPS), default="load", show_default=True, help="The last step.")
@format_option
@pass_session
def command(
    session: Session, datasets: tuple[DatasetId, ...], every: bool, chosen: tuple[str, ...], until: str
) -> None:
    """Take datasets through pull, stage, check and load.

    Each step is skipped where it is already done, so a walk that was stopped is simply taken again. A
    delivery that fails does not stop the others: the code at the end is that of the first failure. A held
    delivery is no failure; it waits for `shanhai delivery approve` or `refuse`.

    \b
    Examples:
      shanhai walk longyou.water_meters --window 2024-03-01
      shanhai walk --all
      shanhai walk gongshu.noise --until check       see the verdict, load nothing
    """
    wanted = _wanted(session, datasets, every)
    walk = _Walk(session, STEPS[: STEPS.index(until) + 1])
    for dataset in wanted:
        walk.take(dataset, chosen)
    show(walk.lines, _HEADINGS, form=session.form, empty="Nothing new: every delivery has its verdict.")
    if walk.failures:
        raise walk.failures[0]


class _Walk:
    """One walk over several datasets: what was reached, and what failed on the way."""

    def __init__(self, session: Session, steps: tuple[str, ...]) -> None:
        self.session = session
        self.steps = steps
        self.lines: list[dict[str, object]] = []
        self.failures: list[ShanhaiError] = []

    def take(self, dataset: DatasetId, chosen: tuple[str, ...]) -> None:
        from shanhai.contracts.partitions import windows
        from shanhai.ingest.pull import pending, pull

        node = self.session.node
        contract: Contract = node.federation.contract(dataset)
        for window in chosen or windows(contract) or (None,):
            say(f"pull   {dataset} {window or ''}".rstrip())
            try:
                pull(node, dataset, window)
            except ShanhaiError as error:
                self._failed(f"{dataset}/{window or 'all'}", "pull", error)
        for delivery in pending(node, dataset):
            self._deliver(delivery)

    def _deliver(self, delivery: DeliveryId) -> None:
        from shanhai.ingest import check, load, stage

        node, reached = self.session.node, "pull"
        actions = {"stage": stage, "check": check, "load": load}
        try:
            for step in self.steps[1:]:
                say(f"{step:<6} {delivery.short}")
                actions[step](node, delivery)
                reached = step
        except ShanhaiError as error:
            self._failed(delivery.short, reached, error)
            return
        rows = [row for row in self.session.ledger if row.delivery == delivery]
        facts = record(rows[0]) if rows else {}
        self.lines.append({**facts, "delivery": delivery.short, "step": reached, "problem": None})

    def _failed(self, delivery: str, reached: str, error: ShanhaiError) -> None:
        self.failures.append(error)
        self.lines.append({"delivery": delivery, "step": reached, "problem": error.message})


def _wanted(session: Session, datasets: tuple[DatasetId, ...], every: bool) -> tuple[DatasetId, ...]:
    if every == bool(datasets):
        raise ConfigurationError(
            "name datasets, or all of them with --all",
            given=[str(dataset) for dataset in datasets] or "nothing",
            allowed=[str(dataset) for dataset in session.federation.datasets],
        )
    return session.federation.datasets if every else datasets
