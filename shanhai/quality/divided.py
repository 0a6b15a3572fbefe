"""The table `divided`: every record as typed values, and the broken ones with all that they were."""

from __future__ import annotations

import duckdb

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.texts import BLANKS
from shanhai.quality.checked import BROKEN, layers, value_of
from shanhai.quality.rules import any_violation, rules_for, violation

DIVIDED = "divided"
BROKEN_ROWS = "broken"
MALFORMED = "malformed"
_ORIGIN = ("_body", "_malformed", "_raw")


def create_divided(con: duckdb.DuckDBPyConnection, contract: Contract, *, blanks: str = BLANKS) -> int:
    """Create the temporary table `divided` in one pass over the relation `raw`; returns how many records.

    It has the contract's columns with their typed values, in the order of `raw`, so that rowid + 1 is the
    position of a record; and `_was`: NULL in a good row, else the list of the record's texts as they were
    decoded, then of `_body`, `_malformed` and `_raw`. So the text of the many good rows is never stored, and
    that of the few others needs no second look.

    Args:
        con: keeps insertion order, and may spill.
        blanks: those of `BLANKS` that can occur in the texts.

    Raises:
        duckdb.InvalidInputException: `raw` is a view over malformed text, or a pattern is invalid.
    """
    columns = contract.columns
    texts = [f"_text{number}" for number in range(len(columns))]
    kept = ", ".join(
        f"{quote_identifier(column.name)} AS {text}" for column, text in zip(columns, texts, strict=True)
    )
    values = ", ".join(f"{value_of(column)} AS {quote_identifier(column.name)}" for column in columns)
    broken = f"_malformed IS NOT NULL OR {any_violation(contract)}"
    (rows,) = con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {DIVIDED} AS
        SELECT {values}, CASE WHEN {BROKEN} THEN [{", ".join((*texts, *_ORIGIN))}] END AS _was
        FROM (
            SELECT *, {broken} AS {BROKEN}
            FROM ({layers(contract, "raw", first=f"{kept}, {', '.join(_ORIGIN)}", blanks=blanks)})
        )
        """
    ).fetchone() or (0,)
    return int(rows)


def create_broken(con: duckdb.DuckDBPyConnection, contract: Contract) -> int:
    """Create the temporary table `broken` of the records that break a rule or are malformed; says how many.

    It has `_row`, counted from 0, the contract's columns as text, `_body`, `_malformed`, `_raw`, and
    `reasons`: the names of all rules that a record breaks.
    """
    names = [quote_identifier(name) for name in (*contract.names, *_ORIGIN)]
    apart = ", ".join(f"_was[{number}] AS {name}" for number, name in enumerate(names, start=1))
    # Rows gathered first: the rules cost as much for a vector of few rows as for a full one.
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE apart AS "
        f"SELECT _row, {apart} FROM (SELECT rowid AS _row, _was FROM {DIVIDED} WHERE _was IS NOT NULL)"
    )
    rules = rules_for(contract)
    named = ", ".join(
        f"CASE WHEN {violation(rule, contract)} THEN {quote_literal(rule.name)} END" for rule in rules
    )
    reasons = f"list_filter([{named}], lambda r: r IS NOT NULL)" if rules else "[]::VARCHAR[]"
    (rows,) = con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {BROKEN_ROWS} AS
        SELECT *,
               CASE WHEN _malformed IS NULL THEN {reasons} ELSE ['{MALFORMED}.' || _malformed] END
               AS reasons
        FROM apart
        """
    ).fetchone() or (0,)
    con.execute("DROP TABLE apart")
    return int(rows)
