"""Between which values the columns of a data file lie: Delta's statistics, as a commit tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from shanhai.contracts.sql import quote_identifier

if TYPE_CHECKING:
    import duckdb

Kind = Literal["string", "integer", "date", "timestamp"]
"""Columns whose order is the same in DuckDB, in Delta and here: numbers with a fraction are none."""

_LONGEST = 256
"""Characters; of longer texts nothing is said, rather than a part of them."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Bounds:
    """No value of a column in a file is less or greater than these; `nulls` rows have none.

    Dates and instants are texts of ISO 8601, each of one length, which are in order as texts. Instants are in
    milliseconds, rounded away from the values.
    """

    least: int | str
    greatest: int | str
    nulls: int = 0

    def excludes(self, other: Bounds) -> bool:
        """Whether no row of here can have what a row of there has: a value, or none."""
        if type(self.least) is not type(other.least) or (self.nulls and other.nulls):
            return False
        return bool(self.greatest < other.least or other.greatest < self.least)  # type: ignore[operator]


Columns: TypeAlias = Mapping[str, Bounds]
"""By column; of one that is not there nothing is known."""


def are_apart(one: Columns, other: Columns) -> bool:
    """Whether no row of one file can equal a row of another one in every column; False: nobody knows."""
    return any(one[name].excludes(other[name]) for name in one.keys() & other.keys())


def bounds_of(con: duckdb.DuckDBPyConnection, relation: str, kinds: Mapping[str, Kind]) -> dict[str, Bounds]:
    """The bounds of columns over the rows of a relation; of one whose bounds cannot be said exactly, none.

    Those are without any value, or end in texts that are too long or in times beyond the years 1 to 9999.
    """
    asked = [text for name, kind in kinds.items() for text in _asked(quote_identifier(name), kind)]
    told = con.execute(f"SELECT {', '.join(asked)} FROM {relation}").fetchone() if asked else None
    found: dict[str, Bounds] = {}
    if told is not None:
        for place, (name, kind) in enumerate(kinds.items()):
            least, greatest, nulls = told[3 * place : 3 * place + 3]
            least, greatest = _said(least, kind, up=False), _said(greatest, kind, up=True)
            if least is not None and greatest is not None:
                found[name] = Bounds(least, greatest, int(nulls))
    return found


def statistics(rows: int, columns: Columns) -> str:
    """What a commit says of a file that it adds: `stats` of an add action of the Delta protocol."""
    told: dict[str, object] = {"numRecords": rows}
    if columns:
        told["minValues"] = {name: one.least for name, one in columns.items()}
        told["maxValues"] = {name: one.greatest for name, one in columns.items()}
        told["nullCount"] = {name: one.nulls for name, one in columns.items()}
    return json.dumps(told)


def read_statistics(text: str | None) -> dict[str, Bounds]:
    """The bounds that `statistics` wrote; none of a file that was added without."""
    told = json.loads(text or "{}")
    least, greatest, nulls = (told.get(key, {}) for key in ("minValues", "maxValues", "nullCount"))
    return {name: Bounds(least[name], greatest[name], nulls[name]) for name in least}


def _asked(column: str, kind: Kind) -> list[str]:
    ends = [f"{end}({column})" for end in ("min", "max")]
    if kind == "timestamp":
        # DuckDB knows infinite instants, and its instants in Python need another library.
        ends = [f"CASE WHEN isfinite({end}) THEN epoch_us({end}) END" for end in ends]
    elif kind == "date":
        ends = [f"{end}::VARCHAR" for end in ends]
    return [*ends, f"count(*) - count({column})"]


def _said(value: int | str | None, kind: Kind, *, up: bool) -> int | str | None:
    if isinstance(value, int):
        return value if kind == "integer" else _instant(-(-value // 1000) if up else value // 1000)
    if value is None or len(value) > _LONGEST or (kind == "date" and not _DATE.fullmatch(value)):
        return None
    return value


def _instant(milliseconds: int) -> str | None:
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
