"""`shanhai report`: the pages for people who need not trust anybody, and the proof that they are right."""

from __future__ import annotations

from pathlib import Path

import click

from shanhai.cli.output import Heading, raise_last, say, show, show_json
from shanhai.cli.progress import telling
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import DataError, ShanhaiError

_SCORES = (
    Heading("dataset", "dataset"),
    Heading("dimension", "dimension"),
    Heading("indicator", "indicator"),
    Heading("a", "A", number=True),
    Heading("b", "B", number=True),
    Heading("share", "share"),
)
_DIFFERENCES = (
    Heading("what", "what", wraps=True),
    Heading("given", "found", wraps=True),
    Heading("expected", "expected", wraps=True),
)


class TamperedError(DataError):
    """A figure, a page or a file is not what the report says."""


@click.group(invoke_without_command=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: report/ in the home]",
)
@format_option
@click.pass_context
def command(context: click.Context, out: Path | None) -> None:
    """Write the report that an auditor reads.

    Scores, ledger, quarantine reasons, changes, decisions, publications and lineage, as pages in Chinese and
    English that need no network and no server. They hold counts and reasons, and never a value of a row. Each
    number leads to the SQL that counts it again; `shanhai report verify` does so for all of them. Where a
    sidecar is damaged or refused rows are lost, it is written of all others before that is told.

    \b
    Examples:
      shanhai report --out /tmp/for-the-auditor
      shanhai report verify
    """
    if context.invoked_subcommand is not None:
        return
    session = context.find_object(Session) or Session()
    from shanhai.report import write_report

    left_out: list[ShanhaiError] = []
    with telling() as progress:
        index = write_report(session.node, out, progress=progress, left_out=left_out)
    if session.form == "json":
        show_json({"index": str(index), "left_out": [str(error) for error in left_out]})
    else:
        say("The report is written; open it in a browser:")
        click.echo(index)
    raise_last(left_out)


@command.command("verify")
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the report.  [default: report/ in the home]",
)
@click.option("--deep", is_flag=True, help="Also read every snapshot, and stage each delivery again.")
@format_option
@pass_session
def verify_command(session: Session, report: Path | None, deep: bool) -> None:
    """Count every figure of a report again, and look at its files.

    Compares pages with their digests, figures with what their SQL gives now, the ledger with the commits,
    quarantine files with their digests, tables with the sizes and digests in their logs, and snapshots with
    their sizes. Ends with code 65 and a list when something does not agree.

    \b
    Examples:
      shanhai report verify
      shanhai report verify --deep --format json
    """
    from shanhai.report.verify import verify

    folder = report if report is not None else session.settings.home / "report"
    with telling() as progress:
        found = verify(session.node, folder, deep=deep, progress=progress)
    rows = [vars(one) for one in found.differences]
    if session.form == "json":
        facts = {"agrees": found.agrees, "looked_at": found.looked, "notes": found.notes}
        show_json({**facts, "differences": rows})
    elif rows:
        show(rows, _DIFFERENCES, form="table", empty="")
    looked = ", ".join(f"{count:,} {kind}" for kind, count in found.looked.items())
    if session.form == "table":
        for note in found.notes:
            say(note)
    if rows:
        raise TamperedError(
            f"{len(rows):,} things are not as the report says",
            given=looked,
            allowed="none",
            hint="write the report again only when you know why",
        )
    if session.form == "table":
        say(f"Everything agrees: {looked}.")


@command.command("scores")
@format_option
@pass_session
def scores_command(session: Session) -> None:
    """Show the scorecard: A and B of each indicator, by dataset.

    Indicators without facts are left out: they were not measured.

    \b
    Example:
      shanhai report scores --format json
    """
    from shanhai.quality.scorecard import INDICATORS
    from shanhai.report.read import read_report

    left_out: list[ShanhaiError] = []
    rows = [
        {
            "dataset": str(dataset.id),
            "dimension": INDICATORS[name],
            "indicator": name,
            "a": ratio.good,
            "b": ratio.total,
            "share": round(ratio.good / ratio.total, 6) if ratio.total else None,
        }
        for dataset in read_report(session.node, left_out=left_out).datasets
        for name, ratio in dataset.card.items()
    ]
    show(rows, _SCORES, form=session.form, empty="Nothing has been loaded yet, so nothing is measured.")
    raise_last(left_out)
