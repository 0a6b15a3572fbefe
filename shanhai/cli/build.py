"""`shanhai build`: dbt over the lake, on versions pinned at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from shanhai.cli.output import Heading, say, show, show_json
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("name", "model or test"),
    Heading("kind", "kind"),
    Heading("status", "status"),
    Heading("seconds", "seconds", number=True),
    Heading("found", "rows found", number=True),
)
_TESTS = ("test", "unit_test")
"""The kinds of nodes that look for rows; a model finds none, however well it is made."""


@click.command()
@click.option("--all", "every", is_flag=True, help="List every model and test, not only what is notable.")
@format_option
@pass_session
def command(session: Session, every: bool) -> None:
    """Build the marts from the lake with dbt.

    Reads the tables at the versions that they have when it starts, and runs every test. Nothing is published
    by it: `shanhai publish` does that with the last build. Where a file of refused rows is lost for good,
    that is told, and the marts follow all the same: they are made of good rows and the ledger.

    \b
    Example:
      shanhai build && shanhai publish
    """
    from shanhai.ingest.build import build_marts

    say("build  dbt over the lake")
    result, behind = build_marts(session.node)
    for error in behind:
        say(f"left behind: {error}")
    rows = [{**vars(line), "mart": line.public} for line in result.results]
    if session.form == "json":
        show_json(
            {
                "identity": result.identity,
                "pins": dict(result.pins),
                "seconds": result.seconds,
                "results": rows,
                "behind": [str(error) for error in behind],
            }
        )
        return
    notable = [row for row in rows if every or row["mart"] or row["status"] == "warn"]
    show(listed(notable), _HEADINGS, form="table", empty="No mart was built.")
    say(f"{len(rows)} models and tests in {result.seconds:.1f} s; next: shanhai publish")


def listed(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Models and tests as a table has them: of what is no test nobody says how many rows it found."""
    return [{**row, "found": row["failures"] if row["kind"] in _TESTS else None} for row in rows]
