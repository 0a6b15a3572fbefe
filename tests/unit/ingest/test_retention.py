"""What retention lets go: never what is undecided, in the table, or in a publication that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from shanhai.contracts.retention import FOR_EVER, Retention
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.retention import Standing, judge, that_count
from shanhai.warehouse.publications import Publication

NOW = datetime(2024, 6, 1, tzinfo=UTC)
OLD = Standing(
    DeliveryId(DatasetId("acity", "events"), "a", "a" * 64),
    pulled_at=NOW - timedelta(days=100),
    verdict="accepted",
    refused=True,
)
BOTH = Retention(quarantine_days=30, snapshot_days=90)


def going(standing: Standing, retention: Retention = BOTH) -> dict[str, bool]:
    return {ruling.part: ruling.goes for ruling in judge(standing, retention, NOW)}


def whys(standing: Standing, retention: Retention = BOTH) -> dict[str, str]:
    return {ruling.part: ruling.why for ruling in judge(standing, retention, NOW)}


@pytest.mark.parametrize(
    ("changed", "quarantine", "snapshot", "told"),
    [
        ({}, True, True, "kept for 90"),
        ({"verdict": "refused"}, True, True, "100 days ago"),
        ({"verdict": "withdrawn"}, True, True, "100 days ago"),
        ({"verdict": None, "refused": False}, None, False, "no verdict"),
        ({"verdict": "held"}, False, False, "held"),
        ({"in_table": 1}, True, False, "the table has 1 rows"),
        ({"publications": (4, 7)}, True, False, "publication 4, 7"),
        ({"built": True}, True, False, "last build"),
        ({"settled_at": NOW - timedelta(days=6)}, True, False, "may be undone"),
        ({"settled_at": NOW - timedelta(days=7)}, True, True, "kept for 90"),
        ({"pulled_at": NOW - timedelta(days=60)}, True, False, "60 days ago, kept for 90"),
        ({"pulled_at": NOW - timedelta(days=10)}, False, False, "10 days ago"),
        ({"pulled_at": NOW + timedelta(days=200)}, False, False, "kept for 90"),
        ({"pulled_at": NOW - timedelta(days=90)}, True, True, "90 days ago"),
        ({"pulled_at": NOW - timedelta(days=90) + timedelta(seconds=1)}, True, False, "89 days ago"),
        ({"purged": frozenset({"quarantine"})}, None, True, "kept for 90"),
    ],
)
def test_a_part_goes_when_it_is_old_and_nothing_rests_on_it(changed, quarantine, snapshot, told):
    standing = replace(OLD, **changed)
    assert (going(standing).get("quarantine"), going(standing)["snapshot"]) == (quarantine, snapshot)
    assert told in whys(standing)["snapshot"]


def test_without_a_word_all_is_kept_for_ever():
    assert going(OLD, FOR_EVER) == {"quarantine": False, "snapshot": False}
    assert "for ever" in whys(OLD, FOR_EVER)["snapshot"]
    assert going(OLD, Retention(quarantine_days=1)) == {"quarantine": True, "snapshot": False}


def test_what_is_purged_is_judged_no_more():
    assert going(replace(OLD, purged=frozenset({"quarantine", "snapshot"}))) == {}


@pytest.mark.parametrize(
    "stated",
    [{"snapshot_days": 5}, {"snapshot_days": 5, "quarantine_days": 6}, {"quarantine_days": 0}, {"days": 5}],
)
def test_rows_do_not_outlive_the_bytes_they_are_released_from(stated):
    with pytest.raises(ValidationError):
        Retention.model_validate(stated)


def test_the_newest_publication_counts_however_old_it_is():
    def published(number: int, days: int) -> Publication:
        return Publication(number, str(number), NOW - timedelta(days=days), (), ())

    known = [published(1, 400), published(2, 50), published(3, 200)]
    assert [one.number for one in that_count(known, 90, NOW)] == [2, 3]
    assert [one.number for one in that_count(known, 10, NOW)] == [3]
    assert [one.number for one in that_count(known, None, NOW)] == [1, 2, 3]
    assert that_count([], 90, NOW) == []
