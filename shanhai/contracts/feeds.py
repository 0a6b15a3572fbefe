"""How a dataset fills the columns of the canonical shape it feeds: a contract's `feeds` as SQL."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from shanhai.contracts.coordinates import SYSTEMS
from shanhai.contracts.model import Column, Condition, Contract, Feed, FeedValue
from shanhai.contracts.quantities import QUANTITIES, convertible, factor
from shanhai.contracts.schema import DELIVERY, PARTITION, duckdb_type
from shanhai.contracts.shapes import Shape, ShapeColumn
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.validity import IS_CURRENT, has_history, validity_columns
from shanhai.errors import ContractError

_INSTANT = "TIMESTAMP WITH TIME ZONE"
_NUMBERS = ("integer", "number")
_SOURCES = {
    "DOUBLE": _NUMBERS,
    "INTEGER": ("integer",),
    "BIGINT": ("integer",),
    "DATE": ("date",),
    _INSTANT: ("date", "timestamp"),
}


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("no number")
    return value


def _whole(text: str, bits: int) -> int:
    if not -(2 ** (bits - 1)) <= (value := int(text)) < 2 ** (bits - 1):
        raise ValueError("out of range")
    return value


_CONSTANTS: Mapping[str, Callable[[str], object]] = {
    "DOUBLE": _finite,
    "INTEGER": functools.partial(_whole, bits=32),
    "BIGINT": functools.partial(_whole, bits=64),
    "DATE": date.fromisoformat,
}
_OWN = ("district", "dataset", DELIVERY, PARTITION)


@dataclass(frozen=True)
class Part:
    """One dataset's part of a union: the select list, (name, SQL), and which rows take part."""

    columns: tuple[tuple[str, str], ...]
    where: str | None = None


def feed_parts(contract: Contract, shape: Shape) -> list[Part]:
    """What a dataset adds to the union of a shape: one part a feed, and one a quantity of `readings`.

    The SQL speaks of the columns of the dataset's staging model. The shape's columns are followed by
    `district`, `dataset`, `_delivery` and `_partition`.

    Raises:
        ContractError: a value cannot become what the shape asks for.
    """
    feeds = [one for feed in contract.feeds if feed.shape == shape.name for one in _spelled_out(feed)]
    return [_Feeding(contract, feed, shape).part() for feed in feeds]


def _spelled_out(feed: Feed) -> list[Feed]:
    """The feed itself, or one of each quantity that it reads from a wide row."""
    if not feed.readings:
        return [feed]
    return [
        feed.model_copy(
            update={
                "columns": {**feed.columns, "quantity": FeedValue(value=quantity), "value": value},
                "readings": {},
                "needs": tuple(dict.fromkeys((*feed.needs, "value"))),
            }
        )
        for quantity, value in feed.readings.items()
    ]


@dataclass(frozen=True)
class _Feeding:
    contract: Contract
    feed: Feed
    shape: Shape

    def part(self) -> Part:
        columns = {column.name: self._expression(column) for column in self.shape.columns}
        if self.shape.name == "reading":
            # A reading without a value is missing, whatever its flag says.
            columns["quality"] = (
                f"case when {columns['value']} is null then 'missing' else {columns['quality']} end"
            )
        conditions = [f"{columns[name]} is not null" for name in self.feed.needs]
        if self.feed.where is not None:
            conditions.insert(0, self._condition(self.feed.where))
        if has_history(self.contract):
            # A shape has one row of a subject: the version in force.
            conditions.insert(0, IS_CURRENT)
        own = (
            ("district", quote_literal(self.contract.dataset.district)),
            ("dataset", quote_literal(self.contract.dataset.name)),
            *((name, quote_identifier(name)) for name in (DELIVERY, PARTITION)),
        )
        return Part((*columns.items(), *own), "\n    and ".join(conditions) or None)

    def _expression(self, target: ShapeColumn) -> str:
        value = self.feed.columns.get(target.name)
        if target.name == "unit":
            return f"cast({self._unit()} as {target.type})"
        if value is None:
            return f"cast({self._unfed(target)} as {target.type})"
        self._check_codes(value, target)
        self._check_presence(value, target)
        text = self._origin(value, target)
        if value.when is not None:
            text = f"case when {self._condition(value.when)} then {text} end"
        return f"cast({text} as {target.type})"

    def _origin(self, value: FeedValue, target: ShapeColumn) -> str:
        if value.value is not None:
            self._check_constant(value.value, target)
            return quote_literal(value.value)
        if value.column is None or value.column == PARTITION:
            return quote_identifier(PARTITION)
        column = self.contract.column(value.column)
        allowed = _SOURCES.get(target.type)
        if allowed is not None and column.type not in allowed:
            raise self._refused(f"{target.name} cannot be made of {column.name}", column.type, allowed)
        if target.name in ("longitude", "latitude"):
            self._check_system(column, target)
        return self._converted(column, value, target)

    def _unfed(self, target: ShapeColumn) -> str:
        """Coordinates bring their own system along; a reading without a value is a missing one."""
        longitude = self.feed.columns.get("longitude")
        if target.name == "crs" and longitude is not None and longitude.column in self.contract.names:
            return quote_literal(str(self.contract.column(longitude.column).crs))
        return "null" if target.default is None else quote_literal(target.default)

    def _converted(self, column: Column, value: FeedValue, target: ShapeColumn) -> str:
        name = quote_identifier(column.name)
        if value.codes:
            arms = "".join(
                f"\n        when {quote_literal(code)} then {quote_literal(meaning)}"
                for code, meaning in sorted(value.codes.items())
            )
            return f"case cast({name} as VARCHAR){arms}\n    end"
        if column.type == "date" and target.type == _INSTANT:
            return f"timezone({quote_literal(self.contract.time_zone)}, cast({name} as TIMESTAMP))"
        if self.shape.name == "reading" and target.name == "value":
            times = self._factor(column)
            return name if times == 1 else f"{name} * {times!r}"
        return name

    def _condition(self, condition: Condition) -> str:
        allowed = self._codes_of(condition.column)
        unknown = set(condition.codes) - set(allowed) if allowed else set()
        if unknown:
            raise self._refused(
                f"a condition on codes that {condition.column} never has", sorted(unknown), allowed
            )
        codes = ", ".join(quote_literal(code) for code in condition.codes)
        return f"cast({quote_identifier(condition.column)} as VARCHAR) in ({codes})"

    def _codes_of(self, name: str) -> tuple[str, ...]:
        """The closed list of a column; a boolean's is closed by its type."""
        if name not in self.contract.names:
            return ()
        column = self.contract.column(name)
        return ("true", "false") if column.type == "boolean" else column.codes

    def _quantities(self) -> tuple[str, ...]:
        value = self.feed.columns["quantity"]
        if value.value is not None:
            return (value.value,)
        return tuple(dict.fromkeys(value.codes.values() or self._codes_of(str(value.column))))

    def _unit(self) -> str:
        if "unit" in self.feed.columns:
            raise self._refused("the unit follows from the quantity", "unit", "quantity alone")
        units = {name: QUANTITIES[name].unit for name in self._quantities() if name in QUANTITIES}
        if len(set(units.values())) > 1:
            raise self._refused(
                "one column of values with several units",
                ", ".join(f"{name}: {unit}" for name, unit in units.items()),
                "a list of feeds, each with `where` for the quantities of one unit",
            )
        return quote_literal(next(iter(units.values()), ""))

    def _factor(self, column: Column) -> float:
        wanted = QUANTITIES[self._quantities()[0]].unit
        times = factor(column.unit, wanted)
        if times is None:
            raise self._refused(
                f"{column.name} is not in the unit of {', '.join(self._quantities())}",
                column.unit or "no unit",
                convertible(wanted),
            )
        return times

    def _check_system(self, column: Column, target: ShapeColumn) -> None:
        if column.crs not in SYSTEMS:
            raise self._refused(
                f"{target.name} of {column.name}, whose coordinate system is not one of the map's",
                column.crs or "no crs",
                SYSTEMS,
            )
        stated = self.feed.columns.get("crs")
        if stated is not None and stated.value is not None and stated.value != column.crs:
            raise self._refused(f"{column.name} states another coordinate system", stated.value, column.crs)
        other = self.feed.columns.get("latitude" if target.name == "longitude" else "longitude")
        if other is None or other.column not in self.contract.names:
            raise self._refused("a coordinate without the other", target.name, "longitude and latitude")
        if self.contract.column(other.column).crs != column.crs:
            raise self._refused(
                "longitude and latitude in two coordinate systems", column.crs, "the same crs of both"
            )

    def _check_constant(self, text: str, target: ShapeColumn) -> None:
        kind = _CONSTANTS.get(target.type, str)
        try:
            kind(text)
        except ValueError as error:
            raise self._refused(f"{target.name} cannot be made of a constant", text, target.type) from error
        if target.type == _INSTANT:
            raise self._refused(f"{target.name} cannot be a constant", text, ("date", "timestamp"))

    def _check_presence(self, value: FeedValue, target: ShapeColumn) -> None:
        if not target.required or target.name in self.feed.needs:
            return
        if value.when is not None:
            raise self._refused(f"{target.name} is never missing", "a condition", "no `when`, or `needs`")
        if value.column in self.contract.names and not self.contract.column(str(value.column)).required:
            raise self._refused(
                f"{target.name} is never missing", f"{value.column}, not required", "a required column"
            )

    def _check_codes(self, value: FeedValue, target: ShapeColumn) -> None:
        if not target.codes:
            return
        declared = self._codes_of(value.column or "")
        if value.value is not None:
            wrong = {value.value} - set(target.codes)
        elif value.codes:
            wrong = set(value.codes.values()) - set(target.codes)
        else:
            wrong = set(declared) - set(target.codes) if declared else {f"any value of {value.column}"}
        if wrong:
            raise self._refused(f"{target.name} has a closed list", ", ".join(sorted(wrong)), target.codes)
        if target.required and target.name not in self.feed.needs and value.codes:
            unmapped = set(declared) - set(value.codes) if declared else {f"any value of {value.column}"}
            if unmapped:
                raise self._refused(
                    f"{target.name} needs a meaning for", ", ".join(sorted(unmapped)), target.codes
                )

    def _refused(self, message: str, given: object, allowed: object) -> ContractError:
        return ContractError(
            f"feeds: {message}", file=self.contract.path.as_posix(), given=given, allowed=allowed
        )


def empty_columns(shape: Shape) -> list[tuple[str, str]]:
    """The same select list, typed, for a union that nobody feeds."""
    return [
        *((column.name, f"cast(null as {column.type})") for column in shape.columns),
        *((name, "cast(null as VARCHAR)") for name in _OWN),
    ]


def union_columns(shape: Shape) -> tuple[str, ...]:
    """The names of the columns of a union."""
    return (*(column.name for column in shape.columns), *_OWN)


def staging_columns(contract: Contract) -> list[tuple[str, str]]:
    """The select list of a staging model: every column in its contract's type, and where it came from.

    Of a dataset that keeps history also from when to when each version was in force.
    """
    typed = [
        (column.name, f"cast({quote_identifier(column.name)} as {duckdb_type(column)})")
        for column in contract.columns
    ]
    own = ((name, quote_identifier(name)) for name in (DELIVERY, PARTITION))
    return [*typed, *own, *validity_columns(contract)]
