"""What is damaged in one dataset keeps no text of another one's refused rows longer than was stated."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from another_dataset import OTHERS, declare_another
from one_city import HEADER, City

from shanhai.cli import main
from shanhai.errors import DamagedError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger_as_it_is
from shanhai.ingest.purge import purge
from shanhai.warehouse.lake import LakeTable

EVENTS = DatasetId("acity", "events")


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Two datasets, each with one delivery that has a refused row, whose time is over."""
    city = City(tmp_path_factory.mktemp("walked") / "city")
    city.root.mkdir()
    city.declare(retention={"quarantine_days": 1, "snapshot_days": 1})
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    declare_another(city, f"{HEADER}o,1,2024-01-01\nb,x,2024-01-01\n")
    for dataset in (EVENTS, OTHERS):
        walk.walk(city.node, dataset)
    city.quarantined()
    city.now += timedelta(days=30)
    return city


@pytest.fixture
def city(walked: City, tmp_path: Path) -> City:
    return walked.copied(tmp_path / "city")


def _with_text(city: City, dataset: DatasetId) -> list[Path]:
    (booked,) = (row for row in ledger_as_it_is(city.node) if row.delivery.dataset == dataset)
    return list(city.node.quarantine.glob(f"{booked.delivery.key}-*"))


def _cut_a_commit(table: LakeTable) -> Path:
    file = table.path / "_delta_log" / f"{1:020}.json"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    return file


def _lose_a_file(table: LakeTable) -> Path:
    (name,) = table.files()
    (table.path / name).unlink()
    return table.path / name


@pytest.mark.parametrize("damage", [_cut_a_commit, _lose_a_file])
@pytest.mark.parametrize("chosen", [[EVENTS, OTHERS], [OTHERS]], ids=["both", "the other"])
def test_texts_of_the_others_go_and_what_is_damaged_is_told(city: City, damage, chosen) -> None:
    file = damage(LakeTable.open(city.node.table(EVENTS)))
    before = _with_text(city, OTHERS)
    assert before
    with pytest.raises(DamagedError) as told:
        purge(city.node, chosen)
    assert str(file) in str(told.value.given)
    assert not set(before) & set(_with_text(city, OTHERS))


def test_what_went_is_listed_before_what_is_damaged(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot be undone. The next purge lists it no more, since it goes once."""
    file = _cut_a_commit(LakeTable.open(city.node.table(EVENTS)))
    where = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    tried = []
    for _ in range(2):
        code = main([*where, "purge", "--format", "json"])
        out, told = capsys.readouterr()
        assert (code, file.name in told) == (65, True)
        tried.append((json.loads(out or "[]"), "shanhai report" in told))
    (went, says_report), again = tried
    assert again == ([], False)
    assert [(one["dataset"], one["part"], one["does"]) for one in went] == [
        (str(OTHERS), "quarantine", "goes")
    ]
    assert re.fullmatch(r"pulled \d+ days ago, kept for 1", went[0]["why"])
    assert says_report


def test_a_purge_that_took_nothing_lists_nothing(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    _cut_a_commit(LakeTable.open(city.node.table(EVENTS)))
    where = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    assert main([*where, "purge", "--dataset", str(EVENTS)]) == 65
    out, told = capsys.readouterr()
    assert (out, "Purged" in told, "shanhai report" in told) == ("", False, False)
