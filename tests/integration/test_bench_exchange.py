"""The harness of `make bench-exchange` on a small table: all is measured, and wrong rows are noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from required import program

from benchmarks.exchange.page import Run, page
from benchmarks.exchange.parts import parts_of
from benchmarks.exchange.rounds import Measured, OtherRowsError, measure_all, measure_memory
from benchmarks.exchange.subjects import BY_HAND, OPEN, RECIPIENT, SEAL, SUBJECTS, WRITE_PLAIN, WRITE_SET
from benchmarks.exchange.table import CHOSEN, FILTER, Table, generate, sums
from benchmarks.peers.machine import machine

MEGABYTES, ROWS = 0.3, 2500
MIB = 2**20


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    program("/usr/bin/age", "age")
    folder = tmp_path_factory.mktemp("exchange")
    return measure_all(folder, MEGABYTES, repeat=1, limit_seconds=1200, say=lambda _: None)


def test_every_subject_has_its_figures_and_the_page_tells_them(measured: Measured):
    assert measured.rows == ROWS
    assert set(measured.runs) == set(SUBJECTS)
    for (run,) in measured.runs.values():
        assert run.seconds() > 0
        assert run.peak_bytes > run.own_bytes > 10 * MIB
    assert list(measured.runs[BY_HAND][0].steps) == ["copy out", "age", "carry", "age -d", "read"]
    told = page(Run(measured, None, {**machine(), "load": 0.0}, date(2026, 11, 22)))
    assert all(SUBJECTS[name].title in told for name in SUBJECTS if name != RECIPIENT)
    assert f"{ROWS:,} rows" in told
    parts = {one.text: one for one in parts_of(measured)}
    assert all(text in told for text in parts)
    by_hand = sum(one.share for text, one in parts.items() if text.startswith("by hand: "))
    assert 0.9 < by_hand < 1.1


def test_a_new_recipient_costs_a_message_whose_size_grows_with_the_columns(measured: Measured):
    (run,) = measured.runs[RECIPIENT]
    sizes = run.counts or {}
    assert set(sizes) == set(run.steps)
    assert 4096 < sizes["6 columns, x-wing"] < sizes["200 columns, x-wing"] < MIB


def test_rows_that_should_not_have_left_are_noticed(tmp_path: Path):
    wide = replace(SUBJECTS[WRITE_PLAIN], columns=CHOSEN)
    with pytest.raises(OtherRowsError, match=f"write-plain: .*rows {ROWS} instead of"):
        measure_all(tmp_path, MEGABYTES, repeat=1, limit_seconds=1200, say=lambda _: None, subjects=[wide])


def test_one_other_value_in_a_set_is_noticed(tmp_path: Path):
    honest = SUBJECTS[WRITE_SET]
    assert honest.left is not None
    left = honest.left
    other = replace(honest, left=lambda target: {**left(target), "text": 1})
    with pytest.raises(OtherRowsError, match="write-set: text 1 instead of"):
        measure_all(tmp_path, MEGABYTES, repeat=1, limit_seconds=1200, say=lambda _: None, subjects=[other])


def test_a_large_table_goes_the_whole_way_and_leaves_nothing(tmp_path: Path):
    large = measure_memory(tmp_path, MEGABYTES, limit_seconds=1200, say=lambda _: None)
    assert set(large.runs) == {SEAL, OPEN}
    assert 0 < large.decoded < ROWS * 120
    assert not (tmp_path / "large").exists()


def test_the_filter_takes_some_rows_and_leaves_most(tmp_path: Path):
    table = Table(tmp_path / "table")
    generate(table, ROWS, stream=False)
    leaving = sums(f"{table.relation} WHERE {FILTER}", tmp_path, names=CHOSEN)["rows"]
    assert 0.85 * ROWS < leaving < 0.95 * ROWS
