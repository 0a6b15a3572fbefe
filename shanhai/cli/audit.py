"""`shanhai audit`: what this node did in the exchange, proven, and shown to others one event at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shanhai.cli.desk import FileToWrite
from shanhai.cli.handed import bytes_of
from shanhai.cli.output import Heading, Row, say, show, show_json
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, DataError, NotFoundError

if TYPE_CHECKING:
    from shanhai.audit.checkpoints import Checkpoint
    from shanhai.audit.log import Entry, EventLog
    from shanhai.audit.verify import Verified
    from shanhai.exchange.keysets import Keyset

_EVENTS = (
    Heading("leaf", "event", number=True),
    Heading("at", "at"),
    Heading("kind", "what"),
    Heading("who", "who"),
    Heading("about", "about", wraps=True),
)
_WRONG = (
    Heading("code", "what"),
    Heading("leaf", "event", number=True),
    Heading("means", "means", wraps=True),
)
_NOTHING = "Nothing has been logged yet."


class LogDamagedError(DataError):
    """The audit log, or its files, are not what they should be."""


@click.group()
def command() -> None:
    """Read, verify and disclose the audit log.

    Every crossing is an event, written before it happens, in a log that can only grow. A node signs what the
    log is at each moment; who holds an older signature sees whether anything was changed or left out.
    """


@command.command("log")
@click.option("--kind", metavar="WHAT", help="Only events of this kind.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N of them.")
@format_option
@pass_session
def log_command(session: Session, kind: str | None, last: int | None) -> None:
    """List the events of this node: what, who, when, about what.

    \b
    Examples:
      shanhai audit log --last 20
      shanhai audit log --kind release --format json
    """
    from shanhai.audit.events import KINDS
    from shanhai.courier.log_kept import check_kept
    from shanhai.ingest.node import check_home

    if kind is not None and kind not in KINDS:
        raise ConfigurationError("no such kind of event", given=kind, allowed=list(KINDS))
    check_kept(session.settings.home)
    with _log(session) as log:
        if log is None:
            check_home(session.settings.home)
        rows = [] if log is None else [_row(entry) for entry in log.entries()]
    chosen = [row for row in rows if kind in (None, row["kind"])]
    chosen = chosen[-last:] if last else chosen
    if session.form == "table":
        chosen = [{**row, "about": _told(row["about"])} for row in chosen]
    show(chosen, _EVENTS, form=session.form, empty=_NOTHING if not rows else "No event is of this kind.")


@command.command("verify")
@click.option(
    "--disclosure",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An event that somebody disclosed, instead of this node's log.",
)
@click.option(
    "--keyset",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The keyset of the node that disclosed it.  [default: this node's own]",
)
@click.option(
    "--fingerprint",
    metavar="HEX",
    help="Of a root key of that node, as its people told it to you: the keyset alone tells what it likes.",
)
@format_option
@pass_session
def verify_command(
    session: Session, disclosure: Path | None, keyset: Path | None, fingerprint: str | None
) -> None:
    """Count the whole log again: events, tree, files, checkpoint.

    Ends with code 65 and a list when something was edited, deleted or left out. What lies after the newest
    checkpoint is counted too, but only this node vouches for it.

    \b
    Examples:
      shanhai audit verify
      shanhai audit verify --disclosure event.json --keyset gongshu.json --fingerprint 04eeb9a4...
    """
    if (keyset is None) is not (fingerprint is None):
        raise ConfigurationError(
            "--keyset goes with --fingerprint",
            given="one of them",
            hint="ask the people of the node, who see it with: shanhai node show",
        )
    if disclosure is not None:
        _verify_disclosure(session, disclosure, keyset, fingerprint or "")
    elif keyset is not None:
        raise ConfigurationError("--keyset goes with --disclosure", given=keyset)
    else:
        _verify_log(session)


@command.command("disclose")
@click.argument("leaf", type=click.IntRange(0))
@click.option("--out", required=True, type=FileToWrite(), help="File to write.")
@format_option
@pass_session
def disclose_command(session: Session, leaf: int, out: Path) -> None:
    """Write one event with its proof, for a stranger to check.

    The file tells this event, and of all others nothing but hashes. It can be checked with sha256sum and
    openssl alone. No file is written over. An event that no checkpoint covers yet needs the passphrase of
    the node's keys.

    \b
    Example:
      shanhai audit disclose 7 --out event-7.json
    """
    from shanhai.audit.checkpoints import origin_of
    from shanhai.audit.disclosure import disclose
    from shanhai.audit.projection import FOLDER, published
    from shanhai.audit.tiles import CHECKPOINT
    from shanhai.courier.log_kept import check_kept
    from shanhai.courier.own_keys import keyring_of
    from shanhai.storage.durable import write_new

    home = session.settings.home
    keyring = keyring_of(home)
    keyset = keyring.keyset()
    check_kept(home)
    origin, publics = origin_of(keyset.node, keyset.generation), keyring.log_keys()
    with _log(session) as log:
        if log is None:
            raise NotFoundError("no such event", given=leaf, allowed="none")
        log.entry(leaf)
        checkpoint = published(home / FOLDER, origin, publics)
        if checkpoint is None or checkpoint.size <= leaf:
            checkpoint = _sign_checkpoint(session)
        document = disclose(log, leaf, (home / FOLDER / CHECKPOINT).read_bytes(), checkpoint.size)
    write_new(out, document)
    if session.form == "json":
        show_json({"file": str(out), "leaf": leaf, "size": checkpoint.size})
        return
    say(f"Event {leaf} of {checkpoint.size:,} is disclosed, with its proof:")
    click.echo(out)


def _sign_checkpoint(session: Session) -> Checkpoint:
    from shanhai.cli.passphrase import passphrase
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import keyring_of, publish_log

    home = session.settings.home
    holdings = keyring_of(home).unlock(passphrase(session.settings, "node"))
    return publish_log(home, holdings, now=system_clock())


def _verify_log(session: Session) -> None:
    from shanhai.ingest.node import check_home

    found = _verified(session)
    rows: list[Row] = [{"code": one.code, "leaf": one.leaf, "means": one.message} for one in found.wrong]
    if not rows and not found.events:
        check_home(session.settings.home)
    size = found.checkpoint.size if found.checkpoint else None
    if session.form == "json":
        show_json(
            {
                "agrees": not rows,
                "events": found.events,
                "erased": found.erased,
                "checkpoint": size,
                "after_checkpoint": found.tail,
                "wrong": rows,
            }
        )
    elif rows:
        show(rows, _WRONG, form="table", empty="")
    if rows:
        raise LogDamagedError(
            f"{len(rows):,} things are not as the audit log says",
            given=f"{found.events:,} events",
            allowed="none",
            hint="keep a copy as it is, and compare with checkpoints that partners hold",
        )
    if session.form == "table":
        covered = f"a checkpoint covers {size:,}" if size else "no checkpoint was signed yet"
        agrees = f"Everything agrees: {found.events:,} events, {found.erased:,} erased; {covered}."
        say(agrees if found.events else _NOTHING)


def _verified(session: Session) -> Verified:
    from shanhai.audit.checkpoints import origin_of
    from shanhai.audit.failures import EvidenceError
    from shanhai.audit.projection import FOLDER
    from shanhai.audit.verify import (
        Expected,
        Verified,
        verify_log,
        verify_without_database,
    )
    from shanhai.courier.own_keys import keyring_of

    home = session.settings.home
    keyring, expected = keyring_of(home), Expected("", ())
    if keyring.exists:
        keyset = keyring.keyset()
        origin = origin_of(keyset.node, keyset.generation)
        expected = Expected(origin, keyring.log_keys(), keyring.log_keys_taken_back(), events=1)
    try:
        with _log(session) as log:
            if log is None:
                return verify_without_database(home / FOLDER, expected)
            if log.size and not keyring.exists:
                keyring.keyset()
            return verify_log(log, home / FOLDER, expected)
    except EvidenceError as error:
        return Verified(0, 0, None, 0, (error,))


def _verify_disclosure(
    session: Session, disclosure: Path, keyset_file: Path | None, fingerprint: str
) -> None:
    from shanhai.audit.checkpoints import origin_of
    from shanhai.audit.disclosure import MOST_BYTES, read_disclosure
    from shanhai.audit.failures import EvidenceError
    from shanhai.courier.own_keys import keyring_of
    from shanhai.exchange import dsse
    from shanhai.keyring.keyring import keyset_in, log_keys_of

    keyring = keyring_of(session.settings.home)
    if keyset_file is None:
        keyset = keyring.keyset()
    else:
        keyset = _compared(
            keyset_in(bytes_of(keyset_file, dsse.MOST_BYTES[dsse.KEYSET]), keyset_file), fingerprint
        )
    publics = keyring.log_keys() if keyset_file is None else log_keys_of(keyset)
    try:
        found = read_disclosure(
            bytes_of(disclosure, MOST_BYTES), origin_of(keyset.node, keyset.generation), publics
        )
    except EvidenceError as error:
        if error.code == "checkpoint-origin-other" and keyset_file is None:
            error.hint = "of another node: --keyset FILE and --fingerprint HEX say which one"
        raise
    facts = {
        "leaf": found.leaf,
        "at": found.event.at,
        "kind": found.event.kind,
        "who": found.event.who,
        "about": dict(found.event.about),
    }
    if session.form == "table":
        show([{**facts, "about": _told(facts["about"])}], _EVENTS, form="table", empty="")
        whose = (
            f"the node of this root key, which calls itself {keyset.name}," if keyset_file else "this node"
        )
        say(f"Proven: event {found.leaf} of the {found.checkpoint.size:,} that {whose} signed.")
        return
    show_json({**facts, "node": keyset.node, "name": keyset.name, "size": found.checkpoint.size})


def _compared(keyset: Keyset, fingerprint: str) -> Keyset:
    """The keyset, if a root key of that fingerprint signed it; each of its roots did."""
    told = "".join(fingerprint.split()).lower()
    if told not in [root.kid for root in keyset.roots]:
        raise DataError(
            "no root key of this keyset has the fingerprint",
            given=fingerprint,
            hint="the keyset is not that of the node, or the fingerprint was not copied whole",
        )
    return keyset


@contextlib.contextmanager
def _log(session: Session) -> Iterator[EventLog | None]:
    """The log of the home; None where nothing was ever logged."""
    from shanhai.audit.database import FILE, open_database
    from shanhai.audit.log import EventLog

    file = session.settings.home / FILE
    if not file.is_file():
        yield None
        return
    with contextlib.closing(open_database(file)) as connection:
        yield EventLog(connection)


def _row(entry: Entry) -> dict[str, object]:
    from shanhai.audit.failures import EvidenceError

    try:
        event = entry.event
    except EvidenceError:
        return {"leaf": entry.leaf, "at": None, "kind": "EDITED", "who": None, "about": {}}
    if event is None:
        return {"leaf": entry.leaf, "at": None, "kind": "erased", "who": None, "about": {}}
    return {
        "leaf": entry.leaf,
        "at": event.at,
        "kind": event.kind,
        "who": event.who,
        "about": dict(event.about),
    }


def _told(about: object) -> str:
    pairs = about.items() if isinstance(about, dict) else ()
    return ", ".join(f"{name} {value}" for name, value in sorted(pairs))
