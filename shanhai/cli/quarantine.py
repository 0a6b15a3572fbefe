"""`shanhai quarantine`: how many rows were refused, by the rule that they broke."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.selection import DATASET
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.ids import DatasetId

_HEADINGS = (
    Heading("dataset", "dataset"),
    Heading("partition", "partition"),
    Heading("reason", "broken rule"),
    Heading("rows", "rows", number=True),
)


@click.command()
@click.option("--dataset", type=DATASET, help="Only this dataset's rows.")
@format_option
@pass_session
def command(session: Session, dataset: DatasetId | None) -> None:
    """Count the rows in quarantine by broken rule.

    Counts only: no value of a row is ever shown. A row that breaks two rules is counted under
    both, so the counts may exceed the rows.

    \b
    Example:
      shanhai quarantine --dataset longyou.water_meters
    """
    from shanhai.report.read import read_reasons

    rows = [
        {
            "delivery": str(count.delivery),
            "dataset": str(count.delivery.dataset),
            "partition": count.delivery.partition,
            "reason": count.reason,
            "rows": count.rows,
        }
        for count in read_reasons(session.node)
        if dataset in (None, count.delivery.dataset)
    ]
    show(rows, _HEADINGS, form=session.form, empty="The quarantine is empty.")
