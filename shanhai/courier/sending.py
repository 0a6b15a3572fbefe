"""Release all that is due to a partner; what stays is noted once, for a person to look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from shanhai.audit.database import transaction
from shanhai.audit.events import SYSTEM
from shanhai.courier import waiting
from shanhai.courier.desk import Desk
from shanhai.courier.planning import Ask
from shanhai.courier.releases import Release
from shanhai.courier.releasing import Released, release
from shanhai.courier.retiring import retire_sets
from shanhai.errors import (
    ConfigurationError,
    DamagedError,
    DataError,
    DeniedError,
    MemoryLimitError,
    StoreError,
)
from shanhai.governance.policy import ReleaseDeniedError
from shanhai.ingest.node import Node

_APPROVER_ALONE = ["approver-missing"]


@dataclass(frozen=True)
class Sending:
    """What became of all that was due.

    Attributes:
        stayed: why, by the name of the subject, of each grant; rules with their codes where policy denies.
        taken_back: releases that had not begun to leave, and do not; where a grant allows it, they are among
            the released again.
    """

    released: tuple[Released, ...] = ()
    stayed: Mapping[str, str] = field(default_factory=dict)
    taken_back: tuple[Release, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: names, numbers and digests."""
        released = [
            {
                "subject": one.release.subject.name,
                "version": one.release.version,
                "message": one.message.digest,
            }
            for one in self.released
        ]
        taken_back = [one.named for one in self.taken_back]
        return {"released": released, "stayed": dict(self.stayed), "taken_back": taken_back}


def release_due(desk: Desk, node: Node, name: str, asks: Collection[Ask]) -> Sending:
    """Release what is due to a partner, each by itself; killed anywhere, it may be run again.

    What policy denies, and what cannot be released as things are, stops nothing else: it waits for a person
    as `release`, until it is no longer so. Where only somebody's consent is lacking, it waits as `approve`.
    What cannot be read fails the run once all others are released. Last, sets go that nobody can need.

    Args:
        asks: what is due; what left since it was asked is not released again.

    Raises:
        StoreError, DamagedError, MemoryLimitError: of the first that could not be read or written.
        RetryableError: the log failed, or the home is busy.
    """
    released: list[Released] = []
    stayed: dict[str, list[str]] = {}
    noted: set[str] = set()
    lacking: set[str] = set()
    failed: dict[str, StoreError | DamagedError | MemoryLimitError] = {}
    for ask in asks:
        try:
            released.append(release(desk, node, ask))
        except (StoreError, DamagedError, MemoryLimitError) as error:
            failed.setdefault(ask.subject, error)
        except (DeniedError, ConfigurationError, DataError) as error:
            why = _why(error)
            stayed.setdefault(ask.subject, []).append(why)
            if _lacks_approval(error):
                lacking.add(ask.subject)
            else:
                noted.add(_about(ask, why))
    for subject in {ask.subject for ask in asks} - failed.keys():
        _forget_approvals(desk, subject, name, but=1 if subject in lacking else 0)
    _note(desk, name, noted)
    retire_sets(desk)
    if failed:
        raise next(iter(failed.values()))
    return Sending(
        tuple(one for one in released if not one.repeated),
        {subject: "; ".join(why) for subject, why in stayed.items()},
    )


def _why(error: DeniedError | ConfigurationError | DataError) -> str:
    if not isinstance(error, ReleaseDeniedError):
        return error.message
    return ", ".join(f"{one.rule} ({one.finding.code})" for one in error.decision.denials if one.finding)


def _lacks_approval(error: Exception) -> bool:
    """Whether somebody's consent is all that is lacking; `release` has noted that."""
    if not isinstance(error, ReleaseDeniedError):
        return False
    return [one.finding.code for one in error.decision.denials if one.finding] == _APPROVER_ALONE


def _about(ask: Ask, why: str) -> str:
    return f"{ask.subject} to {ask.partner}: {why}"


def _note(desk: Desk, name: str, noted: set[str]) -> None:
    with transaction(desk.connection):
        for one in waiting.open_ones(desk.connection):
            is_of_partner = one.about.partition(": ")[0].endswith(f" to {name}")
            if one.kind == "release" and is_of_partner and one.about not in noted:
                waiting.done(desk.connection, "release", one.about, who=SYSTEM, at=desk.now)
        for about in sorted(noted):
            waiting.waits(desk.connection, "release", about, desk.now)


def _forget_approvals(desk: Desk, subject: str, partner: str, *, but: int) -> None:
    """Of versions that wait for the same consent, a person is asked about so many, the newest."""
    ends = f" to {partner}"
    asked = [
        one.about
        for one in waiting.open_ones(desk.connection)
        if one.kind == "approve" and one.about.startswith(f"{subject} ") and one.about.endswith(ends)
    ]
    with transaction(desk.connection):
        for about in asked[: len(asked) - but]:
            waiting.done(desk.connection, "approve", about, who=SYSTEM, at=desk.now)
