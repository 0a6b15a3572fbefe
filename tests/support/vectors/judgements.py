"""Cases of the group `shape`: what the rules of policy say of one release."""

from __future__ import annotations

from typing import Any

from vectors.shape_cases import OTHER, RIGHT, THERE, right


def judged(about: str, rule: str | None, code: str | None = None, **changes: Any) -> dict[str, Any]:
    """The right case with changes; one rule denies it, or none."""
    expect = {"passes": {}} if rule is None else {"refused": code, "stage": "policy", "rule": rule}
    return {"about": about, "operation": "judge", "given": right(**changes), "expect": expect}


SINCE_JUNE = "seen_at > TIMESTAMPTZ '2026-06-01 00:00:00+08'"
SHOWN = ["village", "closed", "visits", "seen_at"]
BY_YEAR = {"seen_at": "truncate-to-year"}
MASKED_TIME: dict[str, Any] = {
    "shape__names": SHOWN,
    "terms__columns": SHOWN,
    "grant__columns": SHOWN,
    "shape__masks": BY_YEAR,
    "terms__masks": BY_YEAR,
    "shape__row_filter": SINCE_JUNE,
    "terms__row_filter": SINCE_JUNE,
}
"""A time of which the year is shown, and rows that are chosen by the time itself."""
GRANTED = ["village", "closed"]
WITHOUT_VISITS: dict[str, Any] = {
    "terms__columns": GRANTED,
    "grant__columns": GRANTED,
    "request__order": GRANTED,
}
"""The recipient may read all columns of the set but one."""
OF_VISITS: dict[str, Any] = {**RIGHT["grant"], "id": "b" * 32, "grantee": OTHER, "columns": ["visits"]}
"""A grant of that one to another node."""

VECTORS: dict[str, dict[str, Any]] = {
    "release-right": judged("Everything is right.", None),
    "no-grant": judged("Nothing leaves without a grant.", "grant", "no-grant", grant=None),
    "row-filter-on-masked-column": judged(
        "Rows chosen by a value that a mask hides tell that value; only the owner may state such a filter.",
        "rows",
        "row-filter-on-masked-column",
        **MASKED_TIME,
    ),
    "row-filter-of-the-owner": judged(
        "The same filter, stated by the owner in the grant.",
        None,
        **MASKED_TIME,
        grant__row_filter=SINCE_JUNE,
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
        **WITHOUT_VISITS,
    ),
    "column-of-another-grant": judged(
        "One set serves two nodes: a column of it is granted to the other one.",
        None,
        **WITHOUT_VISITS,
        others=[OF_VISITS],
    ),
    "column-of-a-grant-that-ended": judged(
        "The grant of the other node was revoked since.",
        "columns",
        "column-not-granted",
        **WITHOUT_VISITS,
        others=[{**OF_VISITS, "revoked": True}],
    ),
    "row-order-leaks-withheld": judged(
        "Rows ordered by a column that the recipient does not read tell its ranks.",
        "columns",
        "row-order-leaks-withheld",
        terms__columns=["village", "closed"],
        request__order=["village", "visits"],
    ),
    "purpose-differs": judged(
        "The purpose is another one.",
        "purpose",
        "purpose-differs",
        terms__purpose="marketing",
    ),
}
