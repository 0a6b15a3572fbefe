"""`shanhai connectors`: the protocols that a contract may name."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("connector", "connector"),
    Heading("from", "from"),
    Heading("what", "what it does", wraps=True),
)


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """List the connectors that a contract may name.

    \b
    Example:
      shanhai connectors
    """
    from shanhai.connect.registry import GROUP, installed

    rows = [
        {"connector": point.name, "from": point.value, "what": _first_line(point.load().__doc__)}
        for point in installed()
    ]
    show(rows, _HEADINGS, form=session.form, empty=f"No connector is installed (entry points {GROUP}).")


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
