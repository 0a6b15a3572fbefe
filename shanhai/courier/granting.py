"""Granting: what a partner may have is stated, changed and taken back; the partner is told each time."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shanhai.audit.database import transaction
from shanhai.courier import granted, partners, saying
from shanhai.courier.desk import Desk
from shanhai.courier.grant_checks import check_not_given, refusal_of
from shanhai.courier.granted import GIVEN, KeptGrant
from shanhai.courier.releases import Release
from shanhai.courier.taking_back import one_transaction, take_back, take_back_holding
from shanhai.errors import DeniedError, NotFoundError, as_typed
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant, read_grant, widened, write_grant
from shanhai.exchange.pairing_states import SPEAKING
from shanhai.exchange.strict import canonical
from shanhai.exchange.subjects import Subject
from shanhai.governance.refusals import NAMES_NOTHING, ShapeRefusedError
from shanhai.governance.shape import read_shape
from shanhai.governance.values import Data

_FEWEST_DIGITS = 4


@dataclass(frozen=True)
class Changed:
    """What another revision of a grant came to.

    Attributes:
        taken_back: releases that had not begun to leave, and do not: those under it, and those behind them.
        untold: whether the partner is not told, since the keys of one of the nodes ran out.
        already: whether it was revoked before, and nothing was done.
    """

    grant: Grant
    taken_back: tuple[Release, ...]
    untold: bool
    already: bool = False


@dataclass(frozen=True)
class Draft:
    """What a person states: a grant without its number, and without whom it is for. Fields as of `Grant`."""

    subject: Subject
    columns: tuple[str, ...] | None
    purpose: str
    share_class: str
    onward: str
    valid_from: datetime
    until: datetime
    retention_days: int
    row_filter: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    k: int | None = None

    def numbered(self, grant_id: str, rev: int, grantee: str) -> Grant:
        """The grant, which a recipient would accept.

        Raises:
            ConfigurationError: no recipient would accept it.
        """
        stated = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        grant = Grant(id=grant_id, rev=rev, grantee=grantee, **stated)
        value = write_grant(grant)
        try:
            canonical(value)
            return read_grant(value)
        except (Refused, ValueError) as error:
            raise refusal_of(grant, error) from error


def add(desk: Desk, partner: str, draft: Draft, *, data: Data | None = None) -> Grant:
    """Give a new grant.

    Args:
        partner: its name.
        data: what contracts say of the subject, against which columns, masks and row filter are checked;
            None where that is not known before the release, which checks them again in any case.

    Raises:
        Refused: pairing-not-confirmed, pairing-ended.
        DeniedError: the pairing is frozen.
        ShapeRefusedError: a column, a mask or the row filter is never released.
        ConfigurationError: no partner would accept it, or the same is granted already.
        NotFoundError: there is no such partner, column or mask.
        LogUnwritableError: an event cannot be written.
    """
    check_shape(draft, data)
    with transaction(desk.connection):
        recipient = partners.named(desk.connection, partner)
        grantee = partners.agreed(recipient).partner_of(desk.me).node
        grant = draft.numbered(secrets.token_hex(16), 1, grantee)
        check_not_given(desk.connection, recipient.pairing, grant, desk.now)
        _give(desk, recipient.pairing, grant)
    return grant


def revise(desk: Desk, text: str, draft: Draft, *, data: Data | None = None, wider: bool = False) -> Changed:
    """Replace a grant by its next revision; what was released by the one before is taken back as by `revoke`.

    Args:
        text: the id of the grant, or the first digits of it.
        draft: what holds from then on, whole.
        data: as of `add`.
        wider: it may allow what the revision before did not.

    Raises:
        As `add`; and DeniedError: it is revoked, about something else, or wider unasked.
    """
    check_shape(draft, data)
    with one_transaction(desk):
        before = given(desk, text)
        _check_stands(before.grant)
        if draft.subject != before.grant.subject:
            raise DeniedError(
                "a revision is about the same",
                given=draft.subject.name,
                allowed=before.grant.subject.name,
                hint="give a new grant",
            )
        grant = draft.numbered(before.grant.id, before.grant.rev + 1, before.grant.grantee)
        if (wide := widened(before.grant, grant)) and not wider:
            raise DeniedError(
                "the revision allows something that the grant did not",
                given=f"revision {grant.rev} of {grant.id}: {', '.join(wide)}",
                allowed="the same or less in each field",
                hint="where that is meant, say so: --wider",
            )
        gone = _give(desk, before.pairing, grant)
    return Changed(grant, gone, untold=False)


def revoke(desk: Desk, text: str) -> Changed:
    """Take a grant back: nothing leaves under it from now on, and the partner is told, where keys allow it.

    Parcels under it that have not begun to leave are taken back, and all others that may not leave now, which
    would hold what the partner is told. What has begun to leave has left. Once more, it changes nothing.

    Args:
        text: the id of the grant, or the first digits of it.

    Raises:
        Refused: pairing-ended.
        DeniedError: the pairing is frozen.
        NotFoundError: there is no such grant of ours, or several.
        LogUnwritableError: an event cannot be written.
    """
    with one_transaction(desk):
        before = given(desk, text)
        if before.grant.revoked:
            return Changed(before.grant, (), untold=False, already=True)
        grant = dataclasses.replace(before.grant, rev=before.grant.rev + 1, revoked=True)
        speaks = partners.of_pairing(desk.connection, before.pairing).state in SPEAKING
        untold = speaks and not saying.can_speak(desk, before.pairing)
        gone = _give(desk, before.pairing, grant, untold=untold)
    return Changed(grant, gone, untold)


def tell_untold(desk: Desk, pairing: str) -> tuple[Release, ...]:
    """Say what could not be told when it was given or revoked; within the caller's transaction.

    Returns:
        what is taken back first, since it would hold the revocation.

    Raises:
        As `saying.say`.
    """
    untold = granted.untold(desk.connection, pairing)
    gone = take_back_holding(desk, pairing) if untold else ()
    for grant in untold:
        granted.told(desk.connection, grant, saying.say(desk, pairing, grant).digest)
    return gone


def given(desk: Desk, text: str) -> KeptGrant:
    """The newest revision of the one grant of ours that a text means.

    Raises:
        NotFoundError: none or several are meant.
    """
    ours = [one for one in granted.every(desk.connection) if one.direction == GIVEN]
    meant = [one for one in ours if len(text) >= _FEWEST_DIGITS and one.grant.id.startswith(text)]
    if len(meant) != 1:
        raise NotFoundError(
            "several grants begin like this" if meant else "no such grant",
            given=as_typed(text),
            allowed=[one.grant.id for one in (meant or ours)] or "none was given yet",
            hint="shanhai grant list",
        )
    return meant[0]


def _give(desk: Desk, pairing: str, grant: Grant, *, untold: bool = False) -> tuple[Release, ...]:
    kind = "revoke" if grant.revoked else "grant"
    about = {grant.subject.kind: grant.subject.name, "digest": granted.digest_of(grant)}
    if untold:
        about["outcome"] = "untold"
    desk.record(kind, pairing=pairing, grant=grant.id, revision=grant.rev, **about)
    if grant.revoked or granted.narrows(desk.connection, grant):
        # No parcel may hold it.
        gone = take_back_holding(desk, pairing, grant=grant.id)
    else:
        gone = take_back(desk, pairing, lambda one: one.grant == grant.id)
    message = "" if untold else saying.say(desk, pairing, grant).digest
    granted.keep(desk.connection, GIVEN, pairing, grant, at=desk.now, message=message)
    return gone


def _check_stands(grant: Grant) -> None:
    if grant.revoked:
        raise DeniedError("the grant is revoked", given=grant.id, hint="give a new one: shanhai grant add")


def check_shape(draft: Draft, data: Data | None) -> None:
    """See that a draft names columns and masks that there are, in a shape that may be released.

    Args:
        data: as of `add`.

    Raises:
        ShapeRefusedError: a column, a mask or the row filter is never released.
        NotFoundError: there is no such column or mask.
    """
    if data is None or draft.columns is None:
        return
    try:
        read_shape(
            data.columns,
            names=draft.columns,
            row_filter=draft.row_filter,
            masks=draft.masks,
            key=data.key,
        )
    except ShapeRefusedError as refused:
        if refused.code in NAMES_NOTHING:
            raise NotFoundError(
                refused.message, given=refused.given, allowed=refused.allowed, hint=refused.hint
            ) from refused
        raise
