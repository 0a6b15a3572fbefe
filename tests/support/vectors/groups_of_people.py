"""Cases of the group `shape`: releases of rows about people, whom no small group may show."""

from __future__ import annotations

from typing import Any

from vectors.judgements import judged
from vectors.shape_cases import RIGHT, right, shape_of

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


VECTORS: dict[str, dict[str, Any]] = {
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
