"""`shanhai exchange`: how the exchange with other nodes stands, what was released, and what may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shanhai.cli.desk import by_option
from shanhai.cli.output import Heading, say, section, show, show_json
from shanhai.cli.pair_standing import unknown
from shanhai.cli.session import Session, format_option, pass_session

if TYPE_CHECKING:
    from shanhai.courier.status import Status

_PARTNERS = (
    Heading("partner", "partner"),
    Heading("state", "state"),
    Heading("frozen", "frozen"),
    Heading("to_upload", "to ship", number=True),
    Heading("held", "held", number=True),
    Heading("unsettled", "unsettled", number=True),
    Heading("oldest", "oldest"),
    Heading("expired", "expired", number=True),
    Heading("refused", "refused", number=True),
    Heading("to_admit", "to admit", number=True),
    Heading("heard", "heard of"),
    Heading("silent_since", "silent since"),
)
_WAITING = (Heading("kind", "a person has to"), Heading("about", "about"), Heading("since", "since"))
_EXPIRING = (
    Heading("whose", "whose"),
    Heading("use", "use"),
    Heading("alg", "algorithm"),
    Heading("until", "until"),
)
_LAPSED = (
    Heading("application", "application"),
    Heading("version", "version", number=True),
    Heading("code", "why"),
)
_RELEASES = (
    Heading("at", "at"),
    Heading("subject", "what"),
    Heading("version", "version", number=True),
    Heading("partner", "to"),
    Heading("rows", "rows", number=True),
    Heading("standing", "standing"),
    Heading("code", "code"),
    Heading("who", "released by"),
    Heading("approver", "approved by"),
)


@click.group()
def command() -> None:
    """See how the exchange with other nodes stands.

    What was acknowledged and what is missing, who has long been silent, what waits for a person, which keys
    run out.
    """


@command.command("status")
@format_option
@pass_session
def status_command(session: Session) -> None:
    """Show each partner, what waits, and what runs out.

    Keys run out, and grants: an application that was adopted under one that is over is named until it is
    retired.

    \b
    Example:
      shanhai exchange status --format json
    """
    from shanhai.cli.desk import state_of
    from shanhai.clock import system_clock
    from shanhai.courier.status import NOTHING, status

    home = session.settings.home
    with state_of(session) as connection:
        found = NOTHING if connection is None else status(home, connection, system_clock())
    if session.form == "json":
        show_json(_document(found))
        return
    _show(found)


@command.command("releases")
@click.option("--to", "partner", metavar="PARTNER", help="Only what was released to one.")
@format_option
@pass_session
def releases_command(session: Session, partner: str | None) -> None:
    """List what was released, to whom, by whom.

    JSON has what every rule said, what was counted of people and by which column (`who`), and the digests
    of set and message.

    \b
    Example:
      shanhai exchange releases --to longyou
    """
    from shanhai.cli.desk import state_of
    from shanhai.clock import system_clock
    from shanhai.courier.receipts import sent

    with state_of(session) as connection:
        if connection is None and partner is not None:
            raise unknown(partner)
        parcels = () if connection is None else sent(connection, system_clock(), partner)
    rows = [
        {
            **one.as_dict(),
            "at": one.release.at,
            "rows": one.release.counts.get("rows"),
            "who": one.release.who,
            "approver": one.release.approver,
            "grant": one.release.grant,
            "revision": one.release.rev,
            "people": one.release.counts.get("people"),
            "decision": one.release.decision,
        }
        for one in parcels
        if one.release is not None
    ]
    show(rows, _RELEASES, form=session.form, empty="Nothing has been released yet.")


@command.command("retire")
@by_option
@format_option
@pass_session
def retire_command(session: Session, by: str) -> None:
    """Delete keys and files of sets that have arrived.

    Of each dataset the sets of the newest version stay, so that another partner can have them by a message
    alone. Those of older versions go once every partner they were sent to has loaded or refused them. What is
    at relays is not touched.

    \b
    Example:
      shanhai exchange retire --by "Li Wei"
    """
    from shanhai.cli.desk import at_desk
    from shanhai.courier.retiring import retire_sets

    with at_desk(session, by) as desk:
        gone = retire_sets(desk)
    if session.form == "json":
        show_json({"retired": list(gone)})
        return
    told = f"{len(gone)} sets were retired: nobody can be given them any more."
    say(told if gone else "No set may go yet.")


def _show(found: Status) -> None:
    show(
        [one.as_dict() for one in found.partners],
        _PARTNERS,
        form="table",
        empty="There is no partner yet: shanhai pair offer.",
    )
    if found.waiting:
        section("Waiting for a person")
        rows = [{**vars(one), "about": one.words} for one in found.waiting]
        show(rows, _WAITING, form="table", empty="")
    if found.expiring:
        section("Keys that run out")
        keys = [{**vars(one), "whose": one.whose or "ours"} for one in found.expiring]
        show(keys, _EXPIRING, form="table", empty="")
    if found.lapsed:
        section("Adopted, and not to be used any more")
        show([vars(one) for one in found.lapsed], _LAPSED, form="table", empty="")
    if found.partners and found.quiet:
        say("Nothing waits, nothing runs out, nobody is silent.")


def _document(found: Status) -> dict[str, object]:
    return {
        "quiet": found.quiet,
        "partners": [one.as_dict() for one in found.partners],
        "waiting": [vars(one) for one in found.waiting],
        "expiring": [vars(one) for one in found.expiring],
        "lapsed": [vars(one) for one in found.lapsed],
    }
