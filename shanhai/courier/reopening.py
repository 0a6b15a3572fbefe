"""Open an accepted parcel again: by what was recorded when it came, and not by what is known since."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import granted, incoming, partners, their_keys
from shanhai.courier.arrived import Arrived
from shanhai.courier.desk import Desk
from shanhai.courier.fetching import fetch
from shanhai.courier.finishing import finish
from shanhai.courier.opening import Made, Sealed, open_set, room_of
from shanhai.courier.partners import Partner
from shanhai.courier.relays.opening import relay_of
from shanhai.errors import ConfigurationError, StoreError
from shanhai.exchange.bodies import read_body
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import HeldGrant
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receive import Accepted, Standing, Verified, receive
from shanhai.exchange.sets import SetStatement, read_set
from shanhai.exchange.suites import OpenKey
from shanhai.exchange.unwrap import Held, unwrap
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors

_DELETED = (
    "its rows are in the warehouse and its snapshots, an application where it was adopted; or the partner "
    "releases it anew: docs/guide/keys.md, Old keys that open"
)
_ELSEWHERE = "a relay that still has the set as it was signed, or a tar of it: --relay"


def reopen(desk: Desk, settings: Settings, row: Arrived, target: Path, *, address: str | None = None) -> Made:
    """Write what a parcel held once more; that it has expired since, or its grant, does not matter.

    Its bytes are the recorded ones, its keys must still be believed for the moment when it came, and it is
    held against the grant as it was then. The files are asked of the relay. Nothing is admitted by it.

    Args:
        target: a file, or the folder of an application, that is not there yet.

    Raises:
        ConfigurationError: it was not accepted, the target is there, or its folder is not.
        Refused: the codes of `receive` for a message that is opened again, of `read_set`, `fetch`, `unwrap`
            and `open_set`; hpke-key-rotated-away where the private key is gone.
        BusyError: something is received from the partner just now.
        RetryableError: the relay, the log or the home failed.
    """
    if row.opened_file is None or row.statement is None or row.body is None:
        raise ConfigurationError("this is no parcel that was accepted", given=row.digest)
    _check_target(target)
    partner = partners.of_pairing(desk.connection, row.pairing)
    verified = _verified(desk, partner, row)
    _check_key(desk, verified)
    digest = verified.header.set_digest
    statement = read_set(row.statement, keyset=verified.keyset, digest=digest)
    with incoming.one_at_a_time(desk.home, row.pairing):
        finish(desk.home, desk.connection, row.pairing)
        with incoming.folder_again(desk.home, row.seen) as folder:
            with relay_of(partner, settings, address=address) as relay, _hinting():
                free = settings.free_disk_bytes
                fetch(relay, statement, folder, keep_free_bytes=free, tell=desk.tell)
            with transaction(desk.connection):
                about = {"message": row.digest, "digest": statement.digest}
                desk.record("opening", pairing=row.pairing, partner=partner.name, **about)
            held = _held(desk, partner, row, statement)
            opened = unwrap(verified, held=held, statement=statement, at=row.received)
            if opened.facts is None or not isinstance(opened.body.content, Parcel):
                raise AssertionError("a parcel has facts")
            sealed = Sealed(statement, opened.facts, opened.body.content.names, opened.keys)
            made = open_set(sealed, folder, room_of(settings, desk.tell))
            _move(made.path, target, row.digest)
    return Made(target, made.sha256, made.rows)


def _verified(desk: Desk, partner: Partner, row: Arrived) -> Verified:
    """The recorded message, verified by the keyset that the partner had when it came."""
    theirs = their_keys.keyset_of_digest(desk.connection, row.pairing, row.keyset_digest or "")
    standing = Standing(
        pairing=partners.agreed(partner),
        state=partner.state,
        mine=desk.speaker.keyset,
        theirs=their_keys.their_keyset(partner),
        position=partner.position({}),
    )
    accepted = Accepted(row.digest, row.received, theirs)
    return receive(row.envelope, standing=standing, now=desk.now, accepted=accepted)


def _check_key(desk: Desk, verified: Verified) -> None:
    """Return if the private key is held: asked before the event says that it was opened.

    Raises:
        Refused: hpke-key-rotated-away.
    """
    if desk.speaker.holdings.opener(verified.header.recipient) is None:
        refusal = Refused("hpke-key-rotated-away", seen=verified.seen, given=verified.header.recipient)
        refusal.hint = _DELETED
        raise refusal


@contextlib.contextmanager
def _hinting() -> Iterator[None]:
    """Say where a file may still be that the relay does not have as it was signed."""
    try:
        yield
    except Refused as refusal:
        refusal.hint = _ELSEWHERE
        raise


def _check_target(target: Path) -> None:
    """Return if something can be put there: asked before the event says that it was opened."""
    if target.exists():
        raise ConfigurationError("the target is there already", given=target)
    if not target.parent.is_dir():
        raise ConfigurationError(
            "the folder of the target is not there",
            given=target.parent,
            hint="make it, or choose another; is its disk mounted?",
        )


def _move(made: Path, target: Path, digest: str) -> None:
    """Move what was opened, to another disk too: it is there whole, or nothing of it is left.

    Killed on the way, it leaves a part under a name of its own, which nobody takes for it; the next try
    removes it. Nobody else writes there: one message is opened by one process at a time.

    Raises:
        StoreError: the target cannot be written, or its disk is full.
    """
    coming = target.with_name(f".{target.name}.{digest[:16]}.part")
    try:
        with disk_errors(target):
            _remove(coming)
            shutil.move(made, coming)
            coming.rename(target)
    except StoreError:
        with contextlib.suppress(OSError):
            _remove(coming)
        raise


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _held(desk: Desk, partner: Partner, row: Arrived, statement: SetStatement) -> Held:
    """What was held when it came: the grant in the revision that it was accepted under."""
    content = read_body(row.body or b"", statement).content
    if not isinstance(content, Parcel):
        raise AssertionError("an accepted parcel has terms")
    terms = content.terms
    grant = granted.revision(desk.connection, granted.RECEIVED, terms.grant, terms.rev)
    return Held(
        node=desk.me,
        keys={key.kid: key for key in desk.speaker.holdings.keys if isinstance(key, OpenKey)},
        grants={} if grant is None else {grant.id: HeldGrant(partner.node or "", grant)},
        sent=None,
    )
