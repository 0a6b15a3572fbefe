"""What a query in a contract may say: one SELECT over the delivery, of listed functions, and nothing else.

DuckDB's own parser takes the query apart, and everything that is found in it must be on a list here. What
the lists do not know is refused: new syntax, a function of a later version, an expression nobody thought of.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from shanhai.contracts.queries import DELIVERY_VIEW
from shanhai.errors import DeniedError
from shanhai.quality.query_words import ALL_FUNCTIONS, CLOCK_AND_SESSION, TABLE_FUNCTIONS

_QUERIES = ("SELECT_NODE", "SET_OPERATION_NODE")
_RELATIONS = ("BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "SUBQUERY", "TABLE_FUNCTION")
_MODIFIERS = ("DISTINCT_MODIFIER", "LIMIT_MODIFIER", "ORDER_MODIFIER")
_ORDERS = ("ASCENDING", "DESCENDING", "ORDER_DEFAULT")
_CLASSES = (
    *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"),
    *("FUNCTION", "LAMBDA", "OPERATOR", "STAR", "SUBQUERY", "WINDOW"),
)


def check_query(sql: str, columns: Collection[str]) -> None:
    """Refuse a query that could do anything but count in the relation `delivery`.

    Args:
        columns: the columns of `delivery`.

    Raises:
        DeniedError: the first thing in the query that is on no list, or it is no single SELECT.
    """
    try:
        for fault in _walk(_parsed(sql), frozenset({DELIVERY_VIEW}), columns):
            raise fault
    except RecursionError as error:
        raise _denied(
            "is nested too deeply", "hundreds of levels", "a query that a person can read"
        ) from error


def _parsed(sql: str) -> dict[str, Any]:
    import duckdb

    with duckdb.connect() as con:
        try:
            (text,) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone() or ("{}",)
        except duckdb.Error as error:
            raise _denied("cannot be parsed", type(error).__name__, "one SELECT") from error
    tree: dict[str, Any] = json.loads(text)
    if tree.get("error"):
        raise _denied("is no SELECT", tree.get("error_message", "").splitlines()[0], "one SELECT")
    statements = tree["statements"]
    if len(statements) != 1:
        raise _denied("has several statements", len(statements), "one SELECT")
    if statements[0].get("named_param_map"):
        raise _denied("has parameters", "a parameter", "a query that is complete")
    node: dict[str, Any] = statements[0]["node"]
    return node


def _walk(part: Any, known: frozenset[str], columns: Collection[str]) -> Iterator[DeniedError]:
    """Every fault below a part of the tree; `known` are the relations that can be named there."""
    if isinstance(part, list):
        for one in part:
            yield from _walk(one, known, columns)
    elif isinstance(part, dict):
        if "cte_map" in part:
            for entry in part["cte_map"]["map"]:
                # Its own name is no relation inside of it: there it would be one of the catalogue.
                yield from _walk(entry["value"], known, columns)
                known |= {entry["key"].lower()}
        yield from _faults(part, known, columns)
        for key, value in part.items():
            if key not in ("cte_map", "cast_type") and not (key == "value" and "class" in part):
                yield from _walk(value, known, columns)


def _faults(part: dict[str, Any], known: frozenset[str], columns: Collection[str]) -> Iterator[DeniedError]:
    kind = part.get("type")
    if part.get("sample"):
        yield _denied("takes a sample", "a sample", "every row")
    if '"UNBOUND"' in json.dumps(part.get("cast_type")):
        yield _denied("casts to a type that is none of the engine's own", "a named type", "INTEGER, DATE …")
    if "class" in part:
        yield from _expression(part, columns)
    elif isinstance(kind, str):
        yield from _relation(part, kind, known)


def _expression(part: dict[str, Any], columns: Collection[str]) -> Iterator[DeniedError]:
    found = part["class"]
    if found not in _CLASSES:
        yield _denied("has an expression that is not allowed", found.lower(), _CLASSES)
    if found == "COLUMN_REF":
        name = part["column_names"][-1].lower()
        if name in CLOCK_AND_SESSION and name not in columns:
            yield _denied("asks the clock or the session", name, "columns of the delivery")
    if found in ("FUNCTION", "WINDOW"):
        name = part["function_name"].lower()
        if part.get("schema") not in ("", "main") or part.get("catalog") not in ("", "system"):
            yield _denied("names the schema of a function", name, "the function's name alone")
        if name not in ALL_FUNCTIONS:
            yield _denied("calls a function that is not allowed", name, "see docs/reference/contract.md")


def _relation(part: dict[str, Any], kind: str, known: frozenset[str]) -> Iterator[DeniedError]:
    if kind not in (*_QUERIES, *_RELATIONS, *_MODIFIERS, *_ORDERS):
        yield _denied("has a part that is not allowed", kind.lower(), (*_QUERIES, *_RELATIONS))
    if kind == "TABLE_FUNCTION" and part["function"].get("function_name", "").lower() not in TABLE_FUNCTIONS:
        name = part["function"].get("function_name", "")
        yield _denied("reads from a function that is not allowed", name, TABLE_FUNCTIONS)
    if kind == "BASE_TABLE":
        schema = part.get("schema_name") or part.get("catalog_name")
        if schema or part["table_name"].lower() not in known or part.get("at_clause"):
            yield _denied("reads another relation", part["table_name"], sorted(known))


def _denied(what: str, given: object, allowed: object) -> DeniedError:
    return DeniedError(f"the query {what}", given=given, allowed=allowed)
