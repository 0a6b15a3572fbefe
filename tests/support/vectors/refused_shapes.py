"""Cases of the group `shape`: masks and row filters that are never released, whatever is granted."""

from __future__ import annotations

from typing import Any

from vectors.columns import BORN, NAME, PERSON, VILLAGE, VISITS
from vectors.vector import refused


def unshaped(
    about: str,
    code: str,
    *,
    columns: list[dict[str, Any]],
    masks: dict[str, str] | None = None,
    row_filter: str | None = None,
) -> dict[str, Any]:
    """A shape that is never released, whatever is granted."""
    shape = {
        "names": [column["name"] for column in columns],
        "row_filter": row_filter,
        "masks": masks or {},
    }
    return {
        "about": about,
        "operation": "shape",
        "given": {"columns": columns, "shape": shape},
        "expect": refused(code, "shape"),
    }


VECTORS: dict[str, dict[str, Any]] = {
    "mask-unknown": unshaped(
        "An action that Iceberg does not list.",
        "mask-unknown",
        columns=[VILLAGE],
        masks={"village": "md5"},
    ),
    "mask-short-chinese-name": unshaped(
        "A name of four characters or fewer would be shown whole.",
        "mask-short-chinese-name",
        columns=[NAME],
        masks={"person_name": "show-first-4"},
    ),
    "mask-sha-on-resident-id": unshaped(
        "Without a salt all ids of a county are tried in minutes.",
        "mask-sha-on-resident-id",
        columns=[PERSON],
        masks={"person_id": "sha-256-global"},
    ),
    "mask-sha-on-small-domain": unshaped(
        "Without a salt every code is tried at once.",
        "mask-sha-on-small-domain",
        columns=[{**VILLAGE, "codes": ["open", "closed"]}],
        masks={"village": "sha-256-global"},
    ),
    "mask-sha-on-integer": unshaped(
        "A whole number keeps a few bytes of the digest only.",
        "mask-sha-on-integer",
        columns=[VISITS],
        masks={"visits": "sha-256-query-local"},
    ),
    "mask-not-for-type": unshaped(
        "A mask of texts on a day.", "mask-not-for-type", columns=[BORN], masks={"born": "mask-alphanum"}
    ),
    "mask-null-on-required": unshaped(
        "A required column without values would break the contract it is sent under.",
        "mask-null-on-required",
        columns=[{**VILLAGE, "required": True}],
        masks={"village": "replace-with-null"},
    ),
    "row-filter-subquery": unshaped(
        "A row filter that looks at another relation.",
        "row-filter-not-allowed",
        columns=[VISITS],
        row_filter="visits IN (SELECT 1)",
    ),
    "row-filter-escapes": unshaped(
        "A row filter that closes the parenthesis it stands in.",
        "row-filter-not-allowed",
        columns=[VISITS],
        row_filter="visits > 1) OR (true",
    ),
    "row-filter-converts": unshaped(
        "A row filter that would convert a column, and tell the value on which that fails.",
        "row-filter-not-allowed",
        columns=[VILLAGE],
        row_filter="village = 1",
    ),
}
