"""Which good rows lose, by the contract's rule for duplicates and for versions of one key, as SQL."""

from __future__ import annotations

from collections.abc import Iterable

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier

DUPLICATE = "duplicate"
SUPERSEDED = "superseded"


def identity(contract: Contract) -> tuple[str, ...]:
    """The columns within which two rows compete: the key under `latest`, all columns else, or none."""
    if contract.versions.rule == "latest":
        return contract.key
    return () if contract.duplicates == "none" else contract.names


def crosses(contract: Contract) -> bool:
    """Whether a row of one delivery can lose to a row of another by its identity."""
    return contract.versions.rule == "latest" or contract.duplicates == "table"


def losers(contract: Contract, rows: str, order: str, *, delivery: str | None = None) -> str:
    """A query for the rows that lose: `order` column and `why` ('duplicate' or 'superseded').

    Only rows whose identity occurs more than once are ranked: the hash of the identity is counted
    first, so that a delivery without repetitions costs one aggregation and no sort.

    Args:
        rows: a relation with the contract's columns and `order`.
        order: a column that is unique per row; of equal rows the least stays.
        delivery: a column that tells the deliveries in `rows` apart; None when there is one only.

    Of equal rows one stays. Of one key the row with the greatest `versions.by` stays; when two are
    equal there, the other columns decide in the contract's order, greater first and missing last, so
    that the outcome does not depend on the order of arrival.
    """
    columns = identity(contract)
    if not columns:
        return f"SELECT {order}, NULL::VARCHAR AS why FROM {rows} WHERE false"
    hashed = f"hash({listed(columns)})"
    repeated = f"SELECT {hashed} AS _hash FROM {rows} GROUP BY ALL HAVING count(*) > 1"
    contested = f"SELECT * FROM {rows} WHERE {hashed} IN ({repeated})"
    alike = listed(contract.names)
    if delivery is not None and contract.duplicates == "delivery":
        alike += f", {quote_identifier(delivery)}"
    copies = f"row_number() OVER (PARTITION BY {alike} ORDER BY {order})"
    if contract.versions.rule != "latest":
        return (
            f"SELECT {order}, '{DUPLICATE}' AS why "
            f"FROM (SELECT {order}, {copies} AS copy FROM ({contested})) WHERE copy > 1"
        )
    rank = f"row_number() OVER (PARTITION BY {listed(contract.key)} ORDER BY {preference(contract)}, {order})"
    why = f"CASE WHEN copy > 1 THEN '{DUPLICATE}' ELSE '{SUPERSEDED}' END"
    if contract.duplicates == "none":
        why = f"'{SUPERSEDED}'"
    return (
        f"SELECT {order}, {why} AS why FROM "
        f"(SELECT {order}, {copies} AS copy, {rank} AS rank FROM ({contested})) WHERE rank > 1"
    )


def preference(contract: Contract) -> str:
    """The ORDER BY list that puts the winning version of a key first."""
    by = contract.versions.by
    columns = [name for name in (by, *contract.names) if name is not None]
    return ", ".join(f"{quote_identifier(name)} DESC NULLS LAST" for name in dict.fromkeys(columns))


def listed(columns: Iterable[str]) -> str:
    """Columns as a SQL list."""
    return ", ".join(quote_identifier(name) for name in columns)
