"""How a dataset fills the columns of the canonical shape it feeds: a contract's `feeds` as SQL."""

from __future__ import annotations

from shanhai.contracts.model import Column, Contract, Feed, FeedValue
from shanhai.contracts.schema import DELIVERY, PARTITION, duckdb_type
from shanhai.contracts.shapes import Shape, ShapeColumn
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ContractError

_INSTANT = "TIMESTAMP WITH TIME ZONE"
_NUMBERS = ("integer", "number")
_SOURCES = {"DOUBLE": _NUMBERS, "INTEGER": _NUMBERS, _INSTANT: ("date", "timestamp")}


def feed_columns(contract: Contract, feed: Feed, shape: Shape) -> list[tuple[str, str]]:
    """The select list of one dataset's part of a union: (name, SQL), the shape's columns first.

    The SQL speaks of the columns of the dataset's staging model. The shape's columns are followed by
    `district`, `dataset`, `_delivery` and `_partition`.

    Raises:
        ContractError: a value cannot become what the shape asks for.
    """
    columns = [(column.name, _expression(contract, feed, column)) for column in shape.columns]
    own = [
        ("district", quote_literal(contract.dataset.district)),
        ("dataset", quote_literal(contract.dataset.name)),
    ]
    return [*columns, *own, *((name, quote_identifier(name)) for name in (DELIVERY, PARTITION))]


def _expression(contract: Contract, feed: Feed, target: ShapeColumn) -> str:
    value = feed.columns.get(target.name)
    if value is None:
        return f"cast({_stated_crs(contract, feed, target)} as {target.type})"
    _check_codes(contract, value, target)
    if value.value is not None:
        return f"cast({quote_literal(value.value)} as {target.type})"
    if value.column is None or value.column == PARTITION:
        return f"cast({quote_identifier(PARTITION)} as {target.type})"
    column = contract.column(value.column)
    _check_column(contract, column, target)
    return f"cast({_converted(contract, column, value, target)} as {target.type})"


def _stated_crs(contract: Contract, feed: Feed, target: ShapeColumn) -> str:
    """Coordinates bring their own system along when the feed names none."""
    longitude = feed.columns.get("longitude")
    if target.name == "crs" and longitude is not None and longitude.column in contract.names:
        crs = contract.column(longitude.column).crs
        if crs is not None:
            return quote_literal(crs)
    return "null"


def _converted(contract: Contract, column: Column, value: FeedValue, target: ShapeColumn) -> str:
    name = quote_identifier(column.name)
    if value.codes:
        arms = "".join(
            f"\n        when {quote_literal(code)} then {quote_literal(meaning)}"
            for code, meaning in sorted(value.codes.items())
        )
        return f"case cast({name} as VARCHAR){arms}\n    end"
    if column.type == "date" and target.type == _INSTANT:
        return f"timezone({quote_literal(contract.time_zone)}, cast({name} as TIMESTAMP))"
    return name


def _check_column(contract: Contract, column: Column, target: ShapeColumn) -> None:
    allowed = _SOURCES.get(target.type)
    if allowed is not None and column.type not in allowed:
        raise _refused(contract, f"{target.name} cannot be made of {column.name}", column.type, allowed)
    if target.required and not column.required:
        raise _refused(
            contract, f"{target.name} is never missing", f"{column.name}, not required", "a required column"
        )


def _check_codes(contract: Contract, value: FeedValue, target: ShapeColumn) -> None:
    if not target.codes:
        return
    if value.value is not None:
        wrong = {value.value} - set(target.codes)
    elif value.codes:
        wrong = set(value.codes.values()) - set(target.codes)
    else:
        declared = contract.column(value.column).codes if value.column in contract.names else ()
        wrong = set(declared) - set(target.codes) if declared else {f"any value of {value.column}"}
    if wrong:
        raise _refused(contract, f"{target.name} has a closed list", ", ".join(sorted(wrong)), target.codes)
    if target.required and value.codes and value.column in contract.names:
        column = contract.column(value.column)
        unmapped = set(column.codes) - set(value.codes) if column.codes else {f"any value of {column.name}"}
        if unmapped:
            raise _refused(
                contract, f"{target.name} needs a meaning for", ", ".join(sorted(unmapped)), target.codes
            )


def _refused(contract: Contract, message: str, given: object, allowed: object) -> ContractError:
    return ContractError(f"feeds: {message}", file=contract.path.as_posix(), given=given, allowed=allowed)


def empty_columns(shape: Shape) -> list[tuple[str, str]]:
    """The same select list, typed, for a union that nobody feeds."""
    own = ("district", "dataset", DELIVERY, PARTITION)
    return [
        *((column.name, f"cast(null as {column.type})") for column in shape.columns),
        *((name, "cast(null as VARCHAR)") for name in own),
    ]


def staging_columns(contract: Contract) -> list[tuple[str, str]]:
    """The select list of a staging model: every column in its contract's type, and where it came from."""
    typed = [
        (column.name, f"cast({quote_identifier(column.name)} as {duckdb_type(column)})")
        for column in contract.columns
    ]
    return [*typed, *((name, quote_identifier(name)) for name in (DELIVERY, PARTITION))]
