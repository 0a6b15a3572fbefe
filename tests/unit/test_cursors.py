"""How far a source was read is told by an unbroken chain of deliveries that are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shanhai.ingest.cursors import continued
from shanhai.ingest.sidecar import BodyRef, Sidecar

Pull = tuple[str, str | None, str | None]
"""Name of a delivery, the cursor that it continued from, the cursor that it reaches."""


def sidecar(number: int, name: str, since: str | None, cursor: str | None) -> Sidecar:
    facts = {} if cursor is None else {"cursor": cursor}
    return Sidecar(
        delivery=name,
        bodies=(BodyRef(name="t.parquet", sha256="0" * 64, size=1, origin="", facts=facts),),
        window=None,
        pulled_at=datetime(2024, 3, 1, 0, number, tzinfo=UTC),
        order=1,
        number=1,
        contract_version="1.0.0",
        licence="",
        since=since,
    )


A: Pull = ("A", None, "100")
B: Pull = ("B", "100", "200")
C: Pull = ("C", "200", "300")


@pytest.mark.parametrize(
    ("pulls", "dropped", "reached"),
    [
        ([], "", None),
        ([("A", None, None)], "", None),
        ([A], "", "100"),
        ([A], "A", None),
        ([A, B, C], "", "300"),
        ([A, B, C], "C", "200"),
        # What continued from a refused delivery does not make up for its rows.
        ([A, B, C], "B", "100"),
        ([A, B, C], "A", None),
        ([A, B, C, ("D", "100", "320")], "B", "320"),
        ([A, B, C, ("D", "100", "320"), ("E", "320", "400")], "B", "400"),
        # One that was refused and is approved after all counts again.
        ([A, B, ("D", "100", "320")], "", "320"),
        # A whole pull begins anew, also where an older copy was restored.
        ([A, B, C, ("F", None, "150")], "", "150"),
        ([A, B, C, ("F", None, "150"), ("G", "150", "160")], "", "160"),
        ([A, B, C, ("F", None, "150")], "F", "300"),
        ([A, B, ("W", None, None)], "", "200"),
    ],
)
def test_the_chain_ends_where_nothing_below_is_missing(pulls: list[Pull], dropped: str, reached: str | None):
    known = [sidecar(number, *pull) for number, pull in enumerate(pulls)]
    assert continued(known, set(dropped)) == reached
