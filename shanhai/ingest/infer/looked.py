"""One column of a sample, and what SQL tells of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.model import Column
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.sample import TABLE, Sample
from shanhai.ingest.infer.signs import DATED, ERROR
from shanhai.quality.expressions import clean, typed


@dataclass(frozen=True)
class Texts:
    """What was counted of the texts of a column; only well-formed rows are.

    Attributes:
        rows, filled, distinct: all, those with a text, and how many different texts there are.
        longest: characters of the longest.
        alike: how many have the length that most have.
        dated, zeros, wide: how many begin like a date, are digits after a zero, have other than ASCII.
    """

    rows: int
    filled: int
    distinct: int
    longest: int
    alike: int
    dated: int
    zeros: int
    wide: int


@dataclass(frozen=True)
class Looked:
    """One column being looked at, as far as it is known; `reading` is what its heading says."""

    sample: Sample
    reading: Reading
    column: Column

    @property
    def words(self) -> set[str]:
        """The words of the heading."""
        return set(self.reading.words)

    def but(self, **changes: Any) -> Looked:
        """The same column, read otherwise."""
        return replace(self, column=self.column.model_copy(update=changes))

    def text(self) -> str:
        """SQL of the cleaned text; what a spreadsheet writes for an error is none."""
        text = clean(self.column)
        return f"CASE WHEN NOT regexp_full_match({text}, {quote_literal(ERROR)}) THEN {text} END"

    def matching(self, condition: str) -> int:
        """How many texts, called `t`, meet a condition."""
        return int(self._ask(f"count(*) FILTER (WHERE t IS NOT NULL AND {condition})")[0])

    def fits(self) -> int:
        """How many values can be read as the type that the column has."""
        return int(self.one(f"count({typed(self.column, self.sample.reader)})")[0])

    def count(self) -> Texts:
        """What the texts are like."""
        found = self._ask(
            "count(*), count(t), count(DISTINCT t), coalesce(max(length(t)), 0), "
            "count(*) FILTER (WHERE length(t) = (SELECT mode(length(t)) FROM cleaned)), "
            f"count(*) FILTER (WHERE regexp_full_match(t, {quote_literal(DATED)})), "
            "count(*) FILTER (WHERE regexp_full_match(t, '0[0-9]+')), "
            "count(*) FILTER (WHERE regexp_matches(t, '[^ -~]'))"
        )
        return Texts(*map(int, found))

    def one(self, select: str) -> tuple[Any, ...]:
        """One row that is selected from the sample as it came."""
        return self.sample.con.execute(f"SELECT {select} FROM {TABLE}").fetchone() or ()

    def present(self, words: Sequence[str]) -> list[str]:
        """Those of the words that are texts of the column, sorted."""
        listed = ", ".join(quote_literal(word) for word in words)
        return [str(text) for (text,) in self._texts("DISTINCT t", f"WHERE t IN ({listed}) ORDER BY 1")]

    def some(self, rest: str) -> list[str]:
        """Different texts, of which `rest` says which and how many."""
        return [str(text) for (text,) in self._texts("DISTINCT t", f"WHERE t IS NOT NULL {rest}")]

    def counted(self) -> dict[str, int]:
        """Each text with its rows, those that most have first."""
        rest = "WHERE t IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        return {str(text): int(many) for text, many in self._texts("t, count(*)", rest)}

    def _ask(self, select: str) -> tuple[Any, ...]:
        sql = f"WITH cleaned AS (SELECT {self.text()} AS t FROM {TABLE}) SELECT {select} FROM cleaned"
        return self.sample.con.execute(sql).fetchone() or ()

    def _texts(self, select: str, rest: str) -> list[tuple[Any, ...]]:
        sql = f"SELECT {select} FROM (SELECT {self.text()} AS t FROM {TABLE}) {rest}"
        return self.sample.con.execute(sql).fetchall()
