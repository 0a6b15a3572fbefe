"""From when to when a version of a key was the one in force, as SQL; told by the versions, never stored."""

from __future__ import annotations

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import duckdb_type
from shanhai.contracts.sql import quote_identifier

VALID_FROM = "valid_from"
VALID_TO = "valid_to"
IS_CURRENT = "is_current"
VALIDITY = (VALID_FROM, VALID_TO, IS_CURRENT)

ORDERED = ("date", "timestamp", "integer", "number")
"""Types that a version may begin by."""


def has_history(contract: Contract) -> bool:
    """Whether every version of a key stays in the table."""
    return contract.versions.rule == "history"


def validity_columns(contract: Contract) -> list[tuple[str, str]]:
    """What a staging model adds to each version, (name, SQL); nothing where a key has one row.

    `valid_from` is the version's own `by`, `valid_to` that of the next version of the key (exclusive; NULL:
    none yet), and `is_current` says that there is none. A version that comes late finds its place among the
    others, since nothing of this is kept.
    """
    by = contract.versions.by
    if not has_history(contract) or by is None:
        return []
    begins = f"cast({quote_identifier(by)} as {duckdb_type(contract.column(by))})"
    key = ", ".join(quote_identifier(name) for name in contract.key)
    following = f"lead({begins}) over (partition by {key} order by {begins})"
    return [(VALID_FROM, begins), (VALID_TO, following), (IS_CURRENT, f"{following} is null")]
