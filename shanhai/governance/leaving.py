"""What exactly would leave, for a person who decides: columns, masks and counts, and no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.contracts.model import Classification, Column, ColumnType
from shanhai.governance.shape import Shape


@dataclass(frozen=True)
class LeavingColumn:
    """One column of a set: what it is called here and there, how it is classified, how it is masked."""

    name: str
    physical: str
    type: ColumnType
    classification: Classification
    personal: bool
    mask: str | None
    readable: bool


@dataclass(frozen=True)
class Leaving:
    """The set that a release would make; `rows` of `rows_held` leave, `withheld` are columns that stay."""

    shape_id: str
    columns: tuple[LeavingColumn, ...]
    withheld: tuple[str, ...]
    row_filter: str | None
    rows: int
    rows_held: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, for a page and for `--format json`."""
        return {
            "shape": self.shape_id,
            "columns": [vars(column) for column in self.columns],
            "withheld": list(self.withheld),
            "row_filter": self.row_filter,
            "rows": self.rows,
            "rows_held": self.rows_held,
        }


def dry_run(
    shape: Shape, columns: Sequence[Column], *, readable: Sequence[str], counted: tuple[int, int]
) -> Leaving:
    """Say what a release would send.

    Args:
        columns: all columns of the dataset.
        readable: those of the set whose keys the recipient would get.
        counted: the one row that `count_sql` gave: rows held, rows that leave.
    """
    return Leaving(
        shape_id=shape.shape_id,
        columns=tuple(
            LeavingColumn(
                name=column.name,
                physical=physical,
                type=column.type,
                classification=column.classification,
                personal=column.personal,
                mask=shape.masks.get(column.name),
                readable=column.name in readable,
            )
            for column, physical in zip(shape.columns, shape.physical, strict=True)
        ),
        withheld=tuple(column.name for column in columns if column.name not in shape.names),
        row_filter=shape.row_filter.text if shape.row_filter else None,
        rows=counted[1],
        rows_held=counted[0],
    )
