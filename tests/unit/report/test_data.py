"""Sums and shares of the report."""

from __future__ import annotations

from shanhai.ingest.books import Counts
from shanhai.report.balance import bad_share, difference, total
from shanhai.report.data import ReportData
from shanhai.report.refused import Refused, by_reason


def test_totals_add_up_over_datasets(report: ReportData) -> None:
    assert report.counts == total(dataset.counts for dataset in report.datasets)
    assert difference(report.counts) == 0
    assert report.unbalanced == ()


def test_verdicts_leave_none_out(report: ReportData) -> None:
    assert report.verdicts == {"accepted": 5, "held": 1, "refused": 1, "withdrawn": 1}


def test_decisions_are_those_of_people_newest_first(report: ReportData) -> None:
    assert [entry.decided_by for entry in report.decisions] == ["王强", "李薇"]


def test_reasons_are_most_first(report: ReportData) -> None:
    counts = [count for delivery in report.deliveries for count in delivery.quarantine]
    found = by_reason(counts)
    assert [name for name, _ in found] == ["meter_id.pattern", "flow_m3.range"]
    assert sum(refused.rows for _, refused in found) == sum(count.refused.rows for count in counts)


def test_a_released_row_is_refused_and_not_quarantined() -> None:
    refused = Refused(open=1, discarded=2) + Refused(purged=4, released=8)
    assert (refused.rows, refused.quarantined) == (15, 7)


def test_share_of_nothing_is_nothing() -> None:
    assert bad_share(Counts()) == 0
