"""Medians, ratios, and the words that are made of them."""

from __future__ import annotations

import re
import statistics
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.peers.book import CHECK, VALIDATE, WITH_SNAPSHOT, Book, Size, record_series
from benchmarks.peers.catalogue import SUBJECTS, subjects
from benchmarks.peers.environments import versions
from benchmarks.peers.figures import figures, times_as_fast
from benchmarks.peers.page import page
from benchmarks.peers.process import Run
from benchmarks.peers.series import Outcome, Series
from benchmarks.peers.table import table
from benchmarks.peers.truth import Truth

MIB = 2**20
TRUTH = Truth(all={}, typed={}, good={}, counts={"a.type": 4, "b.range": 0}, quarantined=4, duplicates=1)
MACHINE = {
    "processor": "one of a kind",
    "cores": 2,
    "memory_gib": 24,
    "system": "Linux 6",
    "python": "3.11",
    "engines": {"duckdb": "1.5.5"},
    "load": 0.0,
    "offline": True,
}


def run(seconds: float, *, peak: int = 100, **steps: float) -> Run:
    """A run whose processor seconds are twice its seconds."""
    named = steps or {"run": seconds}
    return Run({name: {"seconds": one, "cpu": 2 * one} for name, one in named.items()}, peak * MIB)


def size(rows: int = 1_000_000, **runs: list[Run]) -> Size:
    """A size, with runs by subject."""
    outcomes = [Outcome(one, runs=runs[one.name]) for one in SUBJECTS if one.name in runs]
    series = Series(rows, 104 * rows, TRUTH, outcomes)
    return record_series(series, MACHINE, at=datetime(2026, 11, 21, tzinfo=UTC), limit_seconds=240)


def test_a_median_is_that_of_each_figure_for_itself():
    runs = [run(3, peak=100), run(1, peak=300), run(2, peak=200), run(90, peak=250), run(2.5, peak=210)]
    found = figures(runs)
    assert (found.seconds, found.fastest, found.slowest) == (2.5, 1, 90)
    assert (found.cpu, found.peak_bytes, found.runs) == (5, 210 * MIB, 5)
    assert found.rate(1_000_000) == 400_000


def test_only_the_named_steps_count_and_all_are_kept():
    found = figures([run(0, pull=5, stage=2, check=1, load=0.5)], ("stage", "check", "load"))
    assert (found.seconds, found.cpu) == (3.5, 7)
    assert found.steps["pull"] == {"seconds": 5, "cpu": 10}


def test_no_run_has_no_median():
    with pytest.raises(statistics.StatisticsError):
        figures([])


def test_half_the_seconds_are_twice_as_fast():
    assert times_as_fast(figures([run(2)]), figures([run(4)])) == 2
    assert times_as_fast(figures([run(4)]), figures([run(2)])) == 0.5


def test_parts_of_ours_and_theirs_stand_beside_the_whole():
    gx = [run(0, read=1, validate=6, write=2)]
    found = size(shanhai=[run(0, pull=1, stage=2, check=3, load=4)], **{"pandas-gx": gx}).figures
    assert [found[name].seconds for name in ("shanhai", WITH_SNAPSHOT, CHECK)] == [9, 10, 3]
    assert [found[name].seconds for name in ("pandas-gx", VALIDATE)] == [9, 6]


def test_the_table_tells_rates_parts_of_the_limit_and_factors():
    known = size(
        limit=[run(0.5)], shanhai=[run(0, pull=0.5, stage=1, check=0.75, load=0.25)], sling=[run(12)]
    )
    lines = {line.split("  ")[0]: line for line in table(known).splitlines()}
    assert lines["the limit"].split()[2:] == [
        "1",
        "2,000,000",
        "0.50",
        "0.50–0.50",
        "1.00",
        "0.25",
        "×",
        "1.00",
        "100",
        "MiB",
    ]
    assert lines["Shanhai"].split()[1:6] == ["1", "500,000", "2.00", "2.00–2.00", "0.25"]
    assert "6.00 ×" in lines["Sling into DuckDB"]
    assert "0.20" in lines["Shanhai, the snapshot taken too"]


def test_each_line_tells_of_how_many_runs_its_medians_are():
    gx = [run(0, read=1, validate=6, write=2)]
    ours = [run(0, pull=1, stage=2, check=3, load=4)] * 3
    known = size(limit=[run(1)] * 3, shanhai=ours, **{"pandas-gx": gx})
    known.left_out["sling"] = "took more than 240 s"
    lines = [line.split("|") for line in page(Book({1: known})).splitlines() if line.count("|") == 10]
    told = {cells[1].strip(): cells[2].strip() for cells in lines}
    assert told["the limit"] == told["Shanhai"] == told["Shanhai, the snapshot taken too"] == "3"
    assert told["validation alone: Shanhai's check"] == "3"
    assert told["pandas and Great Expectations"] == told["validation alone: GX over the frame"] == "1"
    assert (told[""], told["Sling into DuckDB"]) == ("n", "0")
    assert "medians of 3 runs, of *n* where those are fewer, at most 240 s" in page(Book({1: known}))
    assert "GB, one run each, at most" in page(Book({1: size(limit=[run(1)])}))


def test_the_page_that_is_kept_tells_who_was_measured_once():
    kept = (Path(__file__).parents[3] / "benchmarks" / "PEERS.md").read_text(encoding="utf-8")
    titles = {subject.title for subject in SUBJECTS}
    sizes = [part for part in kept.split("\n## ") if "\nMeasured " in part]
    assert sizes
    for part in sizes:
        once = {line[2:].split(" took more")[0] for line in part.splitlines() if line.endswith("again.")}
        lines = [line.split("|") for line in part.splitlines() if line.count("|") == 10]
        told = {cells[1].strip(): cells[2].strip() for cells in lines if cells[1].strip() in titles}
        asked = re.search(r"medians of (\d+) runs|(?P<one>one) run each", part)
        assert asked is not None
        usual = "1" if asked["one"] else asked[1]
        assert told == {title: "1" if title in once else usual for title in told}
        assert once <= told.keys()


def test_a_long_run_completes_a_short_one(tmp_path: Path):
    file = tmp_path / "kept" / "peers.json"
    Book({1: size(limit=[run(1)])}).write(file)
    book = Book.read(file)
    assert book.sizes[1_000_000] == size(limit=[run(1)])
    book.keep(size(limit=[run(3)]))
    assert book.sizes[1_000_000].figures["limit"].seconds == 3


def test_the_page_tells_what_is_missing_and_what_was_wrong():
    known = size(limit=[run(1)], shanhai=[run(0, pull=1, stage=2, check=1, load=0)])
    known.left_out["sling"], known.wrong["delta-rs"] = "took more than 240 s", "rows 9 instead of 10"
    told = page(Book({1_000_000: known}))
    assert "## 1 million rows" in told
    assert "- Sling into DuckDB took more than 240 s." in told
    assert "**The result of delta-rs append was wrong**: rows 9 instead of 10." in told
    assert "stage 2.00 s (2.00 × the limit's time)" in told


def test_a_target_is_reached_or_missed_by_what_was_measured():
    ours = run(0, peak=1900, pull=9, stage=1, check=0.5, load=0.5)
    small = size(limit=[run(0.8)], shanhai=[ours], sling=[run(9.9)], **{"dlt-arrow-delta": [run(2.1)]})
    more = run(0, peak=1908, pull=9, stage=15, check=5, load=2)
    large = size(10_000_000, limit=[run(8)], shanhai=[more], sling=[run(110)])
    told = {
        line.split("|")[1].strip(): line
        for line in page(Book({1: small, 10: large})).splitlines()
        if "|" in line
    }
    assert told["0.4 of the limit"].endswith("| 0.40 | 0.36, **missed** |")
    assert told["five times as fast as Sling"].endswith("| 4.95 ×, **missed** | 5.00 × |")
    assert told["faster than dlt's Arrow path into Delta"].endswith("| 1.05 × |  |")
    assert told["less than 2 GB of memory"].endswith("| 1.99 GB | 2.00 GB, **missed** |")
    assert told["time per row, beside the size before: no more"].endswith("|  | 1.10 ×, **missed** |")


def test_of_what_is_missed_the_page_tells_which_part_costs_it():
    """The part that is too slow by itself, or else the least one that is slow enough to be the reason."""
    small = size(limit=[run(0.4)], shanhai=[run(0, pull=9, stage=0.9, check=0.6, load=0.1)])
    ours = run(0, peak=1908, pull=9, stage=13, check=9, load=1)
    large = size(10_000_000, limit=[run(5)], shanhai=[ours], sling=[run(80)])
    told = {line.split(":")[0]: line for line in page(Book({1: small, 10: large})).splitlines()}
    assert told["- 0.4 of the limit"].partition(": ")[2] == (
        "of 1,000,000 rows the check, 0.60 s, where 0.60 s are too many; "
        "of 10,000,000 rows the stage, 13.00 s by itself, where 12.50 s are allowed in all."
    )
    assert told["- five times as fast as Sling"].partition(": ")[2] == (
        "of 10,000,000 rows the check, 9.00 s, where 7.00 s are too many."
    )
    assert told["- time per row, beside the size before"].endswith(
        "of 10,000,000 rows the check, 1.50 × (0.60 → 9.00 s), then the stage, 1.44 × (0.90 → 13.00 s), "
        "then the load, 1.00 × (0.10 → 1.00 s)."
    )
    assert "over all parts together" in told["- less than 2 GB of memory"]
    assert "What costs those that are missed" not in page(Book({1: size(limit=[run(1)])}))


def test_whom_a_larger_size_left_out_is_told_with_what_they_took_of_the_smaller():
    small = size(limit=[run(1)], sling=[run(90)], **{"delta-rs": [run(2)]})
    large = size(10_000_000, limit=[run(9)], **{"delta-rs": [run(20)]})
    large.left_out["dlt-arrow-delta"] = "took more than 900 s"
    (told,) = (
        line for line in page(Book({1: small, 10: large})).splitlines() if line.startswith("Not measured")
    )
    assert told.startswith(
        "Not measured at this size, with what they took of 1 million rows: Sling into DuckDB (90 s, "
    )
    assert "," not in told.partition("(90 s, ")[2]
    assert "Not measured" not in page(Book({1: small}))


def test_a_page_without_figures_says_so():
    assert "No figures yet" in page(Book())


def test_every_peer_is_pinned_and_tells_the_version_it_shows():
    for subject in SUBJECTS:
        assert sorted(versions(subject)) == sorted(subject.shows)


def test_a_name_that_nobody_has_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"nobody is called slink; known are limit, shanhai, .*sling"):
        subjects(["slink", "limit"])
