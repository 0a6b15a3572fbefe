"""`shanhai application`: folders of files that partners sent, which a person adopts, or retires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.desk import at_desk, by_option, person, state_of
from shanhai.cli.output import Heading, Row, fields, say, section, show, show_json
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import NotFoundError, as_typed

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime
    from pathlib import Path

    from shanhai.applications.comparing import Difference
    from shanhai.applications.reading import Contents
    from shanhai.courier.adoptions import Adoption
    from shanhai.courier.candidates import Candidate

_LIST = (
    Heading("application", "application"),
    Heading("version", "version", number=True),
    Heading("message", "message"),
    Heading("received", "received"),
    Heading("standing", "standing"),
    Heading("grant", "grant"),
    Heading("retain_until", "keep until"),
)
_FILES = (
    Heading("path", "file", wraps=True),
    Heading("bytes", "bytes", number=True),
    Heading("executable", "may be run"),
    Heading("sha256", "sha-256"),
)
_CHANGES = (Heading("change", "is"), Heading("path", "file", wraps=True))
_DECISIONS = (
    Heading("at", "at"),
    Heading("act", "act"),
    Heading("version", "version", number=True),
    Heading("who", "by"),
    Heading("reason", "reason", wraps=True),
)
_NOTHING = "No application has come from a partner yet."
_SHORT = 12
_version = click.option(
    "--version", type=click.IntRange(min=0), metavar="NUMBER", help="Which version of it."
)
_discard = click.option(
    "--discard", is_flag=True, help="Throw away what was changed by hand in the adopted folder."
)


@click.group()
def command() -> None:
    """See what applications came; adopt a version, retire one.

    An application is a folder of files: contracts, marts, dashboards, documents. What was received lies in
    applications/received/ of the home, and nothing in it is used or run. A person adopts one version: its
    files are then in applications/adopted/<partner>.<application>/, until another one is adopted or it is
    retired. Also then Shanhai runs nothing of it by itself.
    """


@command.command("list")
@format_option
@pass_session
def list_command(session: Session) -> None:
    """List what came, what is adopted, and what waits.

    \b
    Example:
      shanhai application list --format json
    """
    from shanhai.clock import system_clock
    from shanhai.courier.candidates import candidates

    with state_of(session) as connection:
        found = () if connection is None else candidates(connection)
        rows = [_row(connection, one, system_clock()) for one in found if connection is not None]
    if session.form == "json":
        show_json(rows)
        return
    short = [{**row, "message": str(row["message"])[:_SHORT]} for row in rows]
    show(short, _LIST, form="table", empty=_NOTHING)


@command.command("show")
@click.argument("application")
@_version
@format_option
@pass_session
def show_command(session: Session, application: str, version: int | None) -> None:
    """Show one version: its files, and who decided what.

    APPLICATION is <partner>.<application>, or the beginning of the message that brought it. All its files are
    read, and held against the listing that was admitted.

    \b
    Examples:
      shanhai application show gongshu.dashboards --version 3
      shanhai application show 3fa90c
    """
    from shanhai.clock import system_clock
    from shanhai.courier import adoptions
    from shanhai.courier.candidates import contents_of

    home = session.settings.home
    with state_of(session) as connection:
        found, connection = _chosen(connection, application, version)
        facts = {**_row(connection, found, system_clock()), "listing": found.source.listing}
        decisions = [_decision(one) for one in adoptions.of_folder(connection, found.folder)]
        files = _files(contents_of(connection, found, home))
    facts |= {"received_in": str(found.received_in(home)), "adopted_in": str(found.adopted_in(home))}
    if session.form == "json":
        show_json({**facts, "files": files, "decisions": decisions})
        return
    fields({name.replace("_", " "): value for name, value in facts.items()})
    section("Files")
    show(files, _FILES, form="table", empty="It has no files.")
    section("Decided")
    show(decisions, _DECISIONS, form="table", empty="Nobody has decided anything of this application yet.")


@command.command("adopt")
@click.argument("application")
@_version
@click.option("--by", metavar="NAME", callback=person, help="Who does it; kept in the audit log.")
@click.option("--reason", metavar="TEXT", help="Why; kept in this home.")
@click.option(
    "--dry-run", is_flag=True, help="Show which files would be added, changed, removed; do nothing."
)
@_discard
@format_option
@pass_session
def adopt_command(
    session: Session,
    application: str,
    version: int | None,
    by: str | None,
    reason: str | None,
    dry_run: bool,
    discard: bool,
) -> None:
    """Make a received version the one that is used.

    The files are read again: if one is not what was admitted, nothing happens. The grant under which they
    came must be in force. The folder is then switched in one step, after an event in the audit log, and the
    partner is told with the next `shanhai ship`. To go back, adopt the version before, or retire it.

    \b
    Examples:
      shanhai application adopt gongshu.dashboards --version 3 --dry-run
      shanhai application adopt gongshu.dashboards --version 3 --by "Li Wei" --reason "read it"
    """
    from shanhai.courier.adopting import adopt
    from shanhai.courier.candidates import would_change

    if not dry_run and (by is None or reason is None):
        raise click.UsageError("a person adopts, for a reason: --by and --reason, or --dry-run to look first")
    settings = session.settings
    with state_of(session) as connection:
        found, connection = _chosen(connection, application, version)
        changes = would_change(connection, found, settings.home)
    target = found.adopted_in(settings.home)
    if not dry_run and by is not None and reason is not None:
        with at_desk(session, by) as desk:
            free = settings.free_disk_bytes
            adopt(desk, found, reason=reason, keep_free_bytes=free, discard=discard)
    if session.form == "json":
        document = {"application": found.folder, "version": found.source.version, "folder": str(target)}
        show_json({**document, "adopted": not dry_run, **vars(changes)})
        return
    _tell(found, changes, target, dry_run=dry_run)


@command.command("retire")
@click.argument("application")
@by_option
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in this home.")
@_discard
@format_option
@pass_session
def retire_command(session: Session, application: str, by: str, reason: str, discard: bool) -> None:
    """Use nothing of an application any more.

    Its adopted folder is taken away, and no version of it waits any longer. What was received stays, and any
    version of it may be adopted again while its grant is in force.

    \b
    Example:
      shanhai application retire gongshu.dashboards --by "Li Wei" --reason "the grant is over"
    """
    from shanhai.courier.adopting import retire

    with state_of(session) as connection:
        if connection is None:
            raise _none_yet(application)
    with at_desk(session, by) as desk:
        done = retire(desk, application, reason=reason, discard=discard)
    if session.form == "json":
        show_json({"application": done.folder, "retired": True})
        return
    say(f"{done.folder} is retired. What was received stays.")


def _chosen(
    connection: sqlite3.Connection | None, text: str, version: int | None
) -> tuple[Candidate, sqlite3.Connection]:
    from shanhai.courier.candidates import chosen

    if connection is None:
        raise _none_yet(text)
    return chosen(connection, text, version), connection


def _none_yet(text: str) -> NotFoundError:
    return NotFoundError("no such application", given=as_typed(text), allowed="none came yet")


def _row(connection: sqlite3.Connection, one: Candidate, now: datetime) -> dict[str, Any]:
    from shanhai.courier import adoptions
    from shanhai.courier.candidates import standing_of

    return {
        "application": one.folder,
        "version": one.source.version,
        "message": one.row.digest,
        "received": one.row.received,
        "standing": standing_of(connection, one),
        "grant": adoptions.lapsed(connection, one.row.pairing, one.source, now) or "in force",
        "retain_until": one.source.retain_until,
    }


def _files(contents: Contents) -> list[Row]:
    runs = frozenset(contents.executable)
    return [
        {"path": one.path, "bytes": one.size, "executable": one.path in runs, "sha256": one.sha256}
        for one in contents.listing
    ]


def _decision(one: Adoption) -> Row:
    return {
        "at": one.at,
        "act": "adopted" if one.source else "retired",
        "version": one.source.version if one.source else None,
        "message": one.source.message if one.source else None,
        "who": one.who,
        "reason": one.reason,
    }


def _tell(found: Candidate, changes: Difference, target: Path, *, dry_run: bool) -> None:
    rows: list[Row] = [
        {"change": change, "path": path} for change, paths in vars(changes).items() for path in paths
    ]
    show(rows, _CHANGES, form="table", empty="No file differs from what is adopted now.")
    if dry_run:
        say("Nothing was done.")
        return
    say(f"Version {found.source.version} of {found.folder} is adopted. Next: shanhai ship tells the partner.")
    click.echo(target)
