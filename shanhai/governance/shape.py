"""The shape of a set: columns, rows and masks, its id, and the one statement that scans what leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from shanhai.contracts.model import Column
from shanhai.contracts.schema import duckdb_type
from shanhai.contracts.sql import quote_identifier
from shanhai.exchange.parquet.profile import MOST_COLUMNS, physical_name
from shanhai.exchange.strict import Json, canonical
from shanhai.governance.filters import RowFilter, read_filter
from shanhai.governance.masks import check_mask, mask_expression, needs_salt
from shanhai.governance.refusals import ShapeRefusedError

_ID_LINE = b"shanhai/shape/1\n"
SHUFFLE_PARAMETER = "shuffle"


@dataclass(frozen=True)
class Shape:
    """What `read_shape` let pass: columns in the order of the set, the rows' condition, column → action."""

    columns: tuple[Column, ...]
    row_filter: RowFilter | None = None
    masks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "masks", MappingProxyType(dict(self.masks)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the set."""
        return tuple(column.name for column in self.columns)

    @property
    def physical(self) -> tuple[str, ...]:
        """What the columns are called in the files: `c0000`, `c0001` and so on, so that no name leaves."""
        return tuple(map(physical_name, range(len(self.columns))))

    @property
    def shape_id(self) -> str:
        """`sha256-` and 64 hex digits: the same for the same columns in order, types, condition and masks.

        The digest is of `shanhai/shape/1`, a line feed and canonical JSON (`shanhai.exchange.strict`).
        """
        stated: Json = {
            "columns": [[column.name, duckdb_type(column)] for column in self.columns],
            "masks": dict(self.masks),
            "row_filter": self.row_filter.text if self.row_filter else None,
        }
        return "sha256-" + hashlib.sha256(_ID_LINE + canonical(stated)).hexdigest()

    @property
    def needs_salt(self) -> bool:
        """Whether `scan_sql` has a parameter for the salt of the set."""
        return any(map(needs_salt, self.masks.values()))


def read_shape(
    columns: Sequence[Column],
    *,
    names: Sequence[str],
    row_filter: str | None = None,
    masks: Mapping[str, str] | None = None,
    key: Collection[str] = (),
) -> Shape:
    """A shape of a dataset's columns.

    Args:
        columns: all columns of the dataset.
        names: those that the set has, in its order.
        row_filter: a condition, as `read_filter` wants it; None: all rows.
        masks: name → action, of columns among `names`.
        key: names of the columns that tell the rows of the dataset apart: not every mask is for them.

    Raises:
        ShapeRefusedError: a column that is unknown, twice, or none at all; a mask that the column cannot
            have; a condition with a part that is not allowed.
    """
    known = {column.name: column for column in columns}
    masks = masks or {}
    if not names:
        raise ShapeRefusedError("columns-missing", "a shape without columns", allowed=known)
    if len(names) > MOST_COLUMNS:
        raise ShapeRefusedError(
            "columns-too-many", "a set cannot have so many columns", given=len(names), allowed=MOST_COLUMNS
        )
    for position, name in enumerate(names):
        if name not in known:
            raise ShapeRefusedError("column-unknown", "no such column", given=name, allowed=known)
        if name in names[:position]:
            raise ShapeRefusedError("column-twice", "a column is named twice", given=name)
    for name, action in sorted(masks.items()):
        if name not in known:
            raise ShapeRefusedError("column-unknown", "no such column", given=name, allowed=known)
        if name not in names:
            raise ShapeRefusedError(
                "mask-of-other-column", "a mask of a column that does not leave", given=name, allowed=names
            )
        check_mask(action, known[name], key=key)
    return Shape(
        columns=tuple(known[name] for name in names),
        row_filter=None if row_filter is None else read_filter(row_filter, columns),
        masks=masks,
    )


def scan_sql(shape: Shape, relation: str, *, order: Sequence[str] | None = None) -> str:
    """The statement whose rows are the set, in its order: filter, then masks, then names, then order.

    The condition sees original values. Rows are ordered by a hash of the columns in `order`, as they leave,
    and by nothing else: the order tells nothing of a value that stays or that not every reader has, and one
    number is sorted instead of rows. Where `order` names all columns, rows that are equal in it are equal;
    otherwise they are shuffled. Each column is cast to the contract's type, so that a dictionary or an
    enumeration, which would carry the values of rows that stay, becomes plain values, and types bring no
    metadata of their own.

    Where `shape.needs_salt`, the parameter `masks.SALT_PARAMETER` is to be bound to 32 random bytes that
    are kept nowhere; where `shuffled`, so is `SHUFFLE_PARAMETER`. Never have the statement explained with
    them: a plan shows what is bound.

    Args:
        relation: SQL of one version of the dataset, in parentheses or a name; it has the contract's columns.
        order: names of columns of the shape; None: all of them.
    """
    physical = dict(zip(shape.names, shape.physical, strict=True))
    by = shape.names if order is None else order
    keys = [f"hash({', '.join(physical[name] for name in by)})"] if by else []
    released = ", ".join(f"{_value(shape, column)} AS {physical[column.name]}" for column in shape.columns)
    rows = f"(SELECT {released} FROM {_rows(shape, relation)} AS original)"
    if shuffled(shape, by):
        rows = f"(SELECT *, row_number() OVER () AS place FROM {rows} AS masked)"
        keys.append(f"hash(sha256(${SHUFFLE_PARAMETER} || encode(CAST(place AS VARCHAR))))")
    return f"SELECT {', '.join(shape.physical)} FROM {rows} AS released ORDER BY {', '.join(keys)}"


def shuffled(shape: Shape, order: Sequence[str]) -> bool:
    """Whether `scan_sql` has a parameter for the order of rows that are equal in `order`."""
    return set(order) != set(shape.names)


def count_sql(shape: Shape, relation: str) -> str:
    """The statement whose one row says how many rows there are, and how many of them leave."""
    condition = _condition(shape) or "true"
    return f"SELECT count(*), count(*) FILTER (WHERE {condition}) FROM {relation} AS original"


def people_sql(
    shape: Shape, relation: str, *, columns: Sequence[str], subject: tuple[str, str], leaves: str
) -> str:
    """SQL of all rows with some columns as they leave, who each is of, and whether it leaves.

    Args:
        columns: of the shape.
        subject: the column that says who, and what it is called in the result.
        leaves: what the truth of the condition is called in the result.
    """
    known = {column.name: column for column in shape.columns}
    shown = [f"{_value(shape, known[name])} AS {quote_identifier(name)}" for name in columns]
    who = f"{quote_identifier(subject[0])} AS {quote_identifier(subject[1])}"
    stays = f"coalesce({_condition(shape) or 'true'}, false) AS {quote_identifier(leaves)}"
    return f"(SELECT {', '.join([*shown, who, stays])} FROM {relation} AS original)"


def _rows(shape: Shape, relation: str) -> str:
    """The rows that leave, with the columns that leave and no others; no name of ours is in reach here."""
    columns = ", ".join(map(quote_identifier, shape.names))
    condition = _condition(shape)
    where = f" WHERE {condition}" if condition else ""
    return f"(SELECT {columns} FROM {relation} AS original{where})"


def _condition(shape: Shape) -> str:
    # The text may end with a comment, which the line feed ends.
    return f"(\n{shape.row_filter.text}\n)" if shape.row_filter else ""


def _value(shape: Shape, column: Column) -> str:
    original = f"CAST({quote_identifier(column.name)} AS {duckdb_type(column)})"
    action = shape.masks.get(column.name)
    return original if action is None else mask_expression(action, column, original)
