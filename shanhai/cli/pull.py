"""`shanhai pull`: fetch bytes from a district's system and keep them as snapshots."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, say, show
from shanhai.cli.selection import DATASET
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.ids import DatasetId

_HEADINGS = (
    Heading("dataset", "dataset"),
    Heading("partition", "partition"),
    Heading("snapshot_sha256", "snapshot"),
)


@click.command()
@click.argument("dataset", type=DATASET)
@click.option("--window", metavar="KEY", help="The window to ask the source for, such as 2024-03-01.")
@format_option
@pass_session
def command(session: Session, dataset: DatasetId, window: str | None) -> None:
    """Fetch bytes from a district's system, keep them.

    They are kept under their SHA-256, unchanged; rows are not looked at yet.
    Lists the deliveries that are new. The same bytes pulled again are no new delivery.

    \b
    Examples:
      shanhai pull longyou.water_meters --window 2024-03-01
      shanhai pull statistics.area_codes
    """
    from shanhai.ingest.snapshot import pull

    new = pull(session.node, dataset, window)
    rows = [
        {
            "delivery": str(delivery),
            "dataset": str(delivery.dataset),
            "partition": delivery.partition,
            "snapshot_sha256": delivery.snapshot,
        }
        for delivery in new
    ]
    show(rows, _HEADINGS, form=session.form, empty=f"{dataset}: nothing new.")
    if rows and session.form == "table":
        say(f"Next: shanhai walk {dataset}")
