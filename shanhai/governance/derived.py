"""What a table is that was built from others: each column as high as the highest column of its sources.

GB/T 43697-2024: the highest wins, and what is derived is at least as high as what it was derived from. Which
column came of which is not known of a mart, so each is taken to come of all. Nothing here lowers one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from shanhai.contracts.model import Classification, Column, ColumnType, Contract, ShareClass
from shanhai.errors import ConfigurationError
from shanhai.exchange.grants import ONWARD
from shanhai.governance.values import Received

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


def derived_columns(types: Mapping[str, str], sources: Sequence[Contract | None]) -> tuple[Column, ...]:
    """The columns of a table that was built from all of `sources`; core and personal where there are none.

    Args:
        sources: None is one without a contract, of which nobody can say what it holds: core and personal.
        types: name → type as DuckDB says it, in the order of the table.

    Raises:
        ConfigurationError: a column of a type that no contract can state.
    """
    found = [column for source in sources if source is not None for column in source.columns]
    unknown = not found or None in sources
    rank = max(_RANKS.index(one) for one in ("core" if unknown else "general", *_classes(found)))
    personal = unknown or any(column.personal for column in found)
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


def derived_share_class(sources: Sequence[Contract | None]) -> ShareClass:
    """The strictest class of the sources; not shared where there are none, or one has no contract."""
    last = len(_CLASSES) - 1
    ranks = [last if source is None else _CLASSES.index(source.share_class) for source in sources]
    return _CLASSES[max(ranks, default=last)]


def derived_received(sources: Iterable[Received | None]) -> Received | None:
    """The strictest conditions of all that was received; None where nothing was.

    Two owners who state two purposes leave none: what is for both at once nobody granted.
    """
    found = [source for source in sources if source is not None]
    if not found:
        return None
    purposes = {source.purpose for source in found if source.purpose is not None}
    until = [source.retain_until for source in found if source.retain_until is not None]
    return Received(
        onward=min((source.onward for source in found), key=_openness),
        named=frozenset.intersection(*(source.named for source in found if source.onward != "open"))
        if any(source.onward != "open" for source in found)
        else frozenset(),
        purpose=(purposes.pop() if len(purposes) == 1 else "") if purposes else None,
        retain_until=min(until, default=None),
        stands=all(source.stands for source in found),
    )


def _openness(onward: str) -> int:
    return ONWARD.index(onward) if onward in ONWARD else -1


def _classes(columns: Sequence[Column]) -> tuple[Classification, ...]:
    return tuple(column.classification for column in columns)
