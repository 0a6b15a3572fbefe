"""In which formats dates and timestamps are written: the fewest that read nearly all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import duckdb

from shanhai.contracts.sql import quote_literal

_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y"),
    *("%m-%d-%Y", "%d.%m.%Y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y"),
    *("%d %B %Y", "%B %d, %Y"),
)
_CLOCKS = (
    *(" %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", "%H:%M:%S", " %H.%M", "%H%M%S", " %H:%M:%S.%f"),
    *(" %H时%M分%S秒", " %H时%M分", "%H时%M分", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S %z", "T%H:%M:%S%z"),
)
DATES = _DAYS
TIMESTAMPS = tuple(day + clock for day, clock in itertools.product(_DAYS, _CLOCKS))
_MOST_FORMATS = 3


def find_formats(
    con: duckdb.DuckDBPyConnection, texts: Sequence[str], formats: Sequence[str], most: int
) -> tuple[str, ...]:
    """The formats that together read at least `most` of the texts, the best first; none: they do not.

    Each further one is taken only if it reads texts that those before it do not.
    """
    listed = ", ".join(quote_literal(text) for text in texts)
    con.execute(f"CREATE OR REPLACE TEMP TABLE moments AS SELECT unnest([{listed}]) AS t")
    counted = _counts(con, ([one] for one in formats))
    likely = sorted((one for one in formats if counted[(one,)]), key=lambda one: -counted[(one,)])
    chosen: tuple[str, ...] = ()
    read = 0
    while read < len(texts) and len(chosen) < _MOST_FORMATS:
        tried = _counts(con, ([*chosen, one] for one in likely if one not in chosen))
        if not tried or max(tried.values()) <= read:
            break
        read = max(tried.values())
        chosen = next(one for one, many in tried.items() if many == read)
    return chosen if read >= most else ()


def _counts(con: duckdb.DuckDBPyConnection, sets: Iterable[Sequence[str]]) -> dict[tuple[str, ...], int]:
    """How many of the texts each set of formats reads."""
    tried = [tuple(one) for one in sets]
    if not tried:
        return {}
    counts = [
        f"count(try_strptime(t, [{', '.join(quote_literal(one) for one in formats)}]))" for formats in tried
    ]
    found = con.execute(f"SELECT {', '.join(counts)} FROM moments").fetchone() or ()
    return dict(zip(tried, map(int, found), strict=True))
