"""Open an accepted parcel again: by what was recorded when it came, and not by what is known since."""

from __future__ import annotations

import shutil
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import granted, incoming, partners
from shanhai.courier.arrived import Arrived
from shanhai.courier.desk import Desk
from shanhai.courier.fetching import fetch
from shanhai.courier.opening import Made, Sealed, open_set, room_of
from shanhai.courier.partners import Partner
from shanhai.courier.receiving import finish
from shanhai.courier.relays.opening import relay_of
from shanhai.errors import ConfigurationError
from shanhai.exchange.bodies import read_body
from shanhai.exchange.grants import HeldGrant
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receive import Accepted, Standing, receive
from shanhai.exchange.sets import SetStatement, read_set
from shanhai.exchange.suites import OpenKey
from shanhai.exchange.unwrap import Held, unwrap
from shanhai.settings import Settings


def reopen(desk: Desk, settings: Settings, row: Arrived, target: Path, *, address: str | None = None) -> Made:
    """Write what a parcel held once more; that it has expired since, or its grant, does not matter.

    Its bytes are the recorded ones, its keys must still be believed for the moment when it came, and it is
    held against the grant as it was then. The files are asked of the relay. Nothing is admitted by it.

    Args:
        target: a file, or the folder of an application, that is not there yet.

    Raises:
        ConfigurationError: it was not accepted, or the target is there.
        Refused: the codes of `receive` for a message that is opened again, of `read_set`, `fetch`, `unwrap`
            and `open_set`; hpke-key-rotated-away where the private key is gone.
        BusyError: something is received from the partner just now.
        RetryableError: the relay, the log or the home failed.
    """
    if row.opened_file is None or row.statement is None or row.body is None:
        raise ConfigurationError("this is no parcel that was accepted", given=row.digest)
    if target.exists():
        raise ConfigurationError("the target is there already", given=target)
    partner = partners.of_pairing(desk.connection, row.pairing)
    theirs = partners.keyset_of_digest(desk.connection, row.pairing, row.keyset_digest or "")
    standing = Standing(
        pairing=partners.agreed(partner),
        state=partner.state,
        mine=desk.speaker.keyset,
        theirs=partners.their_keyset(partner),
        position=partner.position({}),
    )
    accepted = Accepted(row.digest, row.received, theirs)
    verified = receive(row.envelope, standing=standing, now=desk.now, accepted=accepted)
    statement = read_set(row.statement, keyset=theirs, digest=verified.header.set_digest)
    with incoming.one_at_a_time(desk.home, row.pairing):
        finish(desk, row.pairing)
        folder = incoming.folder_for(desk.home, row.seen)
        try:
            with relay_of(partner, settings, address=address) as relay:
                fetch(relay, statement, folder, keep_free_bytes=settings.free_disk_bytes)
            with transaction(desk.connection):
                about = {"message": row.digest, "digest": statement.digest}
                desk.record("opening", pairing=row.pairing, partner=partner.name, **about)
            held = _held(desk, partner, row, statement)
            opened = unwrap(verified, held=held, statement=statement, at=row.received)
            if opened.facts is None or not isinstance(opened.body.content, Parcel):
                raise AssertionError("a parcel has facts")
            sealed = Sealed(statement, opened.facts, opened.body.content.names, opened.keys)
            made = open_set(sealed, folder, room_of(settings))
            shutil.move(made.path, target)
        finally:
            incoming.discard(desk.home, row.seen)
    return Made(target, made.sha256, made.rows)


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
