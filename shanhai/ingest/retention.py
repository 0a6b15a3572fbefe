"""What retention lets go of a delivery, and why not: a rule over facts, which touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shanhai.contracts.retention import Retention
from shanhai.errors import DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.records import State
from shanhai.warehouse.publications import Publication

Part = Literal["quarantine", "snapshot"]
"""The text of the quarantined rows, and the bytes of the bodies."""


UNDO = timedelta(days=7)
"""So long after a decision the bytes stay, however old they are, since undoing it may need them."""


@dataclass(frozen=True)
class Standing:
    """What is known of a delivery that retention depends on.

    Attributes:
        verdict: None while it has none.
        refused: whether it has rows in quarantine, with their text or without.
        settled_at: when a row of it was last moved, or its verdict last changed.
        in_table: rows of it in the newest version of its table.
        built: whether the last build rests on rows of it, which may be published yet.
        publications: the numbers of the publications that rest on rows of it and count, see `that_count`.
        purged: what the books say is gone.
    """

    delivery: DeliveryId
    pulled_at: datetime
    verdict: State | None
    refused: bool = False
    settled_at: datetime | None = None
    in_table: int = 0
    built: bool = False
    publications: tuple[int, ...] = ()
    purged: frozenset[str] = frozenset()

    @property
    def rests(self) -> bool:
        """Whether the table or a publication that counts has rows of it, or may have them soon."""
        return bool(self.in_table or self.publications or self.built)


@dataclass(frozen=True)
class Ruling:
    """Whether a part of a delivery goes, and one sentence why or why not."""

    part: Part
    goes: bool
    why: str


def judge(standing: Standing, retention: Retention, now: datetime) -> Iterator[Ruling]:
    """One ruling for each part that the delivery has and that has not gone yet."""
    if standing.refused and "quarantine" not in standing.purged:
        yield _ruling(standing, "quarantine", retention.quarantine_days, now)
    if "snapshot" not in standing.purged:
        yield _ruling(standing, "snapshot", retention.snapshot_days, now)


def require_unpurged(delivery: DeliveryId, purged: Collection[str], *parts: Part) -> None:
    """Make sure that all is there that staging a delivery again takes, and may make again.

    Raises:
        DeniedError: one of the parts was purged.
    """
    gone = [part for part in parts if part in purged]
    if gone:
        raise DeniedError(
            "the delivery was purged by retention, and is not staged again",
            given=f"{delivery.short}: {' and '.join(gone)}",
            allowed=f"a delivery with its {' and '.join(parts)}",
            hint="what the source sends now is a delivery of its own, if its bytes are others",
        )


def that_count(publications: Iterable[Publication], days: int | None, now: datetime) -> list[Publication]:
    """The publications whose rows can be traced to their bytes: the newest, and those of the last `days`."""
    known = list(publications)
    return [
        one
        for one in known
        if one is known[-1] or days is None or one.published_at > now - timedelta(days=days)
    ]


def _ruling(standing: Standing, part: Part, days: int | None, now: datetime) -> Ruling:
    if days is None:
        return Ruling(part, False, f"kept for ever: no {part}_days is stated")
    age = (now - standing.pulled_at).days
    if now - standing.pulled_at < timedelta(days=days):
        return Ruling(part, False, f"pulled {age} days ago, kept for {days}")
    needed = _needed(standing, part, now)
    if needed:
        return Ruling(part, False, needed)
    return Ruling(part, True, f"pulled {age} days ago, kept for {days}")


def _needed(standing: Standing, part: Part, now: datetime) -> str:
    """Why a part that is old enough stays all the same; empty where nothing rests on it."""
    if standing.verdict is None:
        return "needed: it has no verdict yet"
    if standing.verdict == "held":
        return "needed: it is held, and a person decides"
    if part == "quarantine":
        return ""
    if standing.in_table:
        return f"needed: the table has {standing.in_table:,} rows of it"
    if standing.publications:
        listed = ", ".join(str(number) for number in sorted(standing.publications)[-3:])
        return f"needed: rows of it are in publication {listed}"
    if standing.built:
        return "needed: rows of it are in the last build, which may be published yet"
    if standing.settled_at is not None and now - standing.settled_at < UNDO:
        return f"needed: what became of it changed less than {UNDO.days} days ago, and may be undone"
    return ""
