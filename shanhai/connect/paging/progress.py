"""How far the records of a source reach: the greatest value of one of their fields, as the pages come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from pydantic import Field, field_validator

from shanhai.connect.database.mark import LAG, Mark, earlier_text, lag_seconds, read_mark
from shanhai.connect.options import Options
from shanhai.connect.paging.document import ABSENT, at, records_at, unlike
from shanhai.errors import ConfigurationError, SourceError

_Place = tuple[str, int | date | datetime]
_DAY = len("2024-03-01")


class RecordCursor(Options):
    """The field of a record whose values only grow, and the parameter by which what is new is asked for."""

    column: str = Field(
        min_length=1, description="dotted path in a record: a moment, a day or a whole number"
    )
    param: str = Field(min_length=1, description="of the query; takes the mark less the lag")
    lag: str | None = Field(default=None, description="15m, 2h, 1d of a time; a number of a number")
    records: str | None = Field(default=None, description="path of the list of records; None: that of paging")

    @field_validator("lag", mode="before")
    @classmethod
    def _is_lag(cls, given: object) -> object:
        if given is not None and not LAG.fullmatch(str(given)):
            raise ValueError("such as 90s, 15m, 2h or 1d, or a whole number")
        return None if given is None else str(given)


class Progress:
    """One pull from a mark on.

    What it asks for reaches back by the lag and a second, or one, more: some sources give what is equal to
    the parameter, and some only what is greater.

    Attributes:
        mark: how far the records reach by now; None: nowhere.
        came: how many records came.
    """

    def __init__(self, option: RecordCursor, records: str, since: str | None, now: datetime) -> None:
        self._option = option
        self._records = records
        self._now = now
        self.mark = read_mark(since, option.column)
        self.came = 0

    def asked(self) -> dict[str, str]:
        """The parameter of the query; none where everything is wanted.

        Raises:
            ConfigurationError: the lag does not fit the mark.
        """
        mark, lag = self.mark, self._option.lag
        if mark is None:
            return {}
        seconds = lag_seconds(lag) if lag not in (None, "0") else 0
        if mark.kind != "number":
            reach = lag if seconds is None else f"{seconds + 1}s"
            return {self._option.param: earlier_text(mark.value, str(reach))}
        if lag is not None and lag_seconds(lag) is not None:
            raise ConfigurationError(
                "the lag does not fit the cursor", given=f"lag {lag}", allowed="a number"
            )
        return {self._option.param: str(int(mark.value) - int(lag or 0) - 1)}

    def see(self, document: Any, where: str) -> None:
        """Take the next page into account.

        Raises:
            SourceError: it has no records, or what they have there is no cursor, or one of another kind.
        """
        records: Sequence[Any] = records_at(document, self._records, where)
        self.came += len(records)
        for record in records:
            value = at(record, self._option.column)
            if value is not ABSENT and value is not None and value != "":
                self._pass(value, where)

    def _pass(self, value: Any, where: str) -> None:
        place = _place(value)
        if place is None:
            raise unlike(where, self._option.column, value, "a moment in ISO 8601, a day, or a whole number")
        kind = place[0]
        if self.mark is not None and self.mark.kind != kind:
            raise SourceError(
                f"{where} has cursors of another kind than before",
                given=kind,
                allowed=self.mark.kind,
                hint="did the source change? then pull it whole with --full",
            )
        if _is_future(place, self._now):
            return
        known = _place(self.mark.value) if self.mark is not None else None
        if known is None or place[1] > known[1]:  # type: ignore[operator]
            self.mark = Mark(column=self._option.column, kind=kind, value=str(value))


def _place(value: Any) -> _Place | None:
    """The kind of a cursor's value and what it compares by; None of what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "number", value
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdigit():
        return "number", int(value)
    try:
        if len(value) == _DAY:
            return "day", date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if value[4] != "-" or value[10] not in "T ":
        return None
    return ("moment", moment) if moment.tzinfo else ("local moment", moment)


def _is_future(place: _Place, now: datetime) -> bool:
    """Whether a stamp is ahead of the clock: it comes again until its time has come.

    Without a zone a stamp may be local: one ahead of UTC is not taken for a mark either.
    """
    kind, value = place
    match kind:
        case "moment":
            return value > now  # type: ignore[operator]
        case "local moment":
            return value > now.astimezone(UTC).replace(tzinfo=None)  # type: ignore[operator]
        case "day":
            return value > now.astimezone(UTC).date()  # type: ignore[operator]
        case _:
            return False
