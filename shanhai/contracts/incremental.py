"""What must hold of a contract whose source is asked only for what came since the last pull."""

from __future__ import annotations

from collections.abc import Callable

from shanhai.contracts.model import Contract, ParquetFormat
from shanhai.contracts.partitions import asks_for_windows
from shanhai.errors import ContractError

_AT_SOURCE: list[str | int] = ["customProperties", "source", "options", "cursor"]


def check_incremental(contract: Contract, complain: Callable[..., ContractError]) -> None:
    """Raise the first contradiction between a cursor and the rest of a contract.

    A source states a cursor by the option `cursor` with the key `column`, whatever the connector. A database
    gives one body a pull, others may give many.

    Raises:
        ContractError: as made by `complain`.
    """
    if contract.source.connector == "sql" and not isinstance(contract.format, ParquetFormat):
        raise complain(
            "the connector sql gives Parquet",
            ["customProperties", "format", "kind"],
            given=contract.format.kind,
            allowed="kind: parquet",
        )
    column = cursor_column(contract)
    if column is None:
        return
    _check_settled(contract, complain)
    _check_told(contract, column, complain)
    if contract.delivery.partition.by != "none":
        raise complain(
            "a source with a cursor has no partitions",
            ["customProperties", "delivery", "partition", "by"],
            given=contract.delivery.partition.by,
            allowed="by: none",
            hint="what is new since the last pull is no window; pull windows with the option window instead",
        )
    if contract.source.connector != "sql" and contract.delivery.per != "pull":
        # One page that is refused would leave a gap that the pages after it close over.
        raise complain(
            "all that is new since the last pull is one delivery",
            ["customProperties", "delivery", "per"],
            given=contract.delivery.per,
            allowed="per: pull",
        )
    if asks_for_windows(contract):
        raise complain(
            "a source with a cursor has no windows",
            _AT_SOURCE,
            given="{window} in an option",
            allowed="a cursor, or {window}, one of them",
        )
    if contract.schedule.due_hours is not None:
        raise complain(
            "a source with a cursor is never due: where nothing is new there is no delivery",
            ["customProperties", "schedule", "due_hours"],
            given=contract.schedule.due_hours,
            allowed="no due_hours",
        )


def cursor_column(contract: Contract) -> str | None:
    """The source's column that says what is new; None where every pull has everything."""
    cursor = contract.source.options.get("cursor")
    column = cursor.get("column") if isinstance(cursor, dict) else None
    return column if isinstance(column, str) else None


def _check_settled(contract: Contract, complain: Callable[..., ContractError]) -> None:
    """Rows at the mark and within the lag come again with each pull, and each must end up once."""
    if contract.versions.rule == "replace":
        # The newest delivery has what is new only: the rest of the table would be gone.
        raise complain(
            "versions: replace would drop what a source with a cursor sent before",
            ["customProperties", "versions", "rule"],
            given="replace",
            allowed="rule: latest or history, or append with duplicates: table",
        )
    if contract.versions.rule == "append" and contract.duplicates != "table":
        raise complain(
            "rows come again from a source with a cursor, and would be counted twice",
            ["customProperties", "duplicates"],
            given=f"duplicates: {contract.duplicates}, versions: append",
            allowed="versions: latest or history, or duplicates: table",
            hint="rows at the cursor itself and within its lag are in every pull",
        )


def _check_told(contract: Contract, column: str, complain: Callable[..., ContractError]) -> None:
    """The greatest cursor is written down beside the delivery, and shown."""
    declared = [known for known in contract.columns if known.source == column]
    if not declared:
        raise complain(
            "the cursor is no column of the contract",
            _AT_SOURCE,
            given=column,
            allowed=[known.source for known in contract.columns],
            hint="declare it, so that it is known whether it tells of a person",
        )
    if declared[0].personal:
        raise complain(
            "a cursor must not tell of a person: its greatest value is kept in the open",
            _AT_SOURCE,
            given=column,
            allowed="a column that is not personal",
        )
