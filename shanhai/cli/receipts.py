"""`shanhai receipts`: what became of what this node sent."""

from __future__ import annotations

import click

from shanhai.cli.output import Heading, show
from shanhai.cli.pair_standing import unknown
from shanhai.cli.session import Session, format_option, pass_session

_HEADINGS = (
    Heading("partner", "partner"),
    Heading("seq", "number", number=True),
    Heading("type", "type"),
    Heading("subject", "about"),
    Heading("version", "version", number=True),
    Heading("standing", "standing"),
    Heading("code", "code"),
    Heading("issued", "issued"),
    Heading("settled", "settled"),
)
_OPEN = ("waiting", "shipped", "received", "expired", "refused")


@click.command()
@click.option("--to", "partner", metavar="PARTNER", help="Only what was sent to one.")
@click.option("--open", "only_open", is_flag=True, help="Only what is not yet settled well.")
@format_option
@pass_session
def command(session: Session, partner: str | None, only_open: bool) -> None:
    """List what was sent, and what became of each message.

    waiting: not at the relay yet. shipped: there, and nothing heard. settled: the partner took it. Of
    parcels: received: opened, admitted: loaded under the partner's own contract, refused: with the code that
    says why. expired: not settled before its time ran out. A partner that takes and says nothing cannot be
    told from one that never looked.

    \b
    Example:
      shanhai receipts --open
    """
    from shanhai.cli.desk import state_of
    from shanhai.clock import system_clock
    from shanhai.courier.receipts import sent

    with state_of(session) as connection:
        if connection is None and partner is not None:
            raise unknown(partner)
        found = () if connection is None else sent(connection, system_clock(), partner)
    rows = [one.as_dict() for one in found if not only_open or one.standing in _OPEN]
    empty = "Nothing has been sent yet." if not found else "All of it is settled."
    show(rows, _HEADINGS, form=session.form, empty=empty)
