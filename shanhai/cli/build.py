"""`shanhai build`: dbt over the lake, on versions pinned at its start."""

from __future__ import annotations

import click

from shanhai.cli.session import Session, format_option, pass_session


@click.command()
@format_option
@pass_session
def command(session: Session) -> None:
    """Build the marts from the lake with dbt. Nothing is published yet."""
    from shanhai.warehouse.build import build

    build(session.settings)
