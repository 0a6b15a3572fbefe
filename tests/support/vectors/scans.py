"""Cases of the group `shape`: which rows leave, under masks and a row filter, and what stays in no byte."""

from __future__ import annotations

import hashlib
from typing import Any

from vectors.columns import BORN, PERSON, VILLAGE, VISITS

SALT = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

HELD = [["A", 3], ["SENTINEL-STAYS", 1], ["B", 2]]
LEFT: list[list[Any]] = [["A", 3], ["B", 2]]
TEXT = "Zhang 张三 (1-2)@x.y"
IDS = ["11010519491231002X", "330105199001010019", None]
ABOVE_ONE: dict[str, Any] = {
    "columns": [VILLAGE, VISITS],
    "rows": HELD,
    "row_filter": "visits > 1",
    "leave": LEFT,
}
BELOW = "Of the values that only rows that stay have, nothing is in the bytes of those that leave: "


def digest(text: str, salt: bytes = b"") -> str:
    return hashlib.sha256(salt + text.encode()).hexdigest()


def scanned(
    about: str,
    *,
    columns: list[dict[str, Any]],
    rows: list[list[Any]],
    leave: list[list[Any]],
    names: list[str] | None = None,
    row_filter: str | None = None,
    masks: dict[str, str] | None = None,
    held_as: str = "table",
    absent: list[str] | None = None,
) -> dict[str, Any]:
    """A shape over some rows, and the rows that leave, in their order; `absent` is in no byte of them."""
    shape = {
        "names": names or [column["name"] for column in columns],
        "row_filter": row_filter,
        "masks": masks or {},
    }
    given = {"columns": columns, "rows": rows, "held_as": held_as, "salt": SALT, "shape": shape}
    return {
        "about": about,
        "operation": "scan",
        "given": given,
        "expect": {"passes": {"rows": leave, "absent": absent or []}},
    }


VECTORS: dict[str, dict[str, Any]] = {
    "dictionary-keeps-filtered-rows": scanned(
        BELOW + "the table is held as an Arrow dictionary.",
        **ABOVE_ONE,
        held_as="dictionary",
        absent=["SENTINEL-STAYS"],
    ),
    "enum-keeps-values": scanned(
        BELOW + "the column is an enumeration of the engine.",
        **ABOVE_ONE,
        held_as="enum",
        absent=["SENTINEL-STAYS"],
    ),
    "deleted-rows-of-delta": scanned(
        BELOW + "rows were deleted from a Delta table, whose older files still have them.",
        columns=[VILLAGE, VISITS],
        rows=HELD,
        leave=LEFT,
        held_as="delta-deleted",
        absent=["SENTINEL-STAYS"],
    ),
    "metadata-comments-stripped": scanned(
        "Comments of the table and of its columns do not leave with the rows.",
        columns=[VILLAGE, VISITS],
        rows=LEFT,
        leave=LEFT,
        held_as="commented",
        absent=["SENTINEL-COMMENT", "village", "visits"],
    ),
    "row-order-leaks-masked": scanned(
        "Rows are ordered by what leaves, so the order of the original values is gone.",
        columns=[BORN, VISITS],
        rows=[["1990-05-02", 2], ["1990-01-09", 9], ["1990-12-31", 1], ["1991-02-03", 0], [None, 5]],
        masks={"born": "truncate-to-year"},
        leave=[["1990-01-01", 1], ["1990-01-01", 2], ["1990-01-01", 9], ["1991-01-01", 0], [None, 5]],
    ),
    "row-filter-sees-original": scanned(
        "The row filter sees original values; masks come after it.",
        columns=[BORN, VISITS],
        rows=[["1990-05-02", 2], ["1990-01-09", 9]],
        row_filter="born > DATE '1990-02-01'",
        masks={"born": "truncate-to-year"},
        leave=[["1990-01-01", 2]],
    ),
    "mask-null": scanned(
        "NULL stays NULL under every mask that is not to take values away.",
        columns=[
            {"name": "a", "type": "string"},
            {"name": "b", "type": "integer"},
            {"name": "c", "type": "string", "min_length": 9},
            {"name": "d", "type": "date"},
            {"name": "e", "type": "string"},
        ],
        rows=[[None, None, None, None, None]],
        masks={
            "a": "mask-alphanum",
            "b": "mask-to-fixed-value",
            "c": "show-last-4",
            "d": "truncate-to-month",
            "e": "sha-256-query-local",
        },
        leave=[[None, None, None, None, None]],
    ),
    "mask-values": scanned(
        "What the masks of texts make of one value; nothing but ( ) , . - @ is kept as it is.",
        columns=[{"name": name, "type": "string", "min_length": 16} for name in "abcdef"],
        rows=[[TEXT] * 6],
        masks={
            "a": "mask-alphanum",
            "b": "mask-to-fixed-value",
            "c": "show-first-4",
            "d": "show-last-4",
            "e": "sha-256-global",
            "f": "sha-256-query-local",
        },
        leave=[
            [
                "xxxxxxxxx(n-n)@x.x",
                "XXXXXXXX",
                "Zhanxxxxx(n-n)@x.x",
                "xxxxxxxxx(n-n)@x.y",
                digest(TEXT),
                digest(TEXT, bytes.fromhex(SALT)),
            ]
        ],
        absent=["张三"],
    ),
    "mask-fixed-values": scanned(
        "The fixed value of each type.",
        columns=[
            {"name": "a", "type": "string"},
            {"name": "b", "type": "integer"},
            {"name": "c", "type": "number", "precision": [6, 2]},
            {"name": "d", "type": "boolean"},
            {"name": "e", "type": "date"},
            {"name": "f", "type": "timestamp"},
            {"name": "g", "type": "time"},
        ],
        rows=[["x", 1, "2.50", True, "2020-02-02", "2020-02-02T02:02:02+00:00", "02:02:02"]],
        masks=dict.fromkeys("abcdefg", "mask-to-fixed-value"),
        leave=[["XXXXXXXX", 0, "0.00", False, "1970-01-01", "1970-01-01T00:00:00+00:00", "00:00:00"]],
    ),
    "mask-salted-resident-id": scanned(
        "A salt that nobody keeps makes a digest of an identifier safe within one set; equal stays equal.",
        columns=[PERSON],
        rows=[[one] for one in IDS],
        masks={"person_id": "sha-256-query-local"},
        leave=[*sorted([digest(one, bytes.fromhex(SALT))] for one in IDS if one), [None]],
        absent=[one for one in IDS if one],
    ),
}
