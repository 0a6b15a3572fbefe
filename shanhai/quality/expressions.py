"""From raw text to a typed value: SQL per column that never raises, whatever the text."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.texts import BLANKS, FALSE_TEXTS, FULL_WIDTH, HALF_WIDTH, TRUE_TEXTS
from shanhai.quality.moments import date_value, time_value, timestamp_value

VALUE_SUFFIX = "__value"
"""In `checked`, the typed value of column `x` is `x__value`."""
_LOOKED_THROUGH = 64
"""Words that are compared one by one; more are found faster by a join."""


def clean(column: Column, *, blanks: str = BLANKS) -> str:
    """SQL for the text of `column` without blanks around it; NULL when it is missing.

    Missing are an absent field, blanks only, and the contract's null tokens. Where the contract says
    so, full-width letters, digits and signs become half-width first, in the tokens too.

    Args:
        blanks: those of `BLANKS` that can occur in the texts at all; the fewer, the less is looked for.
    """
    text = quote_identifier(column.name)
    tokens = ("", *column.null_tokens)
    if column.full_width:
        text = f"translate({text}, {quote_literal(FULL_WIDTH)}, {quote_literal(HALF_WIDTH)})"
        tokens = tuple(_half_width(token) for token in tokens)
        blanks = BLANKS
    unique = tuple(dict.fromkeys(token.strip(BLANKS) for token in tokens))
    if len(unique) == 1:
        return _trimmed(text, blanks, "nullif({}, '')")
    trimmed = _trimmed(text, blanks)
    return f"(CASE WHEN {one_of(trimmed, unique)} THEN NULL ELSE {trimmed} END)"


def one_of(text: str, words: Sequence[str]) -> str:
    """SQL that is TRUE where `text` is one of `words`, FALSE where it is another, NULL where it is missing.

    A short list is looked through. IN would become a join, which costs more, and loses the order of rows
    that several threads read.
    """
    listed = ", ".join(quote_literal(word) for word in words)
    if len(words) > _LOOKED_THROUGH:
        return f"{text} IN ({listed})"
    return f"list_contains([{listed}], {text})"


def first_cast(column: Column, text: str) -> str | None:
    """SQL of the cast that the value of `column` begins with, if it begins with one.

    It takes texts that are no such value: only `typed` knows which. Who has a place to keep it gives it to
    `typed`, so that a text is cast once.

    Args:
        text: SQL of the cleaned text.
    """
    match column.type:
        case "integer":
            return f"TRY_CAST({text} AS BIGINT)"
        case "number" if column.precision is None:
            return f"TRY_CAST({text} AS DOUBLE)"
        case "timestamp" if not column.formats:
            return f"TRY_CAST({text} AS TIMESTAMP)"
        case _:
            return None


def typed(column: Column, contract: Contract, *, text: str | None = None, cast: str | None = None) -> str:
    """SQL for the value of `column`; NULL when it is missing or not of its type.

    Args:
        text: SQL of the cleaned text; by default `clean(column)`.
        cast: SQL of `first_cast`, where it is kept.

    Raises:
        ConfigurationError: the column's time zone does not exist.
    """
    text = clean(column) if text is None else text
    cast = cast or first_cast(column, text) or text
    match column.type:
        case "string":
            return text
        case "integer":
            return _integer(text, cast)
        case "number" if column.precision is not None:
            return _decimal(text, *column.precision)
        case "number":
            return _double(text, cast)
        case "boolean":
            return _boolean(text)
        case "date":
            return date_value(text, column.formats)
        case "timestamp":
            zone = column.time_zone or contract.time_zone
            return timestamp_value(text, column.formats, zone, cast=cast)
        case "time":
            return time_value(text, column.formats)


def _trimmed(text: str, blanks: str, made: str = "{}") -> str:
    """The text without blanks around it, `made` into something else where it may be empty."""
    # trim() with a list of characters costs 150 ns a row, looking whether it is needed 2 ns for each end.
    ends = [f"{text} < '!'"]
    ends += [f"prefix({text}, {quote_literal(blank)})" for blank in blanks if blank > "\x7f"]
    ends += [f"suffix({text}, {quote_literal(blank)})" for blank in blanks]
    bare = made.format(f"trim({text}, {quote_literal(BLANKS)})")
    return f"(CASE WHEN {' OR '.join(ends)} THEN {bare} ELSE {text} END)"


def _half_width(text: str) -> str:
    return text.translate(str.maketrans(FULL_WIDTH, HALF_WIDTH))


def _integer(text: str, cast: str) -> str:
    # The cast alone takes '2.5' (as 3), '1e3', '0x10' and '1_000'. Most are written as their value is.
    usual = f"CAST({cast} AS VARCHAR) = {text}"
    return f"(CASE WHEN {usual} OR regexp_full_match({text}, '[+-]?[0-9]+') THEN {cast} END)"


def _double(text: str, cast: str) -> str:
    # The cast alone takes 'inf', 'nan', '1_000', '+-5' and, as infinity, '1e400'.
    foreign = f"contains({text}, '_') OR contains({text}, '+-')"
    return f"(CASE WHEN isfinite({cast}) AND NOT ({foreign}) THEN {cast} END)"


def _decimal(text: str, digits: int, decimals: int) -> str:
    # The cast alone rounds excess decimals; zeros beyond the scale lose nothing and are welcome.
    shape = "[+-]?([0-9]+([.]0*)?|[.]0+)"
    if decimals:
        shape = f"[+-]?([0-9]+([.][0-9]{{0,{decimals}}}0*)?|[.][0-9]{{1,{decimals}}}0*)"
    value = f"TRY_CAST({text} AS DECIMAL({digits}, {decimals}))"
    return f"(CASE WHEN regexp_full_match({text}, {quote_literal(shape)}) THEN {value} END)"


def _boolean(text: str) -> str:
    return f"(CASE WHEN {one_of(text, TRUE_TEXTS)} THEN TRUE WHEN {one_of(text, FALSE_TEXTS)} THEN FALSE END)"
