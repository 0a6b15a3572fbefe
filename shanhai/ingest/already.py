"""Already so: what somebody asks for was decided before; since when and by whom is told, nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shanhai.errors import DeniedError, as_typed
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry, lines_of
from shanhai.warehouse.lake import LakeTable

_GATE = "the gate"


class AlreadySoError(DeniedError):
    """Nothing was decided, and nothing is to be: it is so already.

    A program learns that its decision was not taken. People are told so, and it is no failure of theirs.
    """

    exit_code = 0
    recovery = "nothing to do"


def already_so(
    table: LakeTable,
    delivery: DeliveryId,
    state: str,
    is_so: Callable[[Sequence[Entry]], bool],
    *,
    given: str,
    allowed: object = None,
) -> AlreadySoError:
    """What to raise where a delivery is in the state that a decision leads to.

    Args:
        state: the words for it, which follow the name of the delivery.
        is_so: whether some entries of the delivery, oldest first, have led to the state; without those that
            other deliveries caused.
        given: what was asked for.
    """
    found = _since(table, delivery, is_so)
    when = ""
    if found is not None:
        at, line = found
        by = as_typed(line.decided_by) if line.decided_by else _GATE
        when = f", since {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, by {by}"
    return AlreadySoError(
        f"{delivery.short}{state} already{when}",
        given=given,
        allowed=allowed,
        hint=f"shanhai delivery show {delivery.short}",
    )


def _since(
    table: LakeTable, delivery: DeliveryId, is_so: Callable[[Sequence[Entry]], bool]
) -> tuple[datetime, Entry] | None:
    """The newest entry that led to the state, and its moment; None where it was so from the beginning."""
    lines: list[Entry] = []
    found: tuple[datetime, Entry] | None = None
    was = is_so(lines)
    for commit in table.commits():
        for _, line in lines_of([commit]):
            if line.delivery != str(delivery) or line.cause:
                continue
            lines.append(line)
            now = is_so(lines)
            if now and not was:
                found = (commit.at, line)
            was = now
    return found
