"""`shanhai publications`: which versions of the marts belong together."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("number", "number", number=True),
    Heading("published_at", "published at"),
    Heading("versions", "marts and their versions", wraps=True),
    Heading("publication_id", "publication"),
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
    from shanhai.warehouse.publications import publications

    rows = [publication.as_row() for publication in publications(session.node.settings)]
    if session.form == "table":
        for row in rows:
            row["versions"] = [f"{mart['name']} {mart['version']}" for mart in row["marts"]]
    show(rows, _HEADINGS, form=session.form, empty="Nothing has been published yet.")
