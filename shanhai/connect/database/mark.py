"""How far an incremental source was read: the greatest value of its cursor column, and what lay at it."""

from __future__ import annotations

import logging
import re
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from shanhai.errors import ConfigurationError

log = logging.getLogger(__name__)

LAG = re.compile(r"(?P<amount>[0-9]{1,12})(?P<unit>[smhd]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Mark(BaseModel):
    """The fact `cursor` of a body, as text one JSON object.

    Attributes:
        column: the cursor column; a mark of another column says nothing.
        kind: how its values compare, in the database's own word.
        value: the greatest value, as text.
        tail: digest of the rows that would come again now; the same digest later means that nothing is new.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    kind: str
    value: str
    tail: str = ""

    def text(self) -> str:
        """The mark as the fact `cursor`."""
        return self.model_dump_json()


def read_mark(text: str | None, column: str) -> Mark | None:
    """The mark in a fact; None when there is none, or it is of another column and everything is wanted."""
    if text is None:
        return None
    try:
        mark = Mark.model_validate_json(text)
    except ValidationError:
        log.warning("cursor_unknown column=%s", column)
        return None
    return mark if mark.column == column else None


def lag_seconds(lag: str) -> int | None:
    """The seconds of a lag of time; None of one that is a number.

    Raises:
        ConfigurationError: it is neither.
    """
    found = LAG.fullmatch(lag)
    if found is None:
        raise ConfigurationError("not a lag", given=lag, allowed="90s, 15m, 2h, 1d, or a number")
    return int(found["amount"]) * _SECONDS[found["unit"]] if found["unit"] else None


def earlier_text(value: str, lag: str) -> str:
    """A day or moment that is text, earlier by `lag`, in the same form so that texts still compare.

    Raises:
        ConfigurationError: the text is no ISO 8601 moment, or the lag is no time.
    """
    seconds = lag_seconds(lag)
    if seconds == 0 or lag == "0":
        return value
    if seconds is not None:
        try:
            if len(value) == len("2024-03-01"):
                return (date.fromisoformat(value) - timedelta(days=-(-seconds // 86400))).isoformat()
            return _moment_before(value, seconds)
        except (ValueError, IndexError, OverflowError):
            pass
    raise ConfigurationError(
        "a lag of a text needs moments in ISO 8601 and a time",
        given=f"lag {lag}",
        allowed="texts such as 2024-03-01 10:20:30, and a lag such as 15m",
    )


def _moment_before(value: str, seconds: int) -> str:
    if value[4] != "-" or value[10] not in "T ":
        raise ValueError("not in the extended form")
    moment = datetime.fromisoformat(value) - timedelta(seconds=seconds)
    spelled = moment.isoformat(sep=value[10], timespec="seconds")[:19]
    # Fractions and offset stay as they are written; the seconds before them are whole.
    return spelled + value[19:] if len(value) >= len(spelled) else spelled[: len(value)]
