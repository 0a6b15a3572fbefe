"""The verbs of `shanhai pair` for a pairing that stands: suspend, resume, end, renew, move."""

from __future__ import annotations

from pathlib import Path

import click

from shanhai.cli.desk import at_desk, by_option, state_of
from shanhai.cli.handed import bytes_of
from shanhai.cli.pair_shown import rows_of, say_what_went, tell, tell_step
from shanhai.cli.refused import of_file, of_pairing
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import NotFoundError, as_typed

READABLE = click.Path(path_type=Path, dir_okay=False, exists=True)
"""A file that somebody brought."""


def _there(_: click.Context, __: click.Parameter, value: str) -> str:
    from shanhai.courier.relays.opening import check_there

    check_there(value)
    return value


relay_option = click.option(
    "--relay",
    required=True,
    callback=_there,
    metavar="URL",
    help="Where this node reaches the relay: file:///folder, s3://bucket/prefix or tar:/file.",
)
"""Adds `--relay URL`; a folder is there."""

_reason = click.option("--reason", metavar="TEXT", help="Told to the partner, sealed.")


@click.command("suspend")
@click.argument("partner")
@by_option
@_reason
@format_option
@pass_session
def suspend(session: Session, partner: str, by: str, reason: str | None) -> None:
    """Let nothing come and nothing leave for a time.

    The partner is told with the next `shanhai ship`. What was released and has not begun to leave is taken
    back: release it anew once the pairing is resumed. What the partner sends meanwhile waits at the relay.

    \b
    Example:
      shanhai pair suspend longyou --by "Li Wei" --reason "we look into a leak"
    """
    from shanhai.courier import standing

    with at_desk(session, by) as desk, of_pairing(desk.connection, partner):
        tell_step(session, desk.connection, standing.suspend(desk, partner, reason=reason))


@click.command("resume")
@click.argument("partner")
@by_option
@_reason
@click.option("--after-fork", is_flag=True, help="Go on although two messages of the partner contradict.")
@format_option
@pass_session
def resume(session: Session, partner: str, by: str, reason: str | None, after_fork: bool) -> None:
    """Take your suspension back, or go on after a fork.

    A pairing is frozen by two messages of the partner that contradict each other. Both are kept. Speak to the
    partner first: its state may have been copied, or put back from a backup.

    \b
    Examples:
      shanhai pair resume longyou --by "Li Wei"
      shanhai pair resume longyou --by "Li Wei" --after-fork
    """
    from shanhai.courier import standing

    if after_fork and reason is not None:
        raise click.UsageError("a fork is lifted here alone: there is nobody to tell a reason")
    with at_desk(session, by) as desk, of_pairing(desk.connection, partner):
        if after_fork:
            tell(session, desk.connection, standing.thaw(desk, partner))
        else:
            tell_step(session, desk.connection, standing.resume(desk, partner, reason=reason))


@click.command("end")
@click.argument("partner")
@by_option
@_reason
@format_option
@pass_session
def end(session: Session, partner: str, by: str, reason: str | None) -> None:
    """End a pairing for good.

    The partner is told with the next `shanhai ship`. What was sent stays sent; what was released and has not
    begun to leave is taken back. A new pairing begins with an offer, and may have the same name.

    \b
    Example:
      shanhai pair end longyou --by "Li Wei" --reason "the programme is over"
    """
    from shanhai.courier import standing

    with at_desk(session, by) as desk, of_pairing(desk.connection, partner):
        tell_step(session, desk.connection, standing.end(desk, partner, reason=reason))


@click.command("move")
@click.argument("partner")
@relay_option
@format_option
@pass_session
def move(session: Session, partner: str, relay: str) -> None:
    """Reach the relay at another address from now on.

    Nothing is copied: what the partner has not had yet, `shanhai ship --again` puts at the new address, and
    a message that comes later takes the files of its set with it. The address is of this node alone, and no
    event.

    \b
    Example:
      shanhai pair move longyou --relay s3://exchange/longyou
    """
    from shanhai.courier import standing

    with state_of(session) as connection:
        if connection is None:
            raise unknown(partner)
        tell(session, connection, standing.move(connection, partner, relay))


@click.command("renew")
@click.argument("partner")
@click.argument("keyset", type=READABLE)
@by_option
@format_option
@pass_session
def renew(session: Session, partner: str, keyset: Path, by: str) -> None:
    """Take a newer keyset of a partner from a file.

    Usually it comes in a message. Where the partner's keys ran out, or somebody else had one, its people
    bring keyring/keyset.json of their home. It counts if the root keys signed it that were once compared.

    \b
    Example:
      shanhai pair renew longyou /media/usb/keyset.json --by "Li Wei"
    """
    from shanhai.courier import partners, standing
    from shanhai.courier.carried import MOST_FILE_BYTES

    with at_desk(session, by) as desk, of_file(keyset):
        gone = standing.renew(desk, partner, bytes_of(keyset, MOST_FILE_BYTES)).taken_back
        tell(session, desk.connection, partners.named(desk.connection, partner), taken_back=rows_of(gone))
    if session.form != "json":
        say_what_went(gone, untold=False)


def unknown(partner: str) -> NotFoundError:
    """Where there is no pairing at all."""
    return NotFoundError("no such partner", given=as_typed(partner), allowed="none yet")
