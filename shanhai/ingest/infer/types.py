"""As which type a column of a sample can be read: true or false, numbers, moments, or texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.drift.readings import DECIMAL_COMMA, THOUSANDS
from shanhai.ingest.infer.looked import Looked, Texts
from shanhai.ingest.infer.moments import DATES, TIMESTAMPS, find_formats
from shanhai.ingest.infer.signs import (
    DAY_DIGITS,
    ISSUED,
    LONG_CODE,
    LONGEST_NUMBER,
    MOMENTS,
    MOST_CODES,
    NEARLY_ALL,
    SHORT_CODE,
    SLIPS,
    TEXTS,
    TRUTHS,
)
from shanhai.quality.expressions import one_of

_MONTH_AND_DAY = str.maketrans("dm", "md")
FOREIGN = {
    "a decimal comma": f"regexp_full_match(t, {quote_literal(DECIMAL_COMMA)})",
    "signs between thousands": f"regexp_full_match(t, {quote_literal(THOUSANDS)})",
}
"""How numbers are written elsewhere → SQL of whether a text `t` is."""
FILLED, TRUE_OR_FALSE, DIGITS = "TRUE", one_of("t", TRUTHS), "regexp_full_match(t, '[0-9]+')"
"""SQL of what is asked of every text."""
_NOTHING = "guess: nothing in the sample has a value, so that any type would do"


def guess_type(looked: Looked, texts: Texts, *, words: Sequence[str], told: str) -> tuple[Looked, Guess]:
    """The column as it is read from now on, and what is said of its type.

    Args:
        texts: what was counted of it.
        words: those of its texts that may mean that a value is missing: they do where all others have a
            type. In a text a slash may be a value.
        told: what was found out about its digits, if anything.
    """
    if not texts.filled:
        return looked, Guess(looked.column, (_NOTHING,))
    for tokens in ((), words) if words else ((),):
        read = looked.but(null_tokens=(*looked.column.null_tokens, *tokens))
        counted = read.count() if tokens else texts
        found = _as_type(read, counted) if counted.filled else None
        if found is not None:
            read, many, what = found
            notes = [f"guess: {many:,} of {counted.filled:,} sampled values are {what}"]
            notes += [f"guess: {told}, read as half-width ones"] if told else []
            notes += _other_order(read, many)
            return read, Guess(read.column, (*notes, *_missing(read)))
    return looked, Guess(looked.column, (*_foreign_numbers(looked, texts), *_missing(looked)))


def _foreign_numbers(looked: Looked, texts: Texts) -> Iterator[str]:
    """What is said of texts that are numbers elsewhere; digits alone are none of these."""
    for what, is_shaped in FOREIGN.items():
        many = looked.matching(is_shaped)
        if many and many + looked.but(type="number").fits() >= NEARLY_ALL * texts.filled:
            yield (
                f"guess: {many:,} of {texts.filled:,} sampled values look like numbers with {what}, which no "
                "contract reads: texts, until the source writes 1234.5"
            )
            return


def _missing(looked: Looked) -> tuple[str, ...]:
    tokens = looked.column.null_tokens
    listed = ", ".join(f"'{token}'" for token in tokens)
    return (f"guess: {listed} mean{'s' * (len(tokens) == 1)} missing",) if tokens else ()


def _as_type(looked: Looked, texts: Texts) -> tuple[Looked, int, str] | None:
    """The column read by a type, how many values that fits, and what they are then."""
    most = max(1, int(texts.filled * NEARLY_ALL))
    if _is_boolean(looked):
        read = looked.but(type="boolean")
        return read, read.fits(), "true or false"
    if not texts.zeros and not _is_issued(looked, texts):
        for kind, what in (("integer", "whole numbers"), ("number", "numbers")):
            read = looked.but(type=kind)
            many = read.fits()
            if texts.filled - many > SLIPS * texts.filled and texts.distinct <= MOST_CODES:
                continue  # a few words beside numbers: codes
            if many >= most and not (kind == "integer" and _is_day(looked, texts)):
                return read, many, what
    moment = _as_moment(looked, most) if texts.dated >= most else None
    if moment is None:
        return None
    column = moment.column
    told = f" in the formats {', '.join(column.formats)}" if column.formats else " in ISO 8601"
    return moment, moment.fits(), f"{column.type}s{told}"


def _as_moment(looked: Looked, most: int) -> Looked | None:
    """The column as a date, timestamp or time of day, if enough of its values are one."""
    for kind in ("date", "timestamp", "time"):
        read = looked.but(type=kind)
        if read.fits() >= most:
            return read
    seen = looked.some(f"ORDER BY hash(t) LIMIT {MOMENTS}")
    for kind, formats in (("date", DATES), ("timestamp", TIMESTAMPS)):
        chosen = find_formats(looked.sample.con, seen, formats, max(1, int(len(seen) * NEARLY_ALL)))
        if chosen and not (chosen == ("%Y%m%d",) and ISSUED & looked.words):
            read = looked.but(type=kind, formats=chosen)
            if read.fits() >= most:
                return read
    return None


def _other_order(looked: Looked, many: int) -> list[str]:
    """What is said of dates that are other ones where the month stands first, or the day."""
    formats = looked.column.formats
    swapped = tuple(one.translate(_MONTH_AND_DAY) for one in formats)
    usual = {*DATES, *TIMESTAMPS}
    if swapped == formats or not usual.issuperset(swapped) or looked.but(formats=swapped).fits() < many:
        return []
    return [f"guess: as many values are {looked.column.type}s in the formats {', '.join(swapped)}: ask"]


def _is_boolean(looked: Looked) -> bool:
    filled = looked.matching(FILLED)
    if looked.matching(TRUE_OR_FALSE) == filled:
        return True
    asked = bool({"is", "has", "是否", "有无"} & looked.words)
    return asked and looked.but(type="boolean").fits() == filled


def _is_issued(looked: Looked, texts: Texts) -> bool:
    """Whether digits are a code that somebody issues and no number: all of one length, and called so."""
    words = looked.reading.words
    digits = looked.matching(DIGITS)
    if digits >= NEARLY_ALL * texts.filled and words and words[-1].endswith(TEXTS):
        return True
    if digits < NEARLY_ALL * texts.filled or texts.alike < NEARLY_ALL * texts.filled:
        return texts.longest > LONGEST_NUMBER
    return texts.longest >= LONG_CODE or (texts.longest >= SHORT_CODE and bool(ISSUED & looked.words))


def _is_day(looked: Looked, texts: Texts) -> bool:
    """Whether numbers of eight digits are days written without signs between."""
    if texts.alike < texts.filled or texts.longest != DAY_DIGITS or ISSUED & looked.words:
        return False
    return looked.but(type="date", formats=("%Y%m%d",)).fits() >= NEARLY_ALL * texts.filled
