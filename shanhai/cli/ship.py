"""`shanhai ship`: take what was signed to the relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shanhai.cli.desk import other_relay_option
from shanhai.cli.output import Heading, Row, say, show
from shanhai.cli.pair_standing import unknown
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError, ShanhaiError

if TYPE_CHECKING:
    from shanhai.courier.partners import Partner

_HEADINGS = (
    Heading("partner", "partner"),
    Heading("messages", "messages", number=True),
    Heading("held", "wait", number=True),
    Heading("files", "files", number=True),
    Heading("bytes", "bytes of files", number=True),
    Heading("relay", "relay", wraps=True),
    Heading("error", "error", wraps=True),
)


@click.command()
@click.argument("partner", required=False)
@other_relay_option
@click.option("--again", is_flag=True, help="Also what the partner has not settled yet: the same bytes.")
@format_option
@pass_session
def command(session: Session, partner: str | None, relay: str | None, again: bool) -> None:
    """Take messages and sets that wait for it to the relay.

    To PARTNER, or to every partner. Nothing is signed, so no passphrase is asked for. Files of sets go first
    and the message last; what the relay has already is left as it is. It may be interrupted and run again.
    While a pairing is suspended or frozen, parcels that have not begun to leave wait, and what comes after
    them.

    \b
    Examples:
      shanhai ship
      shanhai ship longyou --relay tar:/media/usb/gongshu.tar
    """
    from shanhai.cli.desk import state_of
    from shanhai.courier import partners

    if relay is not None and partner is None:
        raise ConfigurationError(
            "another relay is for one partner", given=relay, allowed="PARTNER and --relay"
        )
    with state_of(session) as connection:
        if partner is None:
            known: tuple[Partner, ...] = () if connection is None else partners.every(connection)
        elif connection is None:
            raise unknown(partner)
        else:
            known = (partners.named(connection, partner),)
    rows: list[Row] = []
    failed: list[ShanhaiError] = []
    for one in known:
        try:
            rows.append(_shipped(session, one, relay, again=again))
        except ShanhaiError as error:
            # One relay that is down keeps nothing from the others.
            failed.append(error)
            rows.append({"partner": one.name, "relay": relay or one.relay, "error": error.message})
    show(rows, _HEADINGS, form=session.form, empty="There is no partner yet: shanhai pair offer.")
    if session.form == "table" and any(row.get("held") for row in rows):
        say("What waits is behind a parcel that may not leave now: docs/guide/release-and-ship.md, Ship.")
    if failed:
        raise failed[0]


def _shipped(session: Session, partner: Partner, relay: str | None, *, again: bool) -> Row:
    from shanhai.clock import system_clock
    from shanhai.courier.shipping import ship

    settings = session.settings
    home, tell = settings.home, session.progress
    done = ship(home, settings, partner, now=system_clock(), address=relay, again=again, tell=tell)
    return {
        "partner": done.partner,
        "messages": len(done.messages),
        "files": done.files,
        "bytes": done.size,
        "held": done.held,
        "relay": done.address,
        "shipped": [one.digest for one in done.messages],
    }
