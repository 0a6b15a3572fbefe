"""What a decision at the command line does about the marts: lets them follow now, or says when they will."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shanhai.cli.output import say
from shanhai.cli.session import Session, Verb

if TYPE_CHECKING:
    from shanhai.warehouse.publications import Publication


def build_option(command: Verb) -> Verb:
    """Adds `--build`; the verb hands it to `follow`."""
    return click.option("--build", "now", is_flag=True, help="Build and publish the marts at once.")(command)


def follow(session: Session, *, now: bool) -> None:
    """Build and publish, or say who will: the lake has changed and the marts have not.

    Raises:
        ShanhaiError: as `shanhai build` and `shanhai publish`; the decision stands all the same.
    """
    if not now:
        say("The marts are as before. They follow with the next load or the DAG watch, within half an hour;")
        say("at once: shanhai build && shanhai publish, or --build with the decision.")
        return
    say("build  dbt over the lake")
    published = _built(session)
    if published is None:
        say("No mart is changed by it.")
        return
    say(f"publication {published.number}: {published.publication_id}")


def _built(session: Session) -> Publication | None:
    from shanhai.ingest.build import build_marts
    from shanhai.warehouse.publish import publish

    node = session.node
    result, behind = build_marts(node)
    for error in behind:
        say(f"left behind: {error}")
    return publish(node.settings, result, node.clock)
