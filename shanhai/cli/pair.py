"""`shanhai pair`: agree with another node on rules and root keys, and end that again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shanhai.cli.desk import FileToWrite, at_desk, by_option, person, state_of, write_once
from shanhai.cli.handed import bytes_of
from shanhai.cli.output import Heading, say, show
from shanhai.cli.pair_shown import facts_of, tell
from shanhai.cli.pair_standing import (
    READABLE,
    end,
    move,
    relay_option,
    renew,
    resume,
    suspend,
    unknown,
)
from shanhai.cli.refused import of_file, of_pairing
from shanhai.cli.selection import DURATION
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import ConfigurationError

_LIST = (
    Heading("partner", "partner"),
    Heading("state", "state"),
    Heading("frozen", "frozen"),
    Heading("heard", "heard of"),
    Heading("keys_until", "its keys until"),
    Heading("relay", "relay", wraps=True),
)

_name = click.option("--name", required=True, metavar="PARTNER", help="What this node calls the partner.")
_FILE = FileToWrite()


@click.group()
def command() -> None:
    """Pair with another node, and end that again.

    One node offers, the other accepts, and people carry the two files. Then two people read one number to
    each other over another channel, usually the telephone: only that tells whose root keys they are. Nothing
    crosses before both have confirmed it.
    """


@command.command("offer")
@click.option("--to", "file", type=_FILE, required=True, help="The file to carry to the partner.")
@_name
@relay_option
@by_option
@click.option(
    "--suites",
    type=click.Choice(["x-wing", "x25519", "both"]),
    default="x-wing",
    show_default=True,
    help="In which messages may be sealed; x25519 alone resists no quantum computer.",
)
@click.option(
    "--head-interval", type=DURATION, default="1d", show_default=True, help="Each side is heard of within."
)
@click.option(
    "--skew",
    type=DURATION,
    default="5m",
    show_default=True,
    help="By how much the partner's clock may be ahead.",
)
@click.option(
    "--retention",
    type=DURATION,
    default="3650d",
    show_default=True,
    help="For how long evidence of messages is kept.",
)
@click.option(
    "--max-uncosigned",
    type=DURATION,
    default="3d",
    show_default=True,
    help="How old the newest cosignature may be.",
)
@format_option
@pass_session
def offer_command(
    session: Session, /, file: Path, name: str, relay: str, by: str, suites: str, **seconds: int
) -> None:
    """Offer a pairing, with its rules.

    Writes the file that your people carry to the partner's people, by whatever way: it holds no secret. The
    same call again writes the same file.

    \b
    Example:
      shanhai pair offer --name longyou --relay file:///srv/relay --to /media/usb/offer.json --by "Li Wei"
    """
    from shanhai.courier.pairing import carried_file, offer
    from shanhai.courier.rule_checks import check_rules
    from shanhai.exchange.rules import Rules
    from shanhai.exchange.suites import SUITES

    allowed = tuple(suite for suite, alg in SUITES.items() if suites in (alg, "both"))
    rules = Rules(suites=allowed, **seconds)
    check_rules(rules)
    _check_new(session, name, file)
    with at_desk(session, by) as desk:
        partner = offer(desk, name, relay=relay, rules=rules)
        write_once(file, carried_file(desk.home, partner))
        tell(session, desk.connection, partner)
    _next(session, f"Carry {file} to the partner. With what comes back: shanhai pair confirm {name} FILE")


@command.command("accept")
@click.argument("offer_file", metavar="OFFER", type=READABLE)
@click.option("--to", "file", type=_FILE, required=True, help="The file to carry back to the partner.")
@_name
@relay_option
@by_option
@format_option
@pass_session
def accept_command(session: Session, offer_file: Path, file: Path, name: str, relay: str, by: str) -> None:
    """Accept an offer as it is.

    Shows its rules and the number. Signs the pairing and writes the file that goes back. Whose keys the offer
    names is not known yet: that tells the number, once people have compared it.

    \b
    Example:
      shanhai pair accept /media/usb/offer.json --name gongshu --relay file:///srv/relay \\
        --to /media/usb/acceptance.json --by "Chen Mei"
    """
    from shanhai.courier.carried import MOST_FILE_BYTES
    from shanhai.courier.pairing import accept, carried_file

    _check_new(session, name, file)
    with at_desk(session, by) as desk:
        with of_file(offer_file):
            partner = accept(desk, bytes_of(offer_file, MOST_FILE_BYTES), name, relay=relay)
        write_once(file, carried_file(desk.home, partner))
        tell(session, desk.connection, partner)
    _next(session, f"Carry {file} back. Then compare the number: shanhai pair confirm {name}")


@command.command("confirm")
@click.argument("partner")
@click.argument("file", required=False, type=READABLE)
@click.option("--number", metavar="DIGITS", help="What the partner's person read.  [default: asked for]")
@click.option("--to", "back", type=_FILE, help="Write what is carried to the partner after that.")
@click.option("--by", metavar="NAME", callback=person, help="Who does it; kept in the audit log.")
@click.option(
    "--demonstration-without-people",
    "nobody",
    is_flag=True,
    help="Confirm although nobody compared the number. The audit log says so for good.",
)
@format_option
@pass_session
def confirm_command(
    session: Session,
    partner: str,
    file: Path | None,
    number: str | None,
    back: Path | None,
    by: str | None,
    nobody: bool,
) -> None:
    """Confirm the number that the partner's person reads to you.

    Call a person whom you know, at a telephone number that you have from elsewhere. Each of you reads the
    number that `shanhai pair show` gives, and the other types it. When it differs, somebody has exchanged the
    files: do not go on.

    FILE is what came back: at the offering node the acceptance, which it needs; at the other, if you like,
    the document that both signed.

    \b
    Examples:
      shanhai pair confirm longyou /media/usb/acceptance.json --by "Li Wei"
      shanhai pair confirm gongshu --by "Chen Mei"
    """
    from shanhai.courier.carried import MOST_FILE_BYTES
    from shanhai.courier.pairing import DEMONSTRATION, carried_file, confirm, confirm_without_people, take
    from shanhai.courier.partners import agreed, named

    if nobody == (by is not None) or (nobody and number is not None):
        raise click.UsageError("either --by NAME and the number, or --demonstration-without-people alone")
    with at_desk(session, by or DEMONSTRATION) as desk:
        if file is not None:
            with of_file(file):
                take(desk, partner, bytes_of(file, MOST_FILE_BYTES))
        with of_pairing(desk.connection, partner):
            before = named(desk.connection, partner)
            agreed(before)
            if nobody:
                confirmed = confirm_without_people(desk, partner)
            else:
                confirmed = confirm(desk, partner, number or _asked(partner))
        if back is not None:
            write_once(back, carried_file(desk.home, confirmed))
        already = confirmed.state is before.state
        tell(session, desk.connection, confirmed, already=already)
    if already:
        _next(session, f"It is {confirmed.state.value} already: nothing changed.")
    elif nobody:
        _next(session, "Nobody compared the number: this pairing is for a demonstration only.")
    else:
        _next(session, "Active once the partner's first message has come: shanhai ship, shanhai receive")


@command.command("show")
@click.argument("partner", required=False)
@click.option("--to", "file", type=_FILE, help="Write the file again that people carry to this partner.")
@format_option
@pass_session
def show_command(session: Session, partner: str | None, file: Path | None) -> None:
    """List the partners, or show one with its number and steps.

    \b
    Examples:
      shanhai pair show
      shanhai pair show longyou
    """
    from shanhai.courier.pairing import carried_file
    from shanhai.courier.partners import every, named

    if file is not None and partner is None:
        raise click.UsageError("--to is for one partner")
    with state_of(session) as connection:
        if partner is None:
            rows = [] if connection is None else [facts_of(one) for one in every(connection)]
            show(rows, _LIST, form=session.form, empty="No pairing yet: shanhai pair offer, or accept.")
            return
        if connection is None:
            raise unknown(partner)
        found = named(connection, partner)
        if file is not None:
            write_once(file, carried_file(session.settings.home, found))
        tell(session, connection, found)


def _check_new(session: Session, name: str, file: Path) -> None:
    """Return if a new pairing can write its file; that of a known one may be there, and the same.

    A pairing that has ended is no known one: the next offer, or the next acceptance, makes another.
    """
    from shanhai.courier.partners import every
    from shanhai.exchange.pairing_states import PairingState

    with state_of(session) as connection:
        there = () if connection is None else every(connection)
    known = name in {one.name for one in there if one.state is not PairingState.ENDED}
    if file.exists() and not known:
        raise ConfigurationError("there is a file already", given=file, hint="name another one")


def _asked(partner: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "the number of the pairing: nobody to ask", given="no terminal", allowed="a terminal or --number"
        )
    return str(click.prompt(f"Number that the person at {partner} reads to you", err=True, type=str))


def _next(session: Session, text: str) -> None:
    if session.form == "table":
        say(text)


for _verb in (suspend, resume, end, renew, move):
    command.add_command(_verb)
