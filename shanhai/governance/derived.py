"""What a table is that was built from others: each column as high as the highest column of its sources.

GB/T 43697-2024: the highest wins, and what is derived is at least as high as what it was derived from. Which
column came of which is not known of a mart, so each is taken to come of all. Nothing here lowers one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from shanhai.contracts.model import Classification, Column, ColumnType, Contract, ShareClass
from shanhai.errors import ConfigurationError

_RANKS: tuple[Classification, ...] = get_args(Classification)
_CLASSES: tuple[ShareClass, ...] = get_args(ShareClass)
_TYPES: dict[str, ColumnType] = {
    "VARCHAR": "string",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "number"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def derived_columns(types: Mapping[str, str], sources: Sequence[Contract]) -> tuple[Column, ...]:
    """The columns of a table that was built from all of `sources`; core and personal where there are none.

    Args:
        types: name → type as DuckDB says it, in the order of the table.

    Raises:
        ConfigurationError: a column of a type that no contract can state.
    """
    found = [column for source in sources for column in source.columns]
    rank = max((_RANKS.index(column.classification) for column in found), default=len(_RANKS) - 1)
    personal = not found or any(column.personal for column in found)
    columns = []
    for name, kind in types.items():
        decimal = _DECIMAL.fullmatch(kind)
        if decimal is None and kind not in _TYPES:
            raise ConfigurationError(
                f"the column {name} cannot be released", given=kind, allowed=[*_TYPES, "DECIMAL"]
            )
        columns.append(
            Column(
                name=name,
                source=name,
                type="number" if decimal else _TYPES[kind],
                precision=(int(decimal[1]), int(decimal[2])) if decimal else None,
                classification=_RANKS[rank],
                personal=personal,
            )
        )
    return tuple(columns)


def derived_share_class(sources: Sequence[Contract]) -> ShareClass:
    """The strictest class of the sources; not shared where there are none."""
    last = len(_CLASSES) - 1
    return _CLASSES[max((_CLASSES.index(source.share_class) for source in sources), default=last)]
