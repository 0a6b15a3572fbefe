"""What a row is known by: the smallest set of columns that no two different rows share, and its versions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.sql import quote_identifier
from shanhai.ingest.infer.asking import ask_all, at_once
from shanhai.ingest.infer.sample import TABLE, Sample
from shanhai.quality.expressions import clean

_MOST_CANDIDATES = 8
_LARGEST_KEY = 3
_LONGEST_TEXT = 64
_FILLED = 0.98
_FEWEST_ROWS = 30
_MANY = 0.5
_NUMBERED = 0.8
_ALMOST_ALL = 0.99
_IDENTIFYING = ("id", "code", "number", "key", "uuid", "guid", "no")
_LOOKS = (
    "count(t)",
    "count(DISTINCT t)",
    "coalesce(max(length(t)), 0)",
    "count(*) FILTER (WHERE regexp_matches(t, '[0-9]'))",
)
_VERSIONED = {"updated", "modified", "changed"}


@dataclass(frozen=True)
class Key:
    """The positions of the columns of a key, and what becomes of its versions.

    Attributes:
        columns: empty: no key was found.
        version: the column that orders versions of a key; None: none does.
        replaces: whether every body is the whole list anew.
    """

    columns: tuple[int, ...] = ()
    version: int | None = None
    replaces: bool = False
    notes: tuple[str, ...] = ("guess: no set of up to three columns tells all rows apart: no key",)


class _Rows:
    """The different rows of a sample, with the body that each came in."""

    def __init__(self, sample: Sample, guesses: Sequence[Guess]) -> None:
        self._con = sample.con
        texts = ", ".join(
            f"{clean(reader.model_copy(update={'null_tokens': guess.column.null_tokens}))} "
            f"AS {quote_identifier(reader.name)}"
            for reader, guess in zip(sample.reader.columns, guesses, strict=True)
        )
        names = ", ".join(sample.reader.names)
        self._con.execute(
            f"CREATE OR REPLACE TABLE rows_by_body AS SELECT DISTINCT {texts}, _body FROM {TABLE}"
        )
        self._con.execute(
            f"CREATE OR REPLACE TABLE distinct_rows AS SELECT DISTINCT {names} FROM rows_by_body"
        )
        found = self._con.execute("SELECT count(*) FROM distinct_rows").fetchone()
        self.count = int(found[0]) if found else 0

    def looks(self, columns: int) -> Iterator[tuple[int, ...]]:
        """Of each column: how many texts, how many different ones, the longest, and those with digits."""
        for part in at_once(columns, self.count):
            texts = [f"c{place}" for place in part]
            yield from ask_all(self._con, "distinct_rows", texts, _LOOKS)

    def told_apart(self, columns: Sequence[int], *more: int) -> tuple[int, int]:
        """How many rows have a value in each of some columns, and how many differ in them, and in `more`.

        The others are no duplicates of each other: nothing tells what they are.
        """
        return self._told_apart(columns, [f"c{place}" for place in more], "distinct_rows")

    def told_apart_by_body(self, columns: Sequence[int]) -> tuple[int, int]:
        """The same where those of each body count by themselves."""
        return self._told_apart(columns, ["_body"], "rows_by_body")

    def _told_apart(self, columns: Sequence[int], more: Sequence[str], table: str) -> tuple[int, int]:
        names = [f"c{place}" for place in columns]
        counts = f"count(*), count(DISTINCT ({', '.join((*names, *more))}))"
        filled = " AND ".join(f"{name} IS NOT NULL" for name in names)
        found = self._con.execute(f"SELECT {counts} FROM {table} WHERE {filled}").fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)


def find_key(sample: Sample, guesses: Sequence[Guess], words: Sequence[Sequence[str]]) -> Key:
    """The smallest key of a sample; equal rows count once, rows without a part of it not at all.

    A personal column is in no key: keys stand in logs, reports and the files of others.

    Args:
        words: of each column's heading.
    """
    rows = _Rows(sample, guesses)
    if rows.count < 2:
        return Key(notes=("guess: one row tells no key",))
    version = _version(guesses, words)
    candidates = [place for place in _candidates(rows, guesses, words) if place != version]
    free = [place for place in candidates if not guesses[place].column.personal]
    found = _smallest(rows, free, guesses, words, version)
    if free != candidates:
        other = _smallest(rows, candidates, guesses, words, version)
        if other is not None and (found is None or len(other.columns) < len(found.columns)):
            return _doubted(found or Key(), other, guesses)
    return found or Key()


def _doubted(key: Key, other: Key, guesses: Sequence[Guess]) -> Key:
    """A key with what is said of a smaller one that has personal columns."""
    named = " and ".join(guesses[place].column.name for place in other.columns)
    told = (
        f"doubtful: {named} would tell rows apart, but a key of personal values is none: ask the source for "
        "an identifier"
    )
    return replace(key, notes=(*key.notes, told))


def _smallest(
    rows: _Rows,
    candidates: Sequence[int],
    guesses: Sequence[Guess],
    words: Sequence[Sequence[str]],
    version: int | None,
) -> Key | None:
    """The first of the smallest keys; the likelier candidates stand first."""
    for size in range(1, _LARGEST_KEY + 1):
        for columns in itertools.combinations(candidates[:_MOST_CANDIDATES], size):
            if size == 1 and not _may_stand_alone(guesses[columns[0]], words[columns[0]]):
                continue
            key = _judged(rows, columns, version)
            if key is not None:
                return key
    return None


def _judged(rows: _Rows, columns: tuple[int, ...], version: int | None) -> Key | None:
    """The columns as a key, if they are one."""
    count, different = rows.told_apart(columns)
    by_body, in_bodies = rows.told_apart_by_body(columns)
    notes = tuple(_lacking(rows.count, count))
    if different == count:
        # A list that comes again unchanged, or nearly so, is whole in every body.
        again = by_body - count > _MANY * count
        told = f"guess: no two of {count:,} different rows share the key"
        return Key(columns, version if not again else None, again, (told, *notes))
    if in_bodies >= _ALMOST_ALL * by_body and in_bodies - different > _MANY * different:
        told = (
            "guess: hardly two rows of a body share the key, and most of "
            f"{different:,} keys are in several bodies"
        )
        return Key(columns, None, True, (told, *notes))
    if version is None or different <= _MANY * count or rows.told_apart(columns, version)[1] < count:
        return None
    told = f"guess: of {different:,} keys some have several versions, {count:,} in all"
    return Key(columns, version, False, (told, *notes))


def _lacking(rows: int, count: int) -> Iterator[str]:
    """What is said of the rows that a key was told by, and of those that lack it."""
    if count < rows:
        yield f"guess: a key, though {rows - count:,} of {rows:,} different rows lack a part of it"
    if count < _FEWEST_ROWS:
        yield f"guess: {count:,} rows are few to tell a key by"


def _candidates(rows: _Rows, guesses: Sequence[Guess], words: Sequence[Sequence[str]]) -> list[int]:
    """Columns that may be part of a key, the likelier first."""
    ranked = []
    for (place, guess), (filled, different, longest, digits) in zip(
        enumerate(guesses), rows.looks(len(guesses)), strict=True
    ):
        column = guess.column
        if column.type in ("boolean", "time", "number") or column.crs is not None:
            continue
        if filled < _FILLED * rows.count or different < 2 or longest > _LONGEST_TEXT:
            continue
        ranked.append((_rank(guess, words[place], digits > _NUMBERED * rows.count), place))
    return [place for _, place in sorted(ranked)]


def _rank(guess: Guess, words: Sequence[str], numbered: bool) -> int:
    """How likely a column is part of a key; the least is the likeliest."""
    column = guess.column
    if column.validators:
        return 2
    if _identifies(words):
        return 0
    if column.type in ("date", "timestamp"):
        return 1
    if column.codes:
        return 4
    if column.type == "string":
        return 1 if numbered else 3
    return 5


def _may_stand_alone(guess: Guess, words: Sequence[str]) -> bool:
    """A moment, a count or a text that happens to be unique is no key, unless nothing tells what it is."""
    untold = not any(words) and guess.column.type == "string"
    return _identifies(words) or bool(guess.column.validators) or untold


def _identifies(words: Sequence[str]) -> bool:
    return bool(words) and words[-1].endswith(_IDENTIFYING)


def _version(guesses: Sequence[Guess], words: Sequence[Sequence[str]]) -> int | None:
    """The column that tells when a row was last changed."""
    return next(iter(_versions(guesses, words)), None)


def _versions(guesses: Sequence[Guess], words: Sequence[Sequence[str]]) -> Iterator[int]:
    for place, guess in enumerate(guesses):
        said = {*words[place], *guess.column.name.split("_")}
        if guess.column.type in ("date", "timestamp") and guess.column.required and said & _VERSIONED:
            yield place
