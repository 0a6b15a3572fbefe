"""Writes the vectors of the group `shape` anew: `python -m vectors.shape` in `tests/support`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from shanhai.exchange.strict import read_moment
from vectors.shape_cases import NOW, OTHER, RIGHT, THERE, right, shape_of
from vectors.vector import Vector, names, refused

GROUP = "shape"
SALT = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

PERSON = {"name": "person_id", "type": "string", "personal": True, "validators": ["resident_id"]}
NAME = {"name": "person_name", "type": "string", "personal": True, "max_length": 40}
VILLAGE = {"name": "village", "type": "string"}
VISITS = {"name": "visits", "type": "integer"}
BORN = {"name": "born", "type": "date", "personal": True}


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


def judged(about: str, rule: str | None, code: str | None = None, **changes: Any) -> dict[str, Any]:
    """The right case with changes; one rule denies it, or none."""
    expect = {"passes": {}} if rule is None else {"refused": code, "stage": "policy", "rule": rule}
    return {"about": about, "operation": "judge", "given": right(**changes), "expect": expect}


def measured(
    about: str,
    code: str | None,
    *,
    rows: list[list[Any]],
    condition: str = "true",
    earlier: dict[str, list[list[Any]]] | None = None,
    by: tuple[str, ...] = ("village",),
    **changes: Any,
) -> dict[str, Any]:
    """Rows about people, counted by subject and judged with k = 3.

    Args:
        by: the columns by which groups are told apart; they alone leave.
    """
    asked = {part: list(by) for part in ("terms__columns", "grant__columns", "shape__names")}
    given = right(grant__k=3, data__counts_people=True, **{**asked, **changes})
    given["sent"] = [[int(version), shape_of(given).shape_id] for version in earlier or {}]
    given["measure"] = {
        "columns": ["person", *by],
        "subject": "person",
        "by": list(by),
        "condition": condition,
        "rows": rows,
        "earlier": earlier or {},
    }
    expect = {"refused": code, "stage": "policy", "rule": "k-anonymity"} if code else {"passes": {}}
    return {"about": about, "operation": "judge", "given": given, "expect": expect}


def seen(closed: str, *people: tuple[int, str]) -> list[list[Any]]:
    """Rows of one village: of which state a case is, how many visits, who."""
    return [[person, "east", closed, str(many)] for many, persons in people for person in persons]


def visits(village: str, *people: str, times: int = 1) -> list[list[Any]]:
    return [[person, village] for person in people for _ in range(times)]


NOBODY_FEW = {
    "measure": [7, shape_of(RIGHT).shape_id],
    "columns": RIGHT["shape"]["names"],
    "smallest_group": 3,
    "smallest_rows": 3,
    "smallest_complement": None,
    "compared_with": [],
    "smallest_difference": None,
}
"""Numbers of the right case, where nobody stands out."""
BESIDE = {**RIGHT["grant"], "id": "b" * 32, "columns": ["village", "visits"], "k": 3}
"""Another grant of the same rows to the same node."""
SAME_VERSION = [7, "sha256-" + "0" * 64]

HELD = [["A", 3], ["SENTINEL-STAYS", 1], ["B", 2]]
LEFT: list[list[Any]] = [["A", 3], ["B", 2]]
TEXT = "Zhang 张三 (1-2)@x.y"
IDS = ["11010519491231002X", "330105199001010019", None]
BELOW = "Of the values that only rows that stay have, nothing is in the bytes of those that leave: "

VECTORS: dict[str, dict[str, Any]] = {
    "dictionary-keeps-filtered-rows": scanned(
        BELOW + "the table is held as an Arrow dictionary.",
        columns=[VILLAGE, VISITS],
        rows=HELD,
        row_filter="visits > 1",
        leave=LEFT,
        held_as="dictionary",
        absent=["SENTINEL-STAYS"],
    ),
    "enum-keeps-values": scanned(
        BELOW + "the column is an enumeration of the engine.",
        columns=[VILLAGE, VISITS],
        rows=HELD,
        row_filter="visits > 1",
        leave=LEFT,
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
    "release-right": judged("Everything is right.", None),
    "no-grant": judged("Nothing leaves without a grant.", "grant", "no-grant", grant=None),
    "row-filter-on-masked-column": judged(
        "Rows chosen by a value that a mask hides tell that value; only the owner may state such a filter.",
        "rows",
        "row-filter-on-masked-column",
        shape__names=["village", "closed", "visits", "seen_at"],
        terms__columns=["village", "closed", "visits", "seen_at"],
        grant__columns=["village", "closed", "visits", "seen_at"],
        shape__masks={"seen_at": "truncate-to-year"},
        terms__masks={"seen_at": "truncate-to-year"},
        shape__row_filter="seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'",
        terms__row_filter="seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'",
    ),
    "row-filter-of-the-owner": judged(
        "The same filter, stated by the owner in the grant.",
        None,
        shape__names=["village", "closed", "visits", "seen_at"],
        terms__columns=["village", "closed", "visits", "seen_at"],
        grant__columns=["village", "closed", "visits", "seen_at"],
        shape__masks={"seen_at": "truncate-to-year"},
        terms__masks={"seen_at": "truncate-to-year"},
        shape__row_filter="seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'",
        terms__row_filter="seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'",
        grant__row_filter="seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'",
    ),
    "core-column-without-named-grant": judged(
        "A core column leaves by name only, also where a grant states no columns.",
        "classification",
        "core-column-without-named-grant",
        data__subject={"application": "visits"},
        request__subject={"application": "visits"},
        grant__subject={"application": "visits"},
        grant__columns=None,
        shape__names=["village", "narrative"],
        terms__columns=["village", "narrative"],
    ),
    "personal-column-by-one-person": judged(
        "Who releases a personal column is not who approves it.",
        "four-eyes",
        "approver-is-releaser",
        shape__names=["village", "person_name"],
        terms__columns=["village", "person_name"],
        grant__columns=["village", "person_name"],
        request__approver="wang  li",
    ),
    "onward-without-consent": judged(
        "What we received on condition that it stays with us is passed on to nobody.",
        "onward",
        "onward-without-consent",
        data__received={"onward": "named", "named": [OTHER]},
    ),
    "onward-with-consent": judged(
        "The owner named the node.", None, data__received={"onward": "named", "named": [THERE]}
    ),
    "onward-after-the-end": judged(
        "The owner of what we received has revoked his grant.",
        "onward",
        "onward-without-consent",
        data__received={"onward": "open", "named": [], "stands": False},
    ),
    "onward-for-another-purpose": judged(
        "What we received for one purpose is granted on for another.",
        "purpose",
        "purpose-differs",
        data__received={"onward": "open", "named": [], "purpose": "statistics"},
    ),
    "onward-beyond-retention": judged(
        "What we have to delete in a fortnight is to be kept for thirty days.",
        "retention",
        "retention-too-long",
        data__received={"onward": "open", "named": [], "retain_until": "2026-11-15T00:00:00Z"},
    ),
    "column-that-nobody-may-read": judged(
        "A set has a column that no grant in force names: its ciphertext leaves, and may be kept for later.",
        "columns",
        "column-not-granted",
        terms__columns=["village", "closed"],
        grant__columns=["village", "closed"],
        request__order=["village", "closed"],
    ),
    "column-of-another-grant": judged(
        "One set serves two nodes: a column of it is granted to the other one.",
        None,
        terms__columns=["village", "closed"],
        grant__columns=["village", "closed"],
        request__order=["village", "closed"],
        others=[{**RIGHT["grant"], "id": "b" * 32, "grantee": OTHER, "columns": ["visits"]}],
    ),
    "column-of-a-grant-that-ended": judged(
        "The grant of the other node was revoked since.",
        "columns",
        "column-not-granted",
        terms__columns=["village", "closed"],
        grant__columns=["village", "closed"],
        request__order=["village", "closed"],
        others=[{**RIGHT["grant"], "id": "b" * 32, "grantee": OTHER, "columns": ["visits"], "revoked": True}],
    ),
    "row-order-leaks-withheld": judged(
        "Rows ordered by a column that the recipient does not read tell its ranks.",
        "columns",
        "row-order-leaks-withheld",
        terms__columns=["village", "closed"],
        request__order=["village", "visits"],
    ),
    "k-another-release": judged(
        "Numbers that were measured of another version are worth nothing.",
        "k-anonymity",
        "k-not-measured",
        grant__k=3,
        data__counts_people=True,
        counted={**NOBODY_FEW, "measure": [6, NOBODY_FEW["measure"][1]]},
    ),
    "k-same-version-twice": judged(
        "The same version was sent in another shape: two filters may differ by one person.",
        "k-anonymity",
        "k-not-measured",
        grant__k=3,
        data__counts_people=True,
        counted=NOBODY_FEW,
        sent=[SAME_VERSION],
    ),
    "k-same-version-compared": judged(
        "The same version in another shape, and no few people differ.",
        None,
        grant__k=3,
        data__counts_people=True,
        counted={**NOBODY_FEW, "compared_with": [SAME_VERSION]},
        sent=[SAME_VERSION],
    ),
    "k-columns-not-counted": judged(
        "Groups were counted over the columns of this parcel, without those that the recipient has already.",
        "k-anonymity",
        "k-not-measured",
        grant__k=3,
        grant__columns=["village", "closed"],
        terms__columns=["village", "closed"],
        request__order=["village"],
        others=[BESIDE],
        read=["village", "visits"],
        counted={**NOBODY_FEW, "columns": ["village", "closed"]},
    ),
    "k-of-another-grant": judged(
        "This grant states no k, and another one of the same rows to the same node does.",
        "k-anonymity",
        "k-not-measured",
        others=[BESIDE],
    ),
    "purpose-differs": judged(
        "The purpose is another one.",
        "purpose",
        "purpose-differs",
        terms__purpose="marketing",
    ),
    "k-subjects": measured(
        "Three people each, of whom all leave.",
        None,
        rows=[*visits("east", "a", "b", "c"), *visits("west", "d", "e", "f")],
    ),
    "k-rows-not-subjects": measured(
        "Six rows, but of two people.",
        "k-rows-not-subjects",
        rows=[*visits("east", "a", "b", "c"), *visits("west", "d", "e", times=3)],
    ),
    "k-complement": measured(
        "All but one person of a village leave, and the total of the village is known.",
        "k-complement",
        rows=[*visits("east", "a", "b", "c", "d"), *visits("west", "e", "f", "g")],
        condition="person <> 'd'",
    ),
    "k-columns-of-one-set": measured(
        "Three people or more in each village and state, and in each village and number of visits, which the "
        "recipient has already; the rows of one set are laid side by side, and show one of them alone.",
        "k-small-group",
        rows=[
            *seen("yes", (1, "a"), (2, "bc"), (3, "d")),
            *seen("no", (1, "ef"), (2, "g"), (3, "hi")),
        ],
        by=("village", "closed", "visits"),
        grant__columns=["village", "closed"],
        terms__columns=["village", "closed"],
        request__order=["village"],
        others=[BESIDE],
        read=["village", "visits"],
    ),
    "k-difference-between-versions": measured(
        "One person came since the version that was sent before.",
        "k-difference-between-versions",
        rows=[*visits("east", "a", "b", "c", "d"), *visits("west", "e", "f", "g")],
        earlier={"6": [*visits("east", "a", "b", "c"), *visits("west", "e", "f", "g")]},
    ),
}


def vectors() -> Iterator[Vector]:
    for name, parts in VECTORS.items():
        yield Vector(name=name, group=GROUP, now=read_moment(NOW), **parts)


def main() -> None:
    made = {vector.name: vector for vector in vectors()}
    for vector in made.values():
        vector.file.parent.mkdir(parents=True, exist_ok=True)
        vector.file.write_text(vector.text(), encoding="utf-8")
    if left := names(GROUP).keys() - made:
        raise SystemExit(f"nothing makes {', '.join(sorted(left))}")


if __name__ == "__main__":
    main()
