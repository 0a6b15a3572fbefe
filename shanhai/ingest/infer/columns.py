"""What each column of a sample is: type, formats, words for missing, codes, and whether it is personal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.model import Column, Validator
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.moments import DATES, TIMESTAMPS, find_formats
from shanhai.ingest.infer.sample import TABLE, Sample
from shanhai.ingest.infer.signs import (
    ALMOST_ALL,
    CODE_LENGTH,
    DATED,
    DAY_DIGITS,
    ERROR,
    FEWEST_PEOPLE,
    FREE,
    IDENTIFIERS,
    ISSUED,
    LONG_CODE,
    LONGEST_NUMBER,
    MISSING,
    MISSING_WORDS,
    MOMENTS,
    MOST_CODES,
    MOSTLY,
    NEARLY_ALL,
    RARE_CODES,
    ROWS_PER_CODE,
    SHAPES,
    SHORT_CODE,
    SLIPS,
    TEXTS,
    TRUTHS,
    WIDE,
)
from shanhai.quality.expressions import clean, one_of, typed
from shanhai.quality.identifiers import (
    REGISTER_TABLE,
    area_code,
    gb28181_id,
    resident_id,
    social_credit_code,
)


@dataclass(frozen=True)
class _Texts:
    """What was counted of the texts of a column; only well-formed rows are."""

    rows: int
    filled: int
    distinct: int
    longest: int
    alike: int
    dated: int
    zeros: int
    wide: int


def guess_columns(sample: Sample, readings: Sequence[Reading], names: Sequence[str]) -> list[Guess]:
    """A guess for each column of a sample, in its order."""
    return [
        _Looked(sample, number, reading).guess(name)
        for number, (reading, name) in enumerate(zip(readings, names, strict=True))
    ]


class _Looked:
    """One column being looked at."""

    def __init__(self, sample: Sample, number: int, reading: Reading) -> None:
        self._sample = sample
        self._reading = reading
        self._column = sample.reader.columns[number]
        self._told = ""

    def guess(self, name: str) -> Guess:
        title = self._sample.sources.titles[int(self._column.name[1:])]
        self._read_full_width()
        self._read_missing()
        texts = self._count()
        guess = self._typed(texts)
        guess = self._meant(guess, texts)
        guess = self._required(guess, texts)
        shown = title.rpartition(".")[2] if self._sample.sources.nested else title
        return guess.but(name=name, title=shown if not shown.startswith("#") else "")

    def _ask(self, select: str) -> tuple[Any, ...]:
        return (
            self._sample.con.execute(
                f"WITH cleaned AS (SELECT {self._text()} AS t FROM {TABLE}) SELECT {select} FROM cleaned"
            ).fetchone()
            or ()
        )

    def _text(self) -> str:
        """SQL of the cleaned text; what a spreadsheet writes for an error is none."""
        text = clean(self._column)
        return f"CASE WHEN NOT regexp_full_match({text}, {quote_literal(ERROR)}) THEN {text} END"

    def _fits(self, column: Column) -> int:
        found = self._sample.con.execute(
            f"SELECT count({typed(column, self._sample.reader)}) FROM {TABLE}"
        ).fetchone()
        return int(found[0]) if found else 0

    def _matching(self, condition: str) -> int:
        return int(self._ask(f"count(*) FILTER (WHERE t IS NOT NULL AND {condition})")[0])

    def _read_full_width(self) -> None:
        many = self._matching(f"regexp_matches(t, {quote_literal(WIDE)})")
        if many:
            half = self._column.model_copy(update={"full_width": True})
            for kind in ("integer", "number"):
                read = half.model_copy(update={"type": kind})
                if self._fits(read) > self._fits(self._column.model_copy(update={"type": kind})):
                    self._column = half
                    self._told = f"{many:,} values have full-width digits"
                    return

    def _read_missing(self) -> None:
        tokens = [str(word) for (word,) in self._present((*MISSING, *MISSING_WORDS))]
        usual = tuple(word for word in tokens if word in MISSING)
        self._tokens_if_typed = tuple(word for word in tokens if word in MISSING_WORDS)
        if usual:
            self._column = self._column.model_copy(update={"null_tokens": usual})

    def _present(self, words: Sequence[str]) -> list[tuple[Any, ...]]:
        listed = ", ".join(quote_literal(word) for word in words)
        return self._sample.con.execute(
            f"SELECT DISTINCT t FROM (SELECT {self._text()} AS t FROM {TABLE}) "
            f"WHERE t IN ({listed}) ORDER BY 1"
        ).fetchall()

    def _count(self) -> _Texts:
        found = self._ask(
            "count(*), count(t), count(DISTINCT t), coalesce(max(length(t)), 0), "
            "count(*) FILTER (WHERE length(t) = (SELECT mode(length(t)) FROM cleaned)), "
            f"count(*) FILTER (WHERE regexp_full_match(t, {quote_literal(DATED)})), "
            "count(*) FILTER (WHERE regexp_full_match(t, '0[0-9]+')), "
            "count(*) FILTER (WHERE regexp_matches(t, '[^ -~]'))"
        )
        return _Texts(*map(int, found))

    def _typed(self, texts: _Texts) -> Guess:
        if not texts.filled:
            return Guess(
                self._column, ("guess: nothing in the sample has a value, so that any type would do",)
            )
        for tokens in ((), self._tokens_if_typed):
            before = self._column
            self._column = before.model_copy(update={"null_tokens": (*before.null_tokens, *tokens)})
            counted = self._count() if tokens else texts
            found = self._as_type(counted) if counted.filled else None
            if found is not None:
                column, many, what = found
                notes = [f"guess: {many:,} of {counted.filled:,} sampled values are {what}"]
                notes += [f"guess: {self._told}, read as half-width ones"] if self._told else []
                notes += [_missing(column.null_tokens)] if column.null_tokens else []
                self._column = column
                return Guess(column, tuple(notes))
            self._column = before
            if not self._tokens_if_typed:
                break
        # In a text a slash may be a value: only what surely means missing stays.
        notes = [_missing(self._column.null_tokens)] if self._column.null_tokens else []
        return Guess(self._column, tuple(notes))

    def _as_type(self, texts: _Texts) -> tuple[Column, int, str] | None:
        most = max(1, int(texts.filled * NEARLY_ALL))
        words = set(self._reading.words)
        if self._is_boolean(words):
            column = self._column.model_copy(update={"type": "boolean"})
            return column, self._fits(column), "true or false"
        if not texts.zeros and not self._is_issued(texts, words):
            for kind, what in (("integer", "whole numbers"), ("number", "numbers")):
                column = self._column.model_copy(update={"type": kind})
                many = self._fits(column)
                if texts.filled - many > SLIPS * texts.filled and texts.distinct <= MOST_CODES:
                    continue  # a few words beside numbers: codes
                if many >= most and not (kind == "integer" and self._is_day(texts, words)):
                    return column, many, what
        moment = self._as_moment(texts, words, most) if texts.dated >= most else None
        if moment is None:
            return None
        told = f" in the formats {', '.join(moment.formats)}" if moment.formats else " in ISO 8601"
        return moment, self._fits(moment), f"{moment.type}s{told}"

    def _as_moment(self, texts: _Texts, words: set[str], most: int) -> Column | None:
        """The column as a date, timestamp or time of day, if enough of its values are one."""
        for kind in ("date", "timestamp", "time"):
            read = self._column.model_copy(update={"type": kind})
            if self._fits(read) >= most:
                return read
        found = self._sample.con.execute(
            f"SELECT DISTINCT t FROM (SELECT {self._text()} AS t FROM {TABLE}) WHERE t IS NOT NULL "
            f"ORDER BY hash(t) LIMIT {MOMENTS}"
        ).fetchall()
        seen = [str(text) for (text,) in found]
        for kind, formats in (("date", DATES), ("timestamp", TIMESTAMPS)):
            chosen = find_formats(self._sample.con, seen, formats, max(1, int(len(seen) * NEARLY_ALL)))
            if chosen and not (chosen == ("%Y%m%d",) and ISSUED & words):
                read = self._column.model_copy(update={"type": kind, "formats": chosen})
                if self._fits(read) >= most:
                    return read
        return None

    def _is_boolean(self, words: set[str]) -> bool:
        listed = self._matching(one_of("t", TRUTHS))
        column = self._column.model_copy(update={"type": "boolean"})
        filled = self._matching("TRUE")
        if listed == filled:
            return True
        asked = bool({"is", "has", "是否", "有无"} & words)
        return asked and self._fits(column) == filled

    def _is_issued(self, texts: _Texts, words: set[str]) -> bool:
        """Whether digits are a code that somebody issues and no number: all of one length, and called so."""
        digits = self._matching("regexp_full_match(t, '[0-9]+')")
        if digits >= NEARLY_ALL * texts.filled and words and self._reading.words[-1].endswith(TEXTS):
            return True
        if digits < NEARLY_ALL * texts.filled or texts.alike < NEARLY_ALL * texts.filled:
            return texts.longest > LONGEST_NUMBER
        return texts.longest >= LONG_CODE or (texts.longest >= SHORT_CODE and bool(ISSUED & words))

    def _is_day(self, texts: _Texts, words: set[str]) -> bool:
        """Whether numbers of eight digits are days written without signs between."""
        if texts.alike < texts.filled or texts.longest != DAY_DIGITS or ISSUED & words:
            return False
        day = self._column.model_copy(update={"type": "date", "formats": ("%Y%m%d",)})
        return self._fits(day) >= NEARLY_ALL * texts.filled

    def _meant(self, guess: Guess, texts: _Texts) -> Guess:
        if guess.column.type in ("integer", "number"):
            return self._measured(guess)
        if guess.column.type != "string" or not texts.filled:
            return self._private(guess) if self._reading.is_personal else guess
        for validator, many in self._validated(texts):
            guess = guess.but(
                f"guess: {many:,} of {texts.filled:,} sampled values pass {validator}",
                validators=(validator,),
            )
            return self._private(guess, "resident ids") if validator == "resident_id" else guess
        if self._reading.is_personal:
            return self._private(guess)
        what = self._people(texts)
        return self._private(guess, what) if what else self._coded(guess, texts)

    def _people(self, texts: _Texts) -> str:
        """What of people the values look like; empty: like nothing that is known."""
        if texts.distinct < FEWEST_PEOPLE:
            return ""
        for what, shape in SHAPES:
            if self._matching(f"regexp_full_match(t, {quote_literal(shape)})") >= MOSTLY * texts.filled:
                return what
        return ""

    def _validated(self, texts: _Texts) -> Iterator[tuple[Validator, int]]:
        tests = {
            "resident_id": resident_id("t"),
            "social_credit_code": social_credit_code("t"),
            "gb28181_id": gb28181_id("t"),
            "area_code": f"(length(t) IN (6, 9, 12) AND {area_code('t')})",
        }
        lengths = {"resident_id": 18, "social_credit_code": 18, "gb28181_id": 20, "area_code": 12}
        for validator, test in tests.items():
            if texts.longest < lengths[validator] and validator != "area_code":
                continue
            if validator in ("gb28181_id", "area_code") and not self._has_register():
                continue
            many = self._matching(test)
            if many >= IDENTIFIERS * texts.filled:
                yield validator, many  # type: ignore[misc]

    def _has_register(self) -> bool:
        found = self._sample.con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REGISTER_TABLE]
        ).fetchone()
        return bool(found and found[0])

    def _private(self, guess: Guess, what: str = "") -> Guess:
        told = f"guess: looks like {what}" if what else "guess: its heading speaks of people"
        return guess.but(f"{told}, so that it is personal", personal=True, classification="important")

    def _measured(self, guess: Guess) -> Guess:
        unit = self._reading.unit
        if self._reading.axis is not None:
            return guess
        if self._reading.is_personal:
            guess = self._private(guess)
        elif guess.column.type in ("integer", "number"):
            value = typed(guess.column, self._sample.reader)
            low, high = self._sample.con.execute(
                f"SELECT min({value}), max({value}) FROM {TABLE}"
            ).fetchone() or (None, None)
            guess = guess.but(
                f"range seen: logicalTypeOptions: {{minimum: {low:.12g}, maximum: {high:.12g}}}"
            )
        return guess.but(f"guess: the heading names the unit {unit}", unit=unit) if unit else guess

    def _coded(self, guess: Guess, texts: _Texts) -> Guess:
        if (
            not 1 < texts.distinct <= MOST_CODES
            or texts.longest > CODE_LENGTH
            or texts.filled < ROWS_PER_CODE * texts.distinct
            or FREE & set(self._reading.words)
        ):
            return self._shaped(guess, texts)
        found = self._sample.con.execute(
            f"SELECT t, count(*) FROM (SELECT {self._text()} AS t FROM {TABLE}) WHERE t IS NOT NULL "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        counted = {str(code): int(many) for code, many in found}
        if self._tells_bodies_apart(len(counted)):
            return guess
        if sum(len(re.findall("[0-9]", code)) > 1 for code in counted) > len(counted) / 2:
            return self._shaped(guess, texts)  # names of things that are numbered
        codes = tuple(code for code, many in counted.items() if many >= RARE_CODES * texts.filled)
        codes = codes if len(codes) > 1 else tuple(counted)
        rare = [f"{code} ({many:,})" for code, many in counted.items() if code not in codes]
        told = f"; so rare that they are left out: {', '.join(rare)}" if rare else ""
        note = f"guess: the sampled values are a list of {len(codes)} codes{told}"
        return guess.but(note, codes=codes)

    def _tells_bodies_apart(self, distinct: int) -> bool:
        """Whether each body has one value throughout, so that the other bodies have others."""
        text = self._text()
        found = self._sample.con.execute(
            f"SELECT count(DISTINCT _body), count(DISTINCT (_body, {text})) FROM {TABLE}"
        ).fetchone() or (0, 0)
        return 1 < int(found[0]) == int(found[1]) and distinct > 1

    def _shaped(self, guess: Guess, texts: _Texts) -> Guess:
        """A pattern as a comment: whether later values keep to it, a sample does not tell."""
        words = set(self._reading.words)
        digits = self._matching(f"regexp_matches(t, {quote_literal(WIDE)})")
        if digits and ISSUED & words:
            guess = guess.but(
                f"guess: {digits:,} values have full-width digits, read as half-width", full_width=True
            )
        if texts.distinct < 5 or not ISSUED & words or texts.wide:
            return guess
        found = self._sample.con.execute(
            f"SELECT DISTINCT t FROM (SELECT {self._text()} AS t FROM {TABLE}) WHERE t IS NOT NULL LIMIT 2000"
        ).fetchall()
        shapes = {re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "9", str(text))) for (text,) in found}
        if len(shapes) != 1:
            return guess
        texts_seen = [str(text) for (text,) in found]
        prefix = texts_seen[0]
        for text in texts_seen:
            while not text.startswith(prefix):
                prefix = prefix[:-1]
        letters = re.match(r"[A-Za-z]*", prefix)
        fixed = letters.group() if letters else ""
        rest = re.sub(r"9+", lambda run: rf"\d{{{len(run.group())}}}", next(iter(shapes))[len(fixed) :])
        rest = re.sub(r"A+", lambda run: rf"[A-Z]{{{len(run.group())}}}", rest)
        return guess.but(f"shape seen: logicalTypeOptions: {{pattern: '^{fixed}{rest}$'}}")

    def _required(self, guess: Guess, texts: _Texts) -> Guess:
        texts = self._count() if guess.column.null_tokens else texts
        empty = texts.rows - texts.filled
        if not empty:
            return guess.but(required=True)
        told = f"{empty:,} of {texts.rows:,} sampled rows have no value"
        if texts.filled >= ALMOST_ALL * texts.rows:
            return guess.but(f"guess: required, though {told}", required=True)
        return guess.but(told)


def _missing(tokens: Sequence[str]) -> str:
    return f"guess: {_listed(tokens)} mean{'s' * (len(tokens) == 1)} missing"


def _listed(tokens: Sequence[str]) -> str:
    return ", ".join(f"'{token}'" for token in tokens)
