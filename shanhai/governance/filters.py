"""Which rows leave: a condition over the contract's own columns, taken apart before it enters a statement.

DuckDB's parser takes the text apart; each part must be on a list here and of the kind that its place wants.
Kinds are checked because the engine would convert the column otherwise, and quote a value of it when that
fails; of exact numbers also the digits, since it brings both sides to one DECIMAL. Nothing in the lists can
fail on a value, see a file, the clock, the session or another relation.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from shanhai.contracts.model import Column, ColumnType
from shanhai.errors import as_typed
from shanhai.governance.refusals import ShapeRefusedError

if TYPE_CHECKING:
    import duckdb

Kind = Literal["text", "number", "double", "truth", "date", "instant", "place"]
"""`number` is exact; `place` is a whole constant, of a character in a text."""

MOST_CHARACTERS = 4096
"""As many as a grant can state."""

_MOST_DIGITS = 38
"""Of a DECIMAL of DuckDB; what two sides of a comparison need together."""
_MOST_OF_CONSTANT = 18
_WHOLE_DIGITS = 19
"""Of a BIGINT."""
_MOST_PLACE = 4096

_OF_COLUMN: dict[ColumnType, Kind] = {
    "string": "text",
    "time": "text",
    "integer": "number",
    "number": "double",
    "boolean": "truth",
    "date": "date",
    "timestamp": "instant",
}
_OF_CONSTANT: dict[str, Kind] = {
    "VARCHAR": "text",
    **dict.fromkeys(("INTEGER", "BIGINT", "DECIMAL"), "number"),
    "DOUBLE": "double",
}
_OF_LITERAL: dict[str, Kind] = {"BOOLEAN": "truth", "DATE": "date", "TIMESTAMP WITH TIME ZONE": "instant"}

FUNCTIONS: Mapping[str, tuple[tuple[Kind, ...], Kind]] = {
    **dict.fromkeys(
        ("~~", "!~~", "starts_with", "ends_with", "contains", "prefix", "suffix"), (("text", "text"), "truth")
    ),
    **dict.fromkeys(("lower", "upper"), (("text",), "text")),
    "length": (("text",), "number"),
    **dict.fromkeys(("left", "right"), (("text", "place"), "text")),
    **dict.fromkeys(("substr", "substring"), (("text", "place", "place"), "text")),
    **dict.fromkeys(("year", "month", "day"), (("date",), "number")),
}
"""What a condition may call, by the kinds of its arguments; `~~` and `!~~` are LIKE and NOT LIKE."""


@dataclass(frozen=True)
class RowFilter:
    """A condition that `read_filter` let pass, and the columns whose original values it looks at."""

    text: str
    columns: frozenset[str]


def read_filter(text: str, columns: Sequence[Column]) -> RowFilter:
    """Take a condition apart, such as `status = 'closed' AND opened_date >= DATE '2026-01-01'`.

    Args:
        columns: all columns of the dataset, also those that do not leave.

    Raises:
        ShapeRefusedError: `row-filter-not-allowed`, with the first part that is on no list; `column-unknown`.
            Constants of the condition are not repeated.
    """
    if not text.strip() or len(text) > MOST_CHARACTERS or _is_deceptive(text):
        raise _refused("form", f"{len(text)} characters", f"one line of 1 to {MOST_CHARACTERS} characters")
    reader = _Reader({column.name: _of_column(column) for column in columns})
    try:
        if reader.typed(_parsed(text)).kind != "truth":
            raise _refused("result", "a value", "a condition")
    except RecursionError as error:
        raise _refused("depth", "hundreds of levels", "a condition that a person can read") from error
    return RowFilter(text, frozenset(reader.seen))


@dataclass(frozen=True)
class _Typed:
    """The kind of a part; of an exact number also its digits before and after the point, at most."""

    kind: Kind
    before: int = 0
    after: int = 0


_TRUTH = _Typed("truth")


def _of_column(column: Column) -> _Typed:
    if column.precision is not None:
        digits, after = column.precision
        return _Typed("number", digits - after, after)
    kind = _OF_COLUMN[column.type]
    return _Typed(kind, _WHOLE_DIGITS) if kind == "number" else _Typed(kind)


def _is_deceptive(text: str) -> bool:
    """Whether a person could read it otherwise than it is: controls, marks of direction, breaks of lines."""
    return any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in text)


def _parsed(text: str) -> dict[str, Any]:
    """The tree of the one expression that the text is, by itself as well as in parentheses.

    By itself it cannot close a parenthesis that others open for it; in them it can open no clause.
    """
    import duckdb

    with duckdb.connect() as con:
        trees = [_tree(con, form.format(text)) for form in ("SELECT {}\n", "SELECT (\n{}\n)")]
        plain = _tree(con, "SELECT 1")
    _cut(plain)
    alone, enclosed = (_cut(tree) for tree in trees)
    if any(tree != plain for tree in trees) or len(alone) != 1 or alone != enclosed:
        raise _refused("grammar", "more than an expression", "one condition")
    expression: dict[str, Any] = alone[0]
    return expression


def _tree(con: duckdb.DuckDBPyConnection, statement: str) -> dict[str, Any]:
    import duckdb

    try:
        (answer,) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchone() or ("{}",)
    except duckdb.Error as error:
        raise _refused("grammar", type(error).__name__, "one condition") from error
    tree: dict[str, Any] = json.loads(answer, object_hook=_without_place)
    if tree.get("error") or len(tree["statements"]) != 1:
        raise _refused("grammar", "text that the parser refuses", "one condition")
    return tree


def _without_place(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "query_location"}


def _cut(tree: dict[str, Any]) -> list[Any]:
    """Take the expressions out of a statement's tree, so that only the statement around them is left."""
    node = tree["statements"][0]["node"]
    expressions: list[Any] = node.get("select_list", [])
    node["select_list"] = []
    return expressions


class _Reader:
    """Walks a tree, collects the columns, and tells the kind of each part."""

    def __init__(self, columns: Mapping[str, _Typed]) -> None:
        self._columns = columns
        self.seen: set[str] = set()

    def typed(self, part: dict[str, Any]) -> _Typed:
        if part.get("alias"):
            raise _refused("name", "a name for a part", "no names")
        match part["class"]:
            case "COLUMN_REF":
                return self._column(part["column_names"])
            case "CONSTANT":
                return self._constant(part["value"])
            case "CAST":
                return _Typed(self._literal(part))
            case "COMPARISON":
                return self._equal((part["left"], part["right"]))
            case "BETWEEN":
                return self._equal((part["input"], part["lower"], part["upper"]))
            case "CONJUNCTION":
                return self._all_true(part["children"])
            case "OPERATOR":
                return self._operator(part["type"], part["children"])
            case "FUNCTION":
                return self._function(part)
            case other:
                raise _refused("expression", other.lower(), "comparisons, AND, OR, NOT, IN, LIKE, IS NULL")

    def _column(self, names: Sequence[str]) -> _Typed:
        name = names[-1]
        if len(names) != 1:
            raise _refused("column", ".".join(names), sorted(self._columns))
        if name not in self._columns:
            raise ShapeRefusedError(
                "column-unknown",
                "no such column, in the row filter",
                given=as_typed(name),
                allowed=sorted(self._columns),
            )
        self.seen.add(name)
        return self._columns[name]

    def _constant(self, value: dict[str, Any]) -> _Typed:
        name = value["type"]["id"]
        kind = _OF_CONSTANT.get(name)
        if kind is None or value["is_null"]:
            raise _refused("constant", name.lower(), "texts, numbers, TRUE, FALSE, DATE, TIMESTAMPTZ")
        if kind != "number":
            return _Typed(kind)
        form = value["type"]["type_info"]
        digits, after = (form["width"], form["scale"]) if form else (len(str(abs(value["value"]))), 0)
        if digits > _MOST_OF_CONSTANT:
            raise _refused("constant", f"{digits} digits", f"at most {_MOST_OF_CONSTANT} digits")
        return _Typed(kind, digits - after, after)

    def _literal(self, part: dict[str, Any]) -> Kind:
        """A constant that states its type; a cast of a column could fail on a value."""
        kind = _OF_LITERAL.get(part["cast_type"]["id"])
        child = part["child"]
        if kind is None or part["try_cast"] or child["class"] != "CONSTANT":
            raise _refused("cast", part["cast_type"]["id"], ("BOOLEAN", "DATE", "TIMESTAMPTZ of a constant"))
        if not _is_literal(kind, child["value"].get("value")):
            raise _refused("constant", f"a malformed {kind}", "ISO 8601, an instant with its offset")
        return kind

    def _equal(self, parts: Iterable[dict[str, Any]]) -> _Typed:
        found = [self.typed(part) for part in parts]
        kinds = {one.kind for one in found}
        # Whatever is compared with a double becomes one, which loses digits and cannot fail.
        if len(kinds) != 1 and kinds != {"number", "double"}:
            raise _refused("comparison", " with ".join(one.kind for one in found), "two of a kind")
        digits = max(one.before for one in found) + max(one.after for one in found)
        if kinds == {"number"} and digits > _MOST_DIGITS:
            raise _refused("comparison", f"{digits} digits on both sides together", f"at most {_MOST_DIGITS}")
        return _TRUTH

    def _all_true(self, parts: Iterable[dict[str, Any]]) -> _Typed:
        kinds = [self.typed(part).kind for part in parts]
        if set(kinds) != {"truth"}:
            raise _refused("conjunction", ", ".join(kinds), "truth")
        return _TRUTH

    def _operator(self, name: str, parts: Sequence[dict[str, Any]]) -> _Typed:
        match name:
            case "COMPARE_IN" | "COMPARE_NOT_IN":
                return self._equal(parts)
            case "OPERATOR_NOT":
                return self._all_true(parts)
            case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL":
                self.typed(parts[0])
                return _TRUTH
            case other:
                raise _refused("operator", other.lower(), ("IN", "NOT", "IS NULL"))

    def _function(self, part: dict[str, Any]) -> _Typed:
        name = part["function_name"].lower()
        plain = not (
            part["filter"] or part["distinct"] or part["order_bys"]["orders"] or part["export_state"]
        )
        qualified = part["schema"] or part["catalog"]
        if name not in FUNCTIONS or not plain or qualified:
            raise _refused("function", name, sorted(FUNCTIONS))
        wanted, result = FUNCTIONS[name]
        kinds = tuple(self._argument(child) for child in part["children"])
        if kinds != wanted:
            raise _refused(f"arguments of {name}", ", ".join(kinds), ", ".join(wanted))
        return _Typed(result, _WHOLE_DIGITS if result == "number" else 0)

    def _argument(self, part: dict[str, Any]) -> Kind:
        """A whole constant is a place: of other numbers a function could fail on a value."""
        kind = self.typed(part).kind
        is_place = kind == "number" and part["class"] == "CONSTANT" and not part["value"]["type"]["type_info"]
        return "place" if is_place and 0 <= part["value"]["value"] <= _MOST_PLACE else kind


def _is_literal(kind: Kind, text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        match kind:
            case "date":
                return date.fromisoformat(text).isoformat() == text
            case "instant":
                return datetime.fromisoformat(text).tzinfo is not None
            case _:
                return text in ("t", "f")
    except ValueError:
        return False


def _refused(what: str, given: object, allowed: object) -> ShapeRefusedError:
    return ShapeRefusedError(
        "row-filter-not-allowed", f"the row filter has a part that is not allowed: {what}", given=given,
        allowed=allowed,
    )  # fmt: skip
