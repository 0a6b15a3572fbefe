"""`shanhai parcel`: what came from partners, and what anybody can verify of it without a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shanhai.cli.desk import (
    FolderToWrite,
    at_desk,
    by_option,
    other_relay_option,
    state_of,
    write_once,
)
from shanhai.cli.handed import bytes_of
from shanhai.cli.output import Heading, fields, say, section, show, show_json
from shanhai.cli.pair_standing import unknown
from shanhai.cli.refused import of_file
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import NotFoundError, as_typed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from shanhai.courier.arrived import Arrived
    from shanhai.exchange.bodies import Body

_LIST = (
    Heading("message", "message"),
    Heading("partner", "partner"),
    Heading("number", "number"),
    Heading("type", "what"),
    Heading("subject", "of", wraps=True),
    Heading("version", "version", number=True),
    Heading("state", "state"),
    Heading("code", "why"),
    Heading("received", "received"),
)
_SHORT = 12
_NOTHING = "No partner has sent anything yet."
_READABLE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def command() -> None:
    """Show what came from partners, and verify a parcel.

    A parcel is a message with terms and keys for a set of sealed files. Whoever has the sender's keyset can
    verify who signed it, and that message, set and files belong together and are whole.
    """


@command.command("show")
@click.argument("digest", required=False)
@click.option("--from", "partner", metavar="PARTNER", help="Only what this partner sent.")
@click.option(
    "--to",
    "folder",
    type=FolderToWrite(),
    help="Folder for the message, and the statement of its set, as they came: for others to verify.",
)
@format_option
@pass_session
def show_command(session: Session, digest: str | None, partner: str | None, folder: Path | None) -> None:
    """List what came from partners, or show one message.

    Of one message: how far it got, why it was refused, and the terms of a parcel. DIGEST may be the beginning
    of one. Shows nothing of the rows, and no key: there is none to show.

    \b
    Examples:
      shanhai parcel show
      shanhai parcel show 3fa90c --to /media/usb
    """
    if folder is not None and digest is None:
        raise click.UsageError("--to is for one message: DIGEST")
    with state_of(session) as connection:
        if digest is None:
            if connection is None and partner is not None:
                raise unknown(partner)
            rows = [] if connection is None else _rows(connection, partner)
            if session.form == "table":
                rows = [{**row, "message": row["message"][:_SHORT], "number": _number(row)} for row in rows]
            show(rows, _LIST, form=session.form, empty=_NOTHING)
            return
        if connection is None:
            raise NotFoundError("no such message", given=as_typed(digest), allowed="none yet")
        row = _found(connection, digest)
        facts, terms = _facts(connection, row), _terms(connection, row)
    files = _written(row, folder) if folder else []
    if session.form == "json":
        show_json({**facts, "terms": terms, "files": files})
        return
    fields({"message": facts.pop("message"), "number": _number(facts), **facts})
    if terms:
        section("Terms")
        fields(terms)
    for file in files:
        click.echo(file)


@command.command("verify")
@click.argument("file", type=_READABLE)
@click.option(
    "--keyset", required=True, type=_READABLE, help="The sender's keyset.json, as its people gave it out."
)
@click.option("--set", "statement", type=_READABLE, help="The statement of the set that the message names.")
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with the files of the set, called by their digests.",
)
@click.option("--after", "before", type=_READABLE, help="The message before it: nothing is between them.")
@format_option
@pass_session
def verify_command(
    session: Session,
    file: Path,
    keyset: Path,
    statement: Path | None,
    files: Path | None,
    before: Path | None,
) -> None:
    """Verify a message or a set without any secret.

    Also what was kept of a message that was refused. Anybody can: it asks for no passphrase and needs no
    home. It says who signed, whether set and files are those that were signed and all there, and whether the
    message follows the one before it. Then it says what it cannot know. Ends with code 77 where something
    does not hold.

    \b
    Examples:
      shanhai parcel verify /media/usb/message.json --keyset /media/usb/gongshu.json
      shanhai parcel verify /tmp/message.json --keyset /tmp/gongshu.json --set /tmp/set.json --files /tmp/f
    """
    from shanhai.courier.evidence import MOST_BYTES
    from shanhai.courier.stranger import UNKNOWN, Beside, verify
    from shanhai.exchange import dsse
    from shanhai.keyring.keyring import keyset_in

    known = keyset_in(bytes_of(keyset, dsse.MOST_BYTES[dsse.KEYSET]), keyset)
    beside = Beside(_bytes(statement), files, _bytes(before), session.progress)
    with of_file(file):
        shown = verify(bytes_of(file, MOST_BYTES), known, beside)
    if files is not None and "contents" not in shown.unknown:
        raise click.UsageError("nothing in --files was verified: the statement of the set goes with --set")
    roots = [root.kid for root in known.roots]
    if session.form == "json":
        unknown = {key: UNKNOWN[key] for key in shown.unknown}
        told = {"name": known.name, "node": known.node, "keyset": known.version, "roots": roots}
        show_json({"kind": shown.kind, "by": told, **shown.facts, "holds": shown.holds, "unknown": unknown})
        return
    fields({"what": shown.kind, **shown.facts, "keyset": known.version, "root keys": roots})
    section("Verified")
    for sentence in shown.holds:
        click.echo(f"  {sentence}")
    section("Cannot be known from this")
    for key in shown.unknown:
        click.echo(f"  {UNKNOWN[key]}")


@command.command("open")
@click.argument("digest")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, or the folder of an application; not there yet.",
)
@by_option
@other_relay_option
@format_option
@pass_session
def open_command(session: Session, digest: str, target: Path, by: str, relay: str | None) -> None:
    """Open an accepted parcel again.

    For a table that was lost, or an auditor. It is judged by what was recorded when it came: that it has
    expired since does not matter, that its keys are known to be compromised does. Nothing is admitted by it.
    The files must still be at the relay, and the private key that it was sealed to in the keyring.

    \b
    Example:
      shanhai parcel open 3fa90c --to /tmp/again.parquet --by "Li Wei"
    """
    from shanhai.courier.reopening import reopen

    with at_desk(session, by) as desk:
        row = _found(desk.connection, digest)
        made = reopen(desk, session.settings, row, target, address=relay)
    same = made.sha256 == row.opened_sha256
    if session.form == "json":
        show_json({"file": str(made.path), "sha256": made.sha256, "rows": made.rows, "same": same})
        return
    say("The same bytes as then." if same else "The same rows, in other bytes than then: another pyarrow.")
    click.echo(made.path)


def _rows(connection: sqlite3.Connection, name: str | None) -> list[dict[str, Any]]:
    from shanhai.courier import inbox, partners

    pairing = None if name is None else partners.named(connection, name).pairing
    names = {one.pairing: one.name for one in partners.every(connection)}
    return [
        {
            "message": row.digest,
            "partner": names.get(row.pairing),
            "generation": row.generation,
            "seq": row.seq,
            "type": row.type,
            "subject": row.subject,
            "version": row.version_number,
            "state": row.state.value,
            "code": row.code,
            "received": row.received,
        }
        for row in inbox.every(connection, pairing)
    ]


def _number(row: Mapping[str, Any]) -> str:
    return f"{row['generation']}/{row['seq']}"


def _found(connection: sqlite3.Connection, digits: str) -> Arrived:
    from shanhai.courier import inbox

    meant = inbox.beginning(connection, digits.lower())
    if len(meant) == 1:
        return meant[0]
    raise NotFoundError(
        "several messages begin like this" if meant else "no such message",
        given=as_typed(digits),
        allowed=[row.digest[:_SHORT] for row in meant[:8]] or None,
        hint="shanhai parcel show",
    )


def _facts(connection: sqlite3.Connection, row: Arrived) -> dict[str, Any]:
    from shanhai.courier import partners

    return {
        "message": row.digest,
        "partner": partners.of_pairing(connection, row.pairing).name,
        "pairing": row.pairing,
        "generation": row.generation,
        "seq": row.seq,
        "type": row.type,
        "state": row.state.value,
        "code": row.code,
        "stage": row.stage,
        "received": row.received,
        "subject": row.subject,
        "version": row.version_number,
        "opened_file": row.opened_file,
        "opened_sha256": row.opened_sha256,
        "delivery": row.delivery,
    }


def _terms(connection: sqlite3.Connection, row: Arrived) -> dict[str, Any]:
    """To what a parcel is bound, and what its facts say; nothing of any other message."""
    from shanhai.exchange.parcels import Parcel
    from shanhai.exchange.strict import write_moment

    body = _body(connection, row)
    if body is None or not isinstance(body.content, Parcel):
        return {}
    terms = body.content.terms
    return {
        "grant": terms.grant,
        "revision": terms.rev,
        "purpose": terms.purpose,
        "share_class": terms.share_class,
        "onward": terms.onward,
        "retain_until": write_moment(terms.retain_until),
        "columns": list(terms.columns),
        "masks": [f"{name}: {action}" for name, action in terms.masks.items()],
        "row_filter": terms.row_filter,
    }


def _body(connection: sqlite3.Connection, row: Arrived) -> Body | None:
    """The body that was opened once, read again; it was verified then, and no key is in it."""
    from shanhai.courier import their_keys
    from shanhai.exchange.bodies import read_body
    from shanhai.exchange.sets import read_set

    if row.body is None:
        return None
    statement = None
    if row.statement is not None:
        keyset = their_keys.keyset_of_digest(connection, row.pairing, row.keyset_digest or "")
        statement = read_set(row.statement, keyset=keyset, digest=None)
    return read_body(row.body, statement)


def _written(row: Arrived, folder: Path) -> list[str]:
    files = {f"{row.digest}.message.json": row.envelope}
    if row.statement is not None:
        files[f"{row.digest}.set.json"] = row.statement
    for name, data in files.items():
        write_once(folder / name, data)
    say(f"Written to {folder}, as they came:")
    return [str(folder / name) for name in files]


def _bytes(file: Path | None) -> bytes | None:
    from shanhai.courier.evidence import MOST_BYTES

    return None if file is None else bytes_of(file, MOST_BYTES)
