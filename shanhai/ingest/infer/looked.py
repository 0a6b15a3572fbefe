"""One column of a sample, and what SQL tells of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.model import Column
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.asking import ask_all
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


COUNTS = (
    "count(*)",
    "count(t)",
    "count(DISTINCT t)",
    "coalesce(max(length(t)), 0)",
    "coalesce(list_max(map_values(histogram(length(t)))), 0)",
    f"count(*) FILTER (WHERE regexp_full_match(t, {quote_literal(DATED)}))",
    "count(*) FILTER (WHERE regexp_full_match(t, '0[0-9]+'))",
    "count(*) FILTER (WHERE regexp_matches(t, '[^ -~]'))",
)
"""SQL of what `Texts` tells, in its order."""


def matching(condition: str) -> str:
    """SQL of how many texts, called `t`, meet a condition."""
    return f"count(*) FILTER (WHERE t IS NOT NULL AND {condition})"


def among(words: Sequence[str]) -> str:
    """SQL of those of the words that are texts, sorted; NULL: none."""
    listed = ", ".join(quote_literal(word) for word in words)
    return f"list_sort(list(DISTINCT t) FILTER (WHERE t IN ({listed})))"


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
        return int(self.ask(matching(condition))[0])

    def value(self) -> str:
        """SQL of the value of a text `t`, by the type that the column has."""
        return typed(self.column, self.sample.reader, text="t")

    def fits(self) -> int:
        """How many values can be read as the type that the column has."""
        return int(self.ask(f"count({self.value()})")[0])

    def count(self) -> Texts:
        """What the texts are like."""
        return Texts(*map(int, self.ask(*COUNTS)))

    def one(self, select: str) -> tuple[Any, ...]:
        """One row that is selected from the sample as it came."""
        return self.sample.con.execute(f"SELECT {select} FROM {TABLE}").fetchone() or ()

    def present(self, words: Sequence[str]) -> list[str]:
        """Those of the words that are texts of the column, sorted."""
        return [str(text) for text in cast("list[str] | None", self.ask(among(words))[0]) or ()]

    def some(self, rest: str) -> list[str]:
        """Different texts, of which `rest` says which and how many."""
        return [str(text) for (text,) in self._texts("DISTINCT t", f"WHERE t IS NOT NULL {rest}")]

    def counted(self) -> dict[str, int]:
        """Each text with its rows, those that most have first."""
        rest = "WHERE t IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        return {str(text): int(many) for text, many in self._texts("t, count(*)", rest)}

    def ask(self, *selects: str) -> tuple[Any, ...]:
        """What aggregates over the texts, called `t`, give; each is asked once."""
        ask_about(self.sample, [self], selects)
        text = self.text()
        return tuple(self.sample.told[text, select] for select in selects)

    def _texts(self, select: str, rest: str) -> list[tuple[Any, ...]]:
        sql = f"SELECT {select} FROM (SELECT {self.text()} AS t FROM {TABLE}) {rest}"
        return self.sample.con.execute(sql).fetchall()


def ask_about(sample: Sample, looked: Sequence[Looked], selects: Sequence[str]) -> None:
    """Ask of all these columns together what each will be asked, as far as it was not."""
    every = dict.fromkeys(one.text() for one in looked)
    texts = [text for text in every if any((text, select) not in sample.told for select in selects)]
    if texts:
        for text, row in zip(texts, ask_all(sample.con, TABLE, texts, selects), strict=True):
            sample.told.update({(text, select): told for select, told in zip(selects, row, strict=True)})
