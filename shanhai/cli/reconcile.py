"""`shanhai reconcile`: bring the ledger up to what the tables' own commits say."""

from __future__ import annotations

import click

from shanhai.cli.output import say, show_json
from shanhai.cli.session import Session, format_option, pass_session

_TABLES = {"ledger": "ledger", "quarantine": "quarantine table"}


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Bring the ledger up to the commits of the tables.

    Ledger and quarantine table follow from the commits on the datasets' tables, which are the truth.
    Safe at any time and as often as you like; every build and report does it first. Ends with code 65, and
    says what helps, where a file of the two is damaged.

    \b
    Example:
      shanhai reconcile
    """
    from shanhai.ingest.reconcile import check_books, reconcile

    taken_up = reconcile(session.node)
    check_books(session.node)
    if session.form == "json":
        show_json(taken_up)
    elif any(taken_up.values()):
        told = (f"the {_TABLES[name]} {commits:,}" for name, commits in taken_up.items())
        say(f"Commits taken up: {', '.join(told)}.")
    else:
        say("The ledger and the quarantine table are up to date.")
