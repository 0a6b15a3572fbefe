"""Every record as typed values, and the broken ones with all that they were: SQL over the relation `raw`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.schema import duckdb_type
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.texts import BLANKS
from shanhai.quality.checked import BROKEN, layers, value_of
from shanhai.quality.rules import any_violation, checked_violation, rules_for

if TYPE_CHECKING:
    import duckdb

WAS = "_was"
HASH = "_hash"
BROKEN_ROWS = "broken"
REASONS = "_reasons"
MALFORMED = "malformed"
_ORIGIN = ("_body", "_malformed", "_raw")


def divided_select(
    contract: Contract, *, hashed: Sequence[str] = (), blanks: str = BLANKS, bits: int = 64
) -> str:
    """A query for each record of `raw`, in its order.

    It gives the contract's columns with their typed values, and `_was`: NULL in a good row, else the list of
    the record's texts as they were decoded, then of `_body`, `_malformed` and `_raw`. So the text of the many
    good rows is never stored, and that of the few others needs no second look.

    Args:
        hashed: columns whose values are hashed together as `_hash`; without any there is no such column.
        blanks: those of `BLANKS` that can occur in the texts.
        bits: of the hash.
    """
    columns = contract.columns
    texts = [f"_text{number}" for number in range(len(columns))]
    kept = ", ".join(
        f"{quote_identifier(column.name)} AS {text}" for column, text in zip(columns, texts, strict=True)
    )
    values = [f"{_stored(column)} AS {quote_identifier(column.name)}" for column in columns]
    values.append(f"CASE WHEN {BROKEN} THEN [{', '.join((*texts, *_ORIGIN))}] END AS {WAS}")
    if hashed:
        among = ", ".join(value_of(contract.column(name)) for name in hashed)
        values.append(f"hash({among}) & {2**bits - 1}::UBIGINT AS {HASH}")
    broken = f"_malformed IS NOT NULL OR {any_violation(contract)}"
    return f"""
        SELECT {", ".join(values)}
        FROM (
            SELECT *, {broken} AS {BROKEN}
            FROM ({layers(contract, "raw", first=f"{kept}, {', '.join(_ORIGIN)}", blanks=blanks)})
        )
    """


def create_broken(con: duckdb.DuckDBPyConnection, contract: Contract, records: str) -> int:
    """Create the temporary table `broken` of the records that break a rule or are malformed; says how many.

    It has `_row`, counted from 0, the contract's columns as text, `_body`, `_malformed`, `_raw`, and
    `_reasons`: the names of all rules that a record breaks.

    Args:
        records: SQL of a relation of `_row` and `_was`.
    """
    names = [quote_identifier(name) for name in (*contract.names, *_ORIGIN)]
    apart = ", ".join(f"{WAS}[{number}] AS {name}" for number, name in enumerate(names, start=1))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {BROKEN_ROWS} AS SELECT _row, {apart} FROM {records}")
    rules = rules_for(contract)
    named = ", ".join(
        f"CASE WHEN {checked_violation(rule, contract)} THEN {quote_literal(rule.name)} END" for rule in rules
    )
    reasons = f"list_filter([{named}], lambda r: r IS NOT NULL)" if rules else "[]::VARCHAR[]"
    texts = layers(contract, BROKEN_ROWS, first="_row, _malformed")
    (rows,) = con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {BROKEN_ROWS} AS
        SELECT {BROKEN_ROWS}.*, {REASONS}
        FROM {BROKEN_ROWS} JOIN (
            SELECT _row, CASE WHEN _malformed IS NULL THEN {reasons} ELSE ['{MALFORMED}.' || _malformed] END
                   AS {REASONS}
            FROM ({texts})
        ) USING (_row)
        """
    ).fetchone() or (0,)
    return int(rows)


def _stored(column: Column) -> str:
    """The value as the lake has it: it knows no time of day."""
    value = value_of(column)
    return f"CAST({value} AS {duckdb_type(column)})" if column.type == "time" else value
