"""Ratios of `make bench-exchange`: medians, what is meant by each, and what is missed."""

from __future__ import annotations

from datetime import date

from benchmarks.exchange.page import Run as Page
from benchmarks.exchange.page import page
from benchmarks.exchange.ratios import ratios
from benchmarks.exchange.rounds import Measured
from benchmarks.exchange.subjects import (
    OPEN,
    RECIPIENT,
    SEAL,
    SUBJECTS,
    WRITE_PLAIN,
)
from benchmarks.peers.process import Run

MACHINE = {
    "processor": "one of a kind",
    "cores": 2,
    "memory_gib": 24,
    "system": "Linux 6",
    "python": "3.11",
    "engines": {"pyarrow": "26.0.1"},
    "load": 0.0,
}


def run(*, peak: int = 10**8, **steps: float) -> Run:
    """A run whose processor seconds are twice its seconds."""
    return Run({name: {"seconds": one, "cpu": 2 * one} for name, one in steps.items()}, peak, None, peak // 2)


def measured(**changed: list[Run]) -> Measured:
    """Everything takes a second but what is given, by the name of the subject with underscores."""
    runs = {name: changed.get(name.replace("-", "_"), [run(step=1.0)]) for name in SUBJECTS}
    runs[WRITE_PLAIN] = changed.get("write_plain", [run(write=1.0, fsync=1.0)])
    runs[SEAL] = changed.get("seal", [run(**{"scan and seal": 1.0, "ship": 0.5})])
    runs[OPEN] = changed.get("open", [run(fetch=0.5, open=1.0)])
    runs[RECIPIENT] = [
        Run({"6 columns, x-wing": {"seconds": 0.0125, "cpu": 0}}, 1, {"6 columns, x-wing": 22537})
    ]
    return Measured(8000, 10**6, 5 * 10**5, runs)


def of(found: Measured, text: str) -> tuple[float, float, bool]:
    (one,) = (one for one in ratios(found) if one.text == text)
    return round(one.found, 3), round(one.cpu, 3), one.reached


def test_a_set_is_compared_with_the_write_and_with_its_fsync_beside():
    found = measured(write_set=[run(seal=1.5), run(seal=9.0), run(seal=1.04)])
    assert of(found, "writing a set, beside plain zstd Parquet") == (1.5, 1.5, False)
    assert of(found, "… a set, beside plain Parquet with an fsync") == (0.75, 0.75, True)
    found = measured(write_set=[run(seal=1.05)])
    assert of(found, "writing a set, beside plain zstd Parquet") == (1.05, 1.05, True)


def test_opening_is_that_of_a_cell_and_the_bare_one_explains_it():
    found = measured(read_cell=[run(read=1.2)], read_sealed=[run(read=1.05)])
    assert of(found, "opening in a cell, beside reading plain Parquet") == (1.2, 1.2, False)
    assert of(found, "… without a cell") == (1.05, 1.05, True)


def test_the_whole_way_is_both_ends_together():
    found = measured(
        seal=[run(**{"scan and seal": 1.0, "ship": 0.5})],
        open=[run(fetch=0.5, open=1.0)],
        by_hand=[run(a=1.5, b=0.4)],
    )
    assert of(found, "seal → open, beside the same by hand") == (1.579, 1.579, False)


def test_memory_beyond_a_gigabyte_is_missed_and_what_was_not_measured_says_so():
    found = measured(
        seal=[run(peak=10**9, **{"scan and seal": 1.0, "ship": 0.5})],
        open=[run(peak=10**9 - 1, fetch=0.5, open=1.0)],
    )
    told = page(Page(found, None, MACHINE, date(2026, 11, 22)))
    assert "| memory of scan, seal, ship, 8,000 rows | 1.00 GB, **missed** |" in told
    assert "| memory of fetch, open, 8,000 rows | 1.00 GB | |" in told
    assert "eight times as large | not measured in this run |" in told
    large = Measured(64_000, 8 * 10**6, 0, {SEAL: found.runs[SEAL], OPEN: found.runs[OPEN]})
    told = page(Page(found, large, MACHINE, date(2026, 11, 22)))
    assert "| memory of scan, seal, ship, 64,000 rows | 1.00 GB, **missed** |" in told
    assert "not measured" not in told


def test_the_page_tells_a_new_recipient_in_bytes_and_milliseconds():
    told = page(Page(measured(), None, MACHINE, date(2026, 11, 22)))
    assert "| 6 columns, x-wing | 22,537 | 12.5 |" in told
    assert "Measured 2026-11-22: 8,000 rows, 0.001 GB decoded" in told
