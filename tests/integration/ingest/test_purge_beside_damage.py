"""What is damaged in one dataset keeps no text of another one's refused rows longer than was stated."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from another_dataset import OTHERS, declare_another
from one_city import HEADER, City

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
