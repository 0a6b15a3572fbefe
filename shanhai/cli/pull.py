"""`shanhai pull`: fetch bytes from a district's system and keep them as snapshots."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, say, show
from shanhai.cli.selection import DATASET, check_windows, declared
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
@click.option("--full", is_flag=True, help="Read an incremental source from its beginning.")
@format_option
@pass_session
def command(session: Session, dataset: DatasetId, window: str | None, full: bool) -> None:
    """Fetch bytes from a district's system, keep them.

    They are kept under their SHA-256, unchanged; rows are not looked at yet.
    Lists the deliveries that are new. The same bytes pulled again are no new delivery.

    A source with a cursor is read on from the last delivery that was not refused or withdrawn. With --full
    it is read from its beginning, and later pulls continue from there: after an older copy of a database
    was restored, say.

    \b
    Examples:
      shanhai pull longyou.water_meters --window 2024-03-01
      shanhai pull statistics.area_codes
      shanhai pull longyou.hazards --full
    """
    from shanhai.ingest.sidecar import sidecar
    from shanhai.ingest.snapshot import pull

    declared(session, dataset)
    check_windows(session, dataset, [] if window is None else [window])
    session.makes_home = True
    new = pull(session.node, dataset, window, full=full)
    rows = [
        {
            "delivery": str(delivery),
            "dataset": str(delivery.dataset),
            "partition": delivery.partition,
            "snapshot_sha256": delivery.snapshot,
            "cursor": sidecar(session.node, delivery).cursor,
        }
        for delivery in new
    ]
    show(rows, _HEADINGS, form=session.form, empty=f"{dataset}: nothing new.")
    if rows and session.form == "table":
        say(f"Next: shanhai walk {dataset}")
