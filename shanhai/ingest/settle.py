"""Which good rows lose, by the contract's rule for duplicates and for versions of one key, as SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier

DUPLICATE = "duplicate"
SUPERSEDED = "superseded"


def identity(contract: Contract) -> tuple[str, ...]:
    """The columns within which two rows compete.

    The key under `latest`, the key and `by` under `history`, all columns else, or none.
    """
    if has_versions(contract):
        by = contract.versions.by if contract.versions.rule == "history" else None
        return (*contract.key, *((by,) if by is not None else ()))
    return () if contract.duplicates == "none" else contract.names


def has_versions(contract: Contract) -> bool:
    """Whether rows that differ compete, and the one with the preferred values stays."""
    return contract.versions.rule in ("latest", "history")


def crosses(contract: Contract) -> bool:
    """Whether a row of one delivery can lose to a row of another by its identity."""
    return has_versions(contract) or contract.duplicates == "table"


def losers(
    contract: Contract,
    rows: str,
    order: str,
    *,
    delivery: str | None = None,
    names: Sequence[str] | None = None,
) -> str:
    """A query for the rows that lose: `order` column and `why` ('duplicate' or 'superseded').

    Only rows whose identity occurs more than once are ranked: the hash of the identity is counted
    first, so that a delivery without repetitions costs one aggregation and no sort.

    Args:
        rows: a relation with the contract's columns and `order`.
        order: a column that is unique per row; of equal rows the least stays.
        delivery: a column that tells the deliveries in `rows` apart; None when there is one only.
        names: the columns in which equal rows are equal; by default the contract's.

    Of equal rows one stays. Under `latest` the row of a key with the greatest `versions.by` stays; under
    `history` one row for each of its values does. Where those are equal, the other columns decide in the
    contract's order, greater first and missing last, so that the outcome does not depend on the order
    of arrival. A row without its key was staged before the contract had that column; it is a version of
    nothing, and loses to none.
    """
    columns, names = identity(contract), names or contract.names
    if not columns:
        return f"SELECT {order}, NULL::VARCHAR AS why FROM {rows} WHERE false"
    hashed = f"hash({listed(columns if has_versions(contract) else names)})"
    repeated = f"SELECT {hashed} AS _hash FROM {rows} GROUP BY ALL HAVING count(*) > 1"
    contested = f"SELECT * FROM {rows} WHERE {hashed} IN ({repeated})"
    if has_versions(contract):
        contested += "".join(f" AND {quote_identifier(name)} IS NOT NULL" for name in columns)
    alike = listed(names)
    if delivery is not None and contract.duplicates == "delivery":
        alike += f", {quote_identifier(delivery)}"
    copies = f"row_number() OVER (PARTITION BY {alike} ORDER BY {order})"
    if not has_versions(contract):
        return (
            f"SELECT {order}, '{DUPLICATE}' AS why "
            f"FROM (SELECT {order}, {copies} AS copy FROM ({contested})) WHERE copy > 1"
        )
    rank = f"row_number() OVER (PARTITION BY {listed(columns)} ORDER BY {preference(contract)}, {order})"
    why = f"CASE WHEN copy > 1 THEN '{DUPLICATE}' ELSE '{SUPERSEDED}' END"
    if contract.duplicates == "none":
        why = f"'{SUPERSEDED}'"
    return (
        f"SELECT {order}, {why} AS why FROM "
        f"(SELECT {order}, {copies} AS copy, {rank} AS rank FROM ({contested})) WHERE rank > 1"
    )


def preference(contract: Contract) -> str:
    """The ORDER BY list that puts the row first that stays of those that compete."""
    by = contract.versions.by
    columns = [name for name in (by, *contract.names) if name is not None]
    return ", ".join(f"{quote_identifier(name)} DESC NULLS LAST" for name in dict.fromkeys(columns))


def listed(columns: Iterable[str]) -> str:
    """Columns as a SQL list."""
    return ", ".join(quote_identifier(name) for name in columns)
