"""`shanhai report`: the pages for people who do not have to trust anybody."""

from __future__ import annotations

from pathlib import Path

import click

from shanhai.cli.output import say, show_json
from shanhai.cli.session import Session, format_option, pass_session


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: report/ in the home]",
)
@format_option
@pass_session
def command(session: Session, out: Path | None) -> None:
    """Write the report that an auditor reads.

    Verdicts, ledger, checks with the SQL behind them, quarantine reasons, decisions and publications, as
    pages in Chinese and English that need no network and no server. They hold counts and reasons, and never
    a value of a row.

    \b
    Example:
      shanhai report --out /tmp/for-the-auditor
    """
    from shanhai.report import write_report

    index = write_report(session.node, out)
    if session.form == "json":
        show_json({"index": str(index)})
        return
    say("The report is written; open it in a browser:")
    click.echo(index)
