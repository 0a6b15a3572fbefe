"""`shanhai keys`: which keys speak for this node, until when, and new ones in time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shanhai.cli.desk import by_option
from shanhai.cli.moments import MOMENT, in_utc
from shanhai.cli.output import Heading, say, show, show_json
from shanhai.cli.session import Session, format_option, pass_session
from shanhai.errors import NotFoundError, as_typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shanhai.courier.retiring_keys import OldKey
    from shanhai.courier.standing import Told
    from shanhai.exchange.keysets import Keyset
    from shanhai.exchange.secret import Secret
    from shanhai.keyring.keyring import Keyring

_HEADINGS = (
    Heading("use", "use"),
    Heading("alg", "algorithm"),
    Heading("state", "state"),
    Heading("not_before", "from"),
    Heading("not_after", "until"),
    Heading("days_left", "days left", number=True),
    Heading("kid", "key"),
)
_OPENS = Heading("opens", "still opens for", wraps=True)
_RETIRED = (
    Heading("kid", "key"),
    Heading("alg", "algorithm"),
    Heading("state", "state"),
    Heading("needed_for", "needed for", wraps=True),
)


@click.group()
def command() -> None:
    """List and renew the keys that speak for this node.

    Each key has one use: sign (messages and sets), hpke (others seal to it), log (checkpoints of the audit
    log). The root keys are not among them: they sign the list.
    """


@command.command("list")
@format_option
@pass_session
def list_command(session: Session) -> None:
    """List the keys of the newest keyset, with the days left.

    Of an old hpke key: of which partners something sealed to it may yet come. Where it is nobody, keys rotate
    and keys retire delete it.

    \b
    Example:
      shanhai keys list --format json
    """
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import keyring_of
    from shanhai.ingest.node import check_home

    home, now = session.settings.home, system_clock()
    keyring = keyring_of(home)
    if not keyring.exists:
        check_home(home)
    rows = _rows(keyring.keyset(), now, _needs(home, now)) if keyring.exists else []
    headings = (*_HEADINGS, _OPENS) if any(row["needed_for"] is not None for row in rows) else _HEADINGS
    if session.form == "table":
        rows = [{**row, "opens": _named(row["needed_for"])} for row in rows]
    show(rows, headings, form=session.form, empty="This home has no keys yet: shanhai node init.")


@command.command("rotate")
@by_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The file root.age.  [default: that of the home]",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Validity of new keys."
)
@click.option(
    "--overlap-days",
    type=click.IntRange(1, 365),
    default=30,
    show_default=True,
    help="For how long the old keys stay valid beside them.",
)
@click.option(
    "--compromised",
    multiple=True,
    metavar="KEY",
    help="Beginning of the id of a key that somebody else may have had.",
)
@click.option(
    "--since",
    type=MOMENT,
    help="When somebody may have had it first, in UTC.  [default: now]",
)
@format_option
@pass_session
def rotate_command(
    session: Session,
    by: str,
    root: Path | None,
    days: int,
    overlap_days: int,
    compromised: tuple[str, ...],
    since: datetime | None,
) -> None:
    """Make new keys and the next keyset, signed by the root.

    Asks for the passphrases of the root keys and of the node's. Old keys stay valid for the overlap, so that
    what is under way still counts; of a compromised key only what partners had before --since does. Private
    keys are deleted that sign no more, or open what no partner can have sealed any more.

    \b
    Examples:
      shanhai keys rotate --by "Li Wei" --root /media/usb/root.age
      shanhai keys rotate --by "Li Wei" --compromised 9f2c… --since 2026-11-20T00:00:00Z
    """
    from shanhai.cli.pair_shown import rows_of, say_what_went
    from shanhai.cli.passphrase import both_passphrases
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import Change, keyring_of, rotate_keys
    from shanhai.exchange.strict import write_moment

    if since and not compromised:
        raise click.UsageError("--since is of a key that somebody else may have had: --compromised names it")
    home, now = session.settings.home, system_clock()
    keyring_of(home).keyset()
    # Nobody is asked for the passphrase of keys that are not there.
    keyring_of(home).root_file(root)
    taken = _meant(keyring_of(home), compromised)
    passphrases = both_passphrases(session.settings)
    moment = in_utc(since) if since else now.replace(microsecond=0)
    change = Change(
        valid=timedelta(days=days),
        overlap=timedelta(days=overlap_days),
        compromised=dict.fromkeys(taken, moment),
        root=root,
    )
    keyset = rotate_keys(home, passphrases, change, who=by, now=now)
    told = _tell_partners(home, passphrases.node, by)
    rows = _rows(keyset, now, _needs(home, now))
    gone = rows_of(told.taken_back)
    if session.form == "json":
        show_json({"keyset": keyset.version, "keys": rows, "told": list(told.partners), "taken_back": gone})
        return
    show(rows, _HEADINGS, form="table", empty="")
    if compromised:
        say(f"Keyset {keyset.version} counts from now on; compromised since {write_moment(moment)}.")
        say("Carry keyring/keyset.json to each partner now, for shanhai pair renew. Until it has the new")
        say("keys it believes the old ones; where one of those signs, no message can bring the new.")
    else:
        say(f"Keyset {keyset.version} counts from now on; partners learn of it with the next shanhai ship.")
    say_what_went(told.taken_back, untold=False)


@command.command("retire")
@click.option("--dry-run", is_flag=True, help="Tell which would go, and delete none.")
@format_option
@pass_session
def retire_command(session: Session, dry_run: bool) -> None:
    """Delete old hpke keys that no partner can seal to any more.

    Asks for the passphrase of the node's keys. From then on nobody opens by them what a relay or a stick
    still holds, this node neither: shanhai parcel open. Copies of node.age hold them on: replace those, too.

    \b
    Examples:
      shanhai keys retire --dry-run
      shanhai keys retire
    """
    from shanhai.cli.passphrase import passphrase
    from shanhai.clock import system_clock
    from shanhai.courier.own_keys import keyring_of
    from shanhai.courier.retiring_keys import retire_keys

    home = session.settings.home
    # Nobody is asked for the passphrase of keys that are not there.
    keyring_of(home).keyset()
    old = retire_keys(home, passphrase(session.settings, "node"), now=system_clock(), dry_run=dry_run)
    rows = [_retired(one, dry_run=dry_run) for one in old]
    if session.form == "table":
        rows = [{**row, "needed_for": _named(row["needed_for"])} for row in rows]
    show(rows, _RETIRED, form=session.form, empty="No old key that opens is held.")


def _retired(one: OldKey, *, dry_run: bool) -> dict[str, object]:
    state = "kept" if one.needed_for else "would be deleted" if dry_run else "deleted"
    return {"kid": one.kid, "alg": one.alg, "state": state, "needed_for": list(one.needed_for)}


def _needs(home: Path, now: datetime) -> dict[str, tuple[str, ...]]:
    """For whom each old key that opens is needed; what is held is not known, since nothing is unlocked."""
    from contextlib import closing

    from shanhai.audit.failures import EvidenceError, LogUnwritableError
    from shanhai.courier.database import open_state
    from shanhai.courier.opening_needs import needed_for
    from shanhai.courier.own_keys import keyring_of

    try:
        with closing(open_state(home)) as connection:
            return needed_for(connection, keyring_of(home).keysets(), now)
    except (EvidenceError, LogUnwritableError) as error:
        say(f"For whom old keys still open is not known: {error}")
        return {}


def _named(partners: object) -> str:
    """Names as a cell shows them; nothing for a key of which it is not asked."""
    return "" if not isinstance(partners, list) else ", ".join(partners) or "nobody"


def _meant(keyring: Keyring, given: tuple[str, ...]) -> list[str]:
    """The ids of keys of any keyset of this node, told by how they begin."""
    known = list(dict.fromkeys(one.kid for keyset in keyring.keysets() for one in keyset.keys))
    return [_one_of(known, text) for text in given]


def _one_of(known: list[str], text: str) -> str:
    meant = [kid for kid in known if kid.startswith(text)]
    if len(meant) != 1:
        raise NotFoundError(
            "several keys begin like this" if meant else "no such key in any keyset of this node",
            given=as_typed(text),
            allowed=meant or known,
            hint="shanhai keys list",
        )
    return meant[0]


def _tell_partners(home: Path, passphrase: Secret, by: str) -> Told:
    """Put the newest keyset into a message to each partner."""
    from contextlib import closing

    from shanhai.clock import system_clock
    from shanhai.courier.database import open_state
    from shanhai.courier.desk import open_desk
    from shanhai.courier.partners import every
    from shanhai.courier.standing import Told, tell_keyset

    with closing(open_state(home)) as connection:
        if not every(connection):
            return Told()
    with open_desk(home, passphrase, who=by, now=system_clock()) as desk:
        return tell_keyset(desk)


def _rows(keyset: Keyset, now: datetime, needs: Mapping[str, tuple[str, ...]]) -> list[dict[str, object]]:
    return [
        {
            "use": one.use,
            "alg": one.key.alg,
            "state": _state(keyset, one.kid, one.not_before, one.not_after, now),
            "not_before": one.not_before,
            "not_after": one.not_after,
            "days_left": _days_left(one.not_after, now),
            "compromised_since": keyset.compromised.get(one.kid),
            "needed_for": list(needs[one.kid]) if one.kid in needs else None,
            "kid": one.kid,
        }
        for one in sorted(keyset.keys, key=lambda one: (one.use, one.key.alg, one.not_before))
    ]


def _days_left(until: datetime, now: datetime) -> int:
    """Days, of which the last counts until it is over: a key made for a day has one left, and then none."""
    return max(0, math.ceil((until - now) / timedelta(days=1)))


def _state(keyset: Keyset, kid: str, start: datetime, end: datetime, now: datetime) -> str:
    if kid in keyset.compromised:
        return "compromised"
    if now < start:
        return "not yet"
    return "valid" if now < end else "over"
