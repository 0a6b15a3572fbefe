"""Adopt a version of an application, or retire it: an event first, then one step on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from shanhai.applications.folder import ADOPTED, write_folder
from shanhai.applications.reading import executable_digest, rows_of
from shanhai.applications.switching import Place
from shanhai.audit.database import transaction
from shanhai.courier import adoptions, inbox, partners, waiting
from shanhai.courier.adoptions import Adoption, Source
from shanhai.courier.arrived import InboxState
from shanhai.courier.candidates import Candidate, candidates, changes, contents_at, contents_of
from shanhai.courier.desk import Desk
from shanhai.courier.settling import answer
from shanhai.errors import (
    BusyError,
    ConfigurationError,
    DataError,
    DeniedError,
    NotFoundError,
    as_typed,
)
from shanhai.exchange.failures import FAILURES, Refused
from shanhai.exchange.receipts import ADMITTED as RECEIPT_ADMITTED
from shanhai.exchange.receipts import Receipt
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.held import held

_LOCK = ".lock"
_LONGEST_REASON = 1000


def adopt(
    desk: Desk, candidate: Candidate, *, reason: str, keep_free_bytes: int, discard: bool = False
) -> Adoption:
    """Make a received version the one that is used.

    It is read again, held against the digest that was admitted, and written beside the one that is used now.
    Then the decision is written, with its event, and the folders are switched. Killed before the decision,
    nothing has happened; killed after it, the next adoption in this home ends it.

    Args:
        reason: why, in the words of the person.
        keep_free_bytes: to leave on the disk.
        discard: files that somebody changed in the adopted folder may go.

    Raises:
        Refused: grant-revoked, grant-expired, grant-not-yet-valid, grant-unknown, pairing-ended.
        DeniedError: it may not be kept any longer, or the pairing is frozen.
        DataError: what was received, or what is used now, is not what it was.
        ConfigurationError: no reason, or a key ran out.
        BusyError: somebody adopts at the same time.
        LogUnwritableError: the decision cannot be written; nothing has happened.
        StoreError: the home cannot be written.
    """
    with _one_at_a_time(desk.home):
        _finish(desk)
        _check_usable(desk, candidate)
        place = Place(desk.home / ADOPTED, candidate.folder)
        adoption = _adoption(desk, candidate, candidate.source, reason)
        if not discard:
            _check_untouched(desk, place)
        _write_beside(desk, candidate, place, keep_free_bytes)
        with transaction(desk.connection):
            # Asked again: a revocation may have come while the files were written.
            _check_usable(desk, candidate)
            number = _decide(desk, adoption)
            _tell(desk, candidate)
        place.switch()
        _note_finished(desk, number)
    return adoption


def retire(desk: Desk, folder: str, *, reason: str, discard: bool = False) -> Adoption:
    """Use nothing of an application any more, and let nothing of it wait; what was received stays.

    Args:
        folder: `<partner>.<application>`.
        reason, discard: as of `adopt`.

    Raises:
        NotFoundError: nothing of it is adopted, and nothing waits.
        DataError, ConfigurationError, BusyError, LogUnwritableError, StoreError: as `adopt`.
    """
    with _one_at_a_time(desk.home):
        _finish(desk)
        place = Place(desk.home / ADOPTED, folder)
        adoption = _retirement(desk, folder, reason)
        if not discard:
            _check_untouched(desk, place)
        with transaction(desk.connection):
            number = _decide(desk, adoption)
        place.clear()
        _note_finished(desk, number)
    return adoption


def _finish(desk: Desk) -> None:
    """Carry out what an earlier run had decided, and remove what one left that died before it decided."""
    for one in adoptions.unfinished(desk.connection):
        _carry_out(desk, one.adoption, Place(desk.home / ADOPTED, one.adoption.folder))
        _note_finished(desk, one.number)
    with disk_errors(desk.home / ADOPTED):
        hidden = [path.name for path in (desk.home / ADOPTED).glob(".*") if path.name != _LOCK]
    for name in hidden:
        Place(desk.home / ADOPTED, name[1:].rpartition(".")[0]).clean()


def _carry_out(desk: Desk, adoption: Adoption, place: Place) -> None:
    source = adoption.source
    if source is None:
        place.clear()
    elif not _holds(place.target, source):
        if not _holds(place.coming, source):
            (found,) = (one for one in candidates(desk.connection) if one.source.message == source.message)
            place.clean()
            _write_beside(desk, found, place, keep_free_bytes=0)
        place.switch()
    else:
        place.clean()


def _holds(folder: Path, source: Source) -> bool:
    try:
        return contents_at(folder).is_that(source.listing, source.executable)
    except (Refused, ConfigurationError):
        return False


def _write_beside(desk: Desk, candidate: Candidate, place: Place, keep_free_bytes: int) -> None:
    """Write what was received, each file held against the listing as it is read a second time.

    Raises:
        DataError: it was changed meanwhile.
        StoreError: the home cannot be written.
    """
    received = candidate.received_in(desk.home)
    contents = contents_of(desk.connection, candidate, desk.home)
    require_room(place.folder, contents.bytes + keep_free_bytes)
    try:
        with disk_errors(received):
            executable = write_folder(contents.listing, rows_of(received, []), place.coming)
        if executable_digest(executable) != candidate.source.executable:
            raise Refused("mode-wrong")
    except (Refused, ConfigurationError) as error:
        place.clean()
        raise DataError(
            "the folder changed while it was read", given=received, hint="look who changed it"
        ) from error


def _decide(desk: Desk, adoption: Adoption) -> int:
    """The decision, its event, and what it leaves nobody to decide; within the caller's transaction."""
    about: dict[str, str | int] = {
        "pairing": adoption.pairing,
        "partner": adoption.partner,
        "application": adoption.application,
        "digest": adoption.digest,
    }
    source = adoption.source
    if source is None:
        desk.record("application-retired", **about)
    else:
        about |= {"message": source.message, "version": source.version, "set": source.set_id}
        desk.record("adopt", **about)
    for one in candidates(desk.connection):
        if one.folder == adoption.folder and (source is None or one.source.version <= source.version):
            waiting.done(desk.connection, "adopt", one.row.digest, who=desk.who, at=desk.now)
    return adoptions.decide(desk.connection, adoption)


def _tell(desk: Desk, candidate: Candidate) -> None:
    """Tell the partner, the first time that this parcel is adopted."""
    row = inbox.by_digest(desk.connection, candidate.row.digest) or candidate.row
    if row.state is InboxState.OPENED:
        inbox.admitted(desk.connection, row, delivery=None)
        partner = partners.of_pairing(desk.connection, row.pairing)
        answer(desk, partner, Receipt(of=row.digest, outcome=RECEIPT_ADMITTED))


def _note_finished(desk: Desk, number: int) -> None:
    with transaction(desk.connection):
        adoptions.finished(desk.connection, number, desk.now)


def _check_usable(desk: Desk, candidate: Candidate) -> None:
    partners.check_thawed(partners.of_pairing(desk.connection, candidate.row.pairing))
    code = adoptions.lapsed(desk.connection, candidate.row.pairing, candidate.source, desk.now)
    if code in FAILURES:
        raise Refused(code, seen=candidate.row.seen)
    if code is not None:
        raise DeniedError(
            "it may not be kept any longer",
            given=f"{candidate.folder}, version {candidate.source.version}",
            allowed=f"until {candidate.source.retain_until:%Y-%m-%d}",
            hint="ask the partner for a parcel under longer terms",
        )


def _check_untouched(desk: Desk, place: Place) -> None:
    """Return if what is used now is what was adopted: work of people is not thrown away unasked."""
    decided = adoptions.of_folder(desk.connection, place.name)
    source = decided[-1].source if decided else None
    if os.path.lexists(place.target) and not (source and _holds(place.target, source)):
        how = _changes(desk, place.target, source)
        raise DataError(
            "the adopted folder was changed here",
            given=f"{place.target}: {how}" if how else place.target,
            allowed="the files that were adopted",
            hint="copy what is wanted to another folder, then say --discard",
        )


def _changes(desk: Desk, folder: Path, source: Source | None) -> str:
    """How the files of a folder differ from those that were adopted; empty where there were none."""
    try:
        return "" if source is None else changes(desk.connection, source, contents_at(folder))
    except (Refused, ConfigurationError) as error:
        return str(error.given or error.message)


def _adoption(desk: Desk, candidate: Candidate, source: Source | None, reason: str) -> Adoption:
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise ConfigurationError(
            "a decision has a reason", given=f"{len(reason)} characters", allowed=f"1 to {_LONGEST_REASON}"
        )
    return Adoption(
        pairing=candidate.row.pairing,
        partner=candidate.partner,
        application=candidate.application,
        source=source,
        who=desk.who,
        at=desk.now,
        reason=reason,
    )


def _retirement(desk: Desk, folder: str, reason: str) -> Adoption:
    known = [one for one in candidates(desk.connection) if one.folder == folder]
    waits = {one.about for one in waiting.open_ones(desk.connection) if one.kind == "adopt"}
    decided = adoptions.of_folder(desk.connection, folder)
    in_use = bool(decided) and decided[-1].source is not None
    if not known or not (in_use or waits & {one.row.digest for one in known}):
        raise NotFoundError(
            "nothing of this application is adopted, and nothing waits",
            given=as_typed(folder),
            allowed=[adoption.folder for adoption, _ in adoptions.adopted(desk.connection)] or None,
            hint="shanhai application list",
        )
    return _adoption(desk, known[-1], None, reason)


@contextlib.contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Adopt in this process alone; a process that dies lets go.

    Raises:
        BusyError: another one does.
        StoreError: the home cannot be written.
    """
    busy = BusyError(
        "somebody else adopts at the same time", given=home, hint="run it again when that is done"
    )
    with held(home / ADOPTED / _LOCK, busy):
        yield
