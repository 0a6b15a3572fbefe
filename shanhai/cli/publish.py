"""`shanhai publish`: new immutable versions of the marts, and one row that names them all."""

from __future__ import annotations

import click

from shanhai.cli.session import Session, format_option, pass_session


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Publish the marts of the last build.

    New versions of those that changed, and one publication.
    """
    from shanhai.warehouse.publish import publish

    publish(session.settings)
