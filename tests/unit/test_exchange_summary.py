"""What the run in one command says of the exchange: its last line, and where both ends differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.local.exchanged import Crossed, Exchanged, describe_exchange, disagreements

TABLE = Crossed("gongshu.events", "longyou", 7, 1200, "admitted", 1200, "admitted")
BOARD = Crossed("notice_board", "longyou", 1, 12, "opened", 12, "received")
MART = Crossed("marts.mart_event_clock", "zhaohua", 3, 40, "-", None, "shipped")
GARBAGE = Crossed("gongshu.events", "zhaohua", 7, 1200, "refused", None, "refused")
DENIED = "marts.mart_meter_alert to zhaohua: share-class (not-shared)"


def test_the_last_line_counts_releases_parcels_receipts_and_refusals():
    found = Exchanged([TABLE, BOARD, MART, GARBAGE], before=1, denied=[DENIED])
    lines = list(describe_exchange(found))
    assert lines[-1] == (
        "4 releases, 3 of them new in this run; 3 parcels there; 3 receipts;"
        " refused: 1 by policy, 1 by partners"
    )
    assert lines[-2] == f"denied by policy: {DENIED}"
    table = next(line for line in lines if "gongshu.events  " in line and "longyou" in line)
    assert table.split() == ["gongshu.events", "longyou", "7", "1,200", "1,200", "admitted", "admitted"]


def test_where_nothing_crossed_nothing_is_counted():
    *_, last = describe_exchange(Exchanged([], before=0, denied=[]))
    assert last == (
        "0 releases, 0 of them new in this run; 0 parcels there; 0 receipts;"
        " refused: 0 by policy, 0 by partners"
    )


def test_ends_that_say_the_same_do_not_disagree():
    assert list(disagreements(Exchanged([TABLE, BOARD], before=0, denied=[DENIED]))) == []


@pytest.mark.parametrize(
    "one",
    [
        replace(TABLE, rows_there=1199),
        replace(TABLE, rows_there=None),
        replace(TABLE, receipt="received"),
        replace(TABLE, there="opened"),
        replace(BOARD, receipt="admitted"),
        MART,
        GARBAGE,
    ],
    ids=["a row less", "not booked", "not told", "not admitted", "told more", "not there", "refused"],
)
def test_each_difference_is_named(one: Crossed):
    (told,) = disagreements(Exchanged([TABLE, one, BOARD], before=0, denied=[]))
    assert told == (
        f"the ends disagree: {one.subject} {one.version} to {one.partner}: {one.rows} rows,"
        f" {one.receipt} here; {one.rows_there} rows, {one.there} there"
    )
