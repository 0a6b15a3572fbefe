"""`shanhai receive`: take what partners sent, verified before it is opened, and admit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shanhai.cli.desk import at_desk, other_relay_option
from shanhai.cli.output import Heading, Row, say, show, show_json
from shanhai.cli.pair_shown import rows_of, say_what_went
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError

if TYPE_CHECKING:
    from shanhai.courier.admitting import Admission
    from shanhai.courier.arrived import Arrived
    from shanhai.courier.desk import Desk
    from shanhai.courier.receiving import Received

_MESSAGES = (
    Heading("partner", "partner"),
    Heading("seq", "message", number=True),
    Heading("type", "what"),
    Heading("subject", "of", wraps=True),
    Heading("version", "version", number=True),
    Heading("state", "became"),
    Heading("code", "why"),
)
_ADMISSIONS = (
    Heading("partner", "partner"),
    Heading("subject", "of", wraps=True),
    Heading("version", "version", number=True),
    Heading("dataset", "taken by"),
    Heading("verdict", "verdict"),
    Heading("rows", "rows", number=True),
)


@click.command()
@click.argument("names", nargs=-1, metavar="[PARTNER]…")
@other_relay_option
@click.option("--no-admit", "only", is_flag=True, help="Verify and open; leave the walk to somebody else.")
@format_option
@pass_session
def command(session: Session, names: tuple[str, ...], relay: str | None, only: bool) -> None:
    """Receive from partners, and admit what came.

    Without a name, from every partner whose pairing receives. Each message is verified before it is opened:
    signatures, order, times, the set and its files; then its content against the grant; then the files, each
    in a process that can do nothing else. What is refused leaves nothing but the evidence.

    Tables that hold are then walked under the contracts whose connector is `parcels`, and the partner is
    told: with `shanhai ship` the receipts leave. Stopped at any moment, run it again: nothing is taken twice.

    \b
    Examples:
      shanhai receive
      shanhai receive gongshu --relay tar:/media/usb/parcels.tar
    """
    from shanhai.audit.events import SYSTEM

    if relay is not None and len(names) != 1:
        raise ConfigurationError("--relay goes with one partner", given=", ".join(names) or "none")
    failures: list[ShanhaiError] = []
    admissions: tuple[Admission, ...] = ()
    with at_desk(session, SYSTEM) as desk:
        chosen = names or _receiving(desk)
        received = [_received(session, desk, name, relay, failures) for name in chosen]
        if not only:
            admissions = _admitted(session, desk, names, failures)
    if not chosen:
        say("No pairing receives: shanhai pair show")
    empty = "Nothing was received." if failures else "Nothing new came."
    _tell(session, [one for one in received if one is not None], admissions, empty=empty)
    if failures:
        raise failures[0]


def _receiving(desk: Desk) -> list[str]:
    """The partners from whom something may be received; one that is frozen is told as a failure."""
    from shanhai.courier import partners
    from shanhai.exchange.failures import Refused
    from shanhai.exchange.pairing_states import check_receives

    found = []
    for partner in partners.every(desk.connection):
        try:
            check_receives(partner.state)
        except Refused:
            continue
        found.append(partner.name)
    return found


def _received(
    session: Session, desk: Desk, name: str, relay: str | None, failures: list[ShanhaiError]
) -> Received | None:
    from shanhai.courier.receiving import receive_from

    say(f"receive {name}")
    try:
        done = receive_from(desk, session.settings, name, address=relay)
    except ShanhaiError as error:
        failures.append(error)
        return None
    if done.stopped is not None:
        failures.append(done.stopped)
    return done


def _admitted(
    session: Session, desk: Desk, names: tuple[str, ...], failures: list[ShanhaiError]
) -> tuple[Admission, ...]:
    from shanhai.courier.admitting import admit
    from shanhai.courier.opened import opened_tables

    found: list[Admission] = []
    for name in names or (None,):
        if not opened_tables(desk.connection, name):
            # A node that only sends, or passes on, needs no contracts.
            continue
        try:
            found += admit(desk, session.node, name)
        except ShanhaiError as error:
            failures.append(error)
    return tuple(found)


def _tell(
    session: Session, received: list[Received], admissions: tuple[Admission, ...], *, empty: str
) -> None:
    messages = [_message(one.partner, row) for one in received for row in one.settled]
    came = {row["message"] for row in messages}
    # What goes on waiting, or stays refused, was told when it came; `parcel show` lists it.
    told = [one for one in admissions if one.changed or one.row.digest in came]
    tables = [_admission(one) for one in told]
    if session.form == "json":
        stopped = [
            {"partner": one.partner, **one.stopped.as_dict(), "code": getattr(one.stopped, "code", None)}
            for one in received
            if one.stopped is not None
        ]
        gone = [{"partner": one.partner, **row} for one in received for row in rows_of(one.taken_back)]
        show_json({"messages": messages, "admitted": tables, "stopped": stopped, "taken_back": gone})
        return
    show(messages, _MESSAGES, form="table", empty=empty)
    for one in received:
        say_what_went(one.taken_back, untold=False)
    if tables:
        show(tables, _ADMISSIONS, form="table", empty="")
    if any(row["type"] == "parcel" for row in messages) or any(one.verdict for one in told):
        say("Next: shanhai ship, by which the partner is told")
    for table in told:
        if table.dataset is None:
            say(f"No contract takes {table.row.subject} of {table.partner}: see docs/guide/receive.md")


def _message(partner: str, row: Arrived) -> Row:
    return {
        "partner": partner,
        "message": row.digest,
        "generation": row.generation,
        "seq": row.seq,
        "type": row.type,
        "subject": row.subject,
        "version": row.version_number,
        "state": row.state.value,
        "code": row.code,
        "stage": row.stage,
    }


def _admission(one: Admission) -> Row:
    return {
        "partner": one.partner,
        "message": one.row.digest,
        "subject": one.row.subject,
        "version": one.row.version_number,
        "dataset": str(one.dataset) if one.dataset else None,
        "delivery": str(one.delivery) if one.delivery else None,
        "verdict": one.verdict,
        "rows": one.rows,
        "state": one.row.state.value,
    }
