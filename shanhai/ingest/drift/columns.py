"""Columns that are of another type, with new codes, or with new texts for what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanhai.contracts.model import Column
from shanhai.contracts.proposals import AddCodes, AddNullTokens, RetypeColumn
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.ingest.drift.look import Look
from shanhai.ingest.drift.readings import ISO, MISSING_WORDS, TEXT, UNIT, Reading, readings
from shanhai.quality.checked import CHECKED
from shanhai.quality.difference import Difference, differs
from shanhai.quality.rules import Rule, checked_violation, rules_for

if TYPE_CHECKING:
    import duckdb

_MOST_TEXTS = 2000
_READS_SO = 0.9
_MOST = 0.5
_MOST_CODES = 20
_CODES_SHOWN = 10
_LONGEST_CODE = 32
_MANY_DIGITS = re.compile(r"\d{7}")
"""Of a telephone number, an account, a person."""
_TIMES_SEEN = 3
_LONGEST_UNIT = 8
_MOST_UNITS = 3


@dataclass(frozen=True)
class _Broken:
    """A rule that many rows break; `failing` is SQL over `checked` that finds them."""

    column: Column
    rule: Rule
    rows: int
    failing: str


def column_differences(look: Look, con: duckdb.DuckDBPyConnection) -> tuple[Difference, ...]:
    """What the values of columns differ in; looks only at rules that many rows break.

    Args:
        con: has the view `checked` of the delivery.
    """
    return tuple(difference for broken in _broken(look) for difference in _differs(look, con, broken))


def _broken(look: Look) -> Iterator[_Broken]:
    for rule in rules_for(look.contract):
        rows = look.staging.counts.get(rule.name, 0)
        if look.is_many(rows):
            condition = checked_violation(rule, look.contract)
            yield _Broken(look.contract.column(rule.column), rule, rows, condition)


def _differs(look: Look, con: duckdb.DuckDBPyConnection, broken: _Broken) -> Iterator[Difference]:
    match broken.rule.kind:
        case "required":  # an empty cell reads like nothing else; a column without any is told elsewhere
            return
        case "type":
            yield from _of_type(look, con, broken)
        case "codes":
            yield from _of_codes(look, con, broken)
        case "range" | "longitude" | "latitude":
            yield from _of_most(look, broken, "range")
        case _:
            yield from _of_most(look, broken, "form")


def _of_most(look: Look, broken: _Broken, reading: str) -> Iterator[Difference]:
    """A rule that most rows break, of a kind that tells nothing more; of all rows, a tenth at least."""
    if look.is_much(broken.rows) and broken.rows >= _MOST * look.staging.well_formed:
        told = {"rows": broken.rows, "of_rows": look.staging.well_formed}
        yield differs(
            "retyped_column", reading, columns=(broken.column.name,), allowed=broken.rule.kind, **told
        )


def _of_type(look: Look, con: duckdb.DuckDBPyConnection, broken: _Broken) -> Iterator[Difference]:
    missing = _missing(look, con, broken)
    left = broken.rows
    if missing is not None:
        yield missing
        left -= missing.rows or 0
    if not look.is_much(left):
        return
    name = quote_identifier(broken.column.name)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _failing AS SELECT {name} AS {TEXT} FROM {CHECKED} "
        f"WHERE {broken.failing} AND {name} NOT IN ({_listed(MISSING_WORDS)}) LIMIT {_MOST_TEXTS}"
    )
    found, is_sure = _best(look, con, broken.column, left == look.staging.well_formed)
    if found is not None:
        yield _retyped(look, con, broken.column, found, left, is_sure)
    elif left >= _MOST * look.staging.well_formed:
        yield _other_text(look, broken.column, left)


def _best(
    look: Look, con: duckdb.DuckDBPyConnection, column: Column, is_all: bool
) -> tuple[Reading | None, bool]:
    """The reading of nearly all texts, and whether it is the only one.

    Args:
        is_all: whether no row has a value of the column's type.
    """
    candidates = readings(column, look.contract)
    if not is_all:
        # What a contract states for the others must stay, and ISO 8601 stands alone.
        candidates = [reading for reading in candidates if reading.given != ISO]
    counts = ", ".join(f"count(*) FILTER ({reading.sql})" for reading in candidates)
    total, *numbers = con.execute(f"SELECT count(*), {counts} FROM _failing").fetchone() or (0,)
    likely = sorted(zip(candidates, numbers, strict=True), key=lambda pair: -pair[1])
    for reading, count in likely:
        if not total or count < _READS_SO * total:
            break
        if _times(con, reading) >= _READS_SO * total:
            rivals = [other for other, number in likely if number == count and other.given != ISO]
            return reading, len(rivals) <= 1
    return None, False


def _times(con: duckdb.DuckDBPyConnection, reading: Reading) -> int:
    """How many texts staging would read so."""
    (times,) = con.execute(
        f"SELECT count(*) FILTER ({reading.exact or reading.sql}) FROM _failing"
    ).fetchone() or (0,)
    return int(times)


def _retyped(
    look: Look, con: duckdb.DuckDBPyConnection, column: Column, found: Reading, rows: int, is_sure: bool
) -> Difference:
    name, given = found.name, found.given
    if name == "unit":
        given = _units(con) if column.tells_values else ""
        name = "unit" if given else "hidden_unit"
    return differs(
        "retyped_column",
        name,
        columns=(column.name,),
        given=given,
        allowed=_stated(column),
        rows=rows,
        of_rows=look.staging.well_formed,
        certainty="seen" if is_sure else "guess",
        proposal=found.proposal,
    )


def _other_text(look: Look, column: Column, rows: int) -> Difference:
    return differs(
        "retyped_column",
        "text",
        columns=(column.name,),
        allowed=_stated(column),
        rows=rows,
        of_rows=look.staging.well_formed,
        certainty="guess",
        proposal=RetypeColumn(column=column.name, type="string"),
    )


def _units(con: duckdb.DuckDBPyConnection) -> str:
    """The units behind the numbers, if there are few."""
    found = con.execute(
        f"SELECT DISTINCT trim(regexp_extract({TEXT}, {quote_literal(UNIT)}, 1)) AS unit FROM _failing "
        f"WHERE regexp_full_match({TEXT}, {quote_literal(UNIT)}) ORDER BY unit LIMIT {_MOST_UNITS + 1}"
    ).fetchall()
    units = [unit for (unit,) in found]
    is_told = len(units) <= _MOST_UNITS and all(len(unit) <= _LONGEST_UNIT for unit in units)
    return ", ".join(units) if is_told else ""


def _missing(look: Look, con: duckdb.DuckDBPyConnection, broken: _Broken) -> Difference | None:
    name = quote_identifier(broken.column.name)
    found = con.execute(
        f"SELECT {name}, count(*) FROM {CHECKED} WHERE {broken.failing} "
        f"AND {name} IN ({_listed(MISSING_WORDS)}) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    rows = sum(count for _, count in found)
    if not look.is_many(rows):
        return None
    words = tuple(word for word, count in found if look.is_many(count)) or (found[0][0],)
    return differs(
        "new_missing",
        columns=(broken.column.name,),
        given=", ".join(words),
        rows=rows,
        of_rows=look.staging.well_formed,
        proposal=AddNullTokens(column=broken.column.name, tokens=words),
    )


def _of_codes(look: Look, con: duckdb.DuckDBPyConnection, broken: _Broken) -> Iterator[Difference]:
    missing = _missing(look, con, broken)
    if missing is not None:
        yield missing
    rows = broken.rows - (missing.rows or 0 if missing else 0)
    if not look.is_many(rows):
        return
    name, told = broken.column.name, {"rows": rows, "of_rows": look.staging.well_formed}
    if not broken.column.tells_values:
        yield differs("new_codes", "hidden", columns=(name,), **told)
        return
    codes = _codes(look, con, broken)
    if codes is None:
        yield differs("new_codes", "text", columns=(name,), **told)
    elif not codes:
        yield differs("new_codes", "hidden", columns=(name,), **told)
    else:
        yield differs(
            "new_codes",
            "many" if len(codes) > _CODES_SHOWN else "",
            columns=(name,),
            given=", ".join(codes[:_CODES_SHOWN]),
            **told,
            proposal=AddCodes(column=name, codes=codes),
        )


def _codes(look: Look, con: duckdb.DuckDBPyConnection, broken: _Broken) -> tuple[str, ...] | None:
    """New codes that come several times, the most frequent first; None: the texts are no codes.

    Only rows that break no other rule are looked at: where the cells of a record are shifted, the text in
    this column may be a value of another one, of a person even.
    """
    name = quote_identifier(broken.column.name)
    others = [rule for rule in rules_for(look.contract) if rule.column != broken.column.name]
    apart = " OR ".join(checked_violation(rule, look.contract) for rule in others) or "FALSE"
    found = con.execute(
        f"SELECT {name}, count(*) FROM {CHECKED} WHERE {broken.failing} AND NOT ({apart}) "
        f"AND {name} NOT IN ({_listed(MISSING_WORDS)}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MOST_CODES + 1}"
    ).fetchall()
    texts = tuple(text for text, _ in found)
    if len(found) > _MOST_CODES or not all(map(_is_code, texts)) or _are_elsewhere(look, con, texts):
        return None
    return tuple(text for text, count in found if count >= _TIMES_SEEN)


def _is_code(text: str) -> bool:
    return len(text) <= _LONGEST_CODE and text.isprintable() and not _MANY_DIGITS.search(text)


def _are_elsewhere(look: Look, con: duckdb.DuckDBPyConnection, texts: tuple[str, ...]) -> bool:
    """Whether one of these texts is or has a value of a column of which nothing is told.

    Single characters and short numbers are in other texts by chance.
    """
    hidden = [quote_identifier(column.name) for column in look.contract.columns if not column.tells_values]
    if not hidden or not texts:
        return False
    whole = " OR ".join(f"{name} IN ({_listed(texts)})" for name in hidden)
    said = quote_literal("\n".join(texts))
    part = " OR ".join(f"(contains({said}, {name}) AND {_is_telling(name)})" for name in hidden)
    among = f"{whole} OR {part}"
    return con.execute(f"SELECT 1 FROM {CHECKED} WHERE {among} LIMIT 1").fetchone() is not None


def _is_telling(name: str) -> str:
    return rf"NOT regexp_full_match({name}, '(?s).|\d{{1,4}}')"


def _stated(column: Column) -> str:
    return f"{column.type} ({', '.join(column.formats)})" if column.formats else column.type


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(quote_literal(word) for word in words)
