"""`shanhai reconcile`: bring the ledger up to what the tables' own commits say."""

from __future__ import annotations

import click

from shanhai.cli.output import say, show_json
from shanhai.cli.session import Session, format_option, pass_session


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Bring the ledger up to the commits of the tables.

    Ledger and quarantine follow from the commits on the datasets' tables, which are the truth.
    Safe at any time and as often as you like; every build and report does it first.

    \b
    Example:
      shanhai reconcile
    """
    from shanhai.ingest.reconcile import reconcile

    entries = reconcile(session.node)
    if session.form == "json":
        show_json({"entries": entries})
    else:
        say(f"{entries} entries added to the ledger." if entries else "The ledger is up to date.")
