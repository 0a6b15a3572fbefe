"""`shanhai publications`: which versions of the marts belong together."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("publication", "publication"),
    Heading("at", "at"),
    Heading("marts", "marts"),
)


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """List the publications of the marts.

    Each names one consistent set of mart versions, and the versions of the sources they were built on.

    \b
    Example:
      shanhai publications --format json
    """
    from shanhai.report.read import read_publications

    rows = [publication.as_dict() for publication in read_publications(session.node)]
    show(rows, _HEADINGS, form=session.form, empty="Nothing has been published yet.")
