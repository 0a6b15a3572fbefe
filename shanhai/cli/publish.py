"""`shanhai publish`: new immutable versions of the marts, and one row that names them all."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, say, show, show_json
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("name", "mart"),
    Heading("version", "version", number=True),
    Heading("rows", "rows", number=True),
)


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Publish the marts of the last build.

    Marts whose content changed get a new version, and one publication names the consistent set. When none
    changed, nothing is published.

    \b
    Example:
      shanhai publish
    """
    from shanhai.warehouse.last_build import last_build
    from shanhai.warehouse.publish import publish

    node = session.node
    publication = publish(node.settings, last_build(node.settings), node.clock)
    if session.form == "json":
        show_json(publication.as_row() if publication else None)
        return
    if publication is None:
        say("Every mart is as it was published last: nothing to do.")
        return
    show([vars(mart) for mart in publication.marts], _HEADINGS, form="table", empty="")
    say(f"publication {publication.number}: {publication.publication_id}")
