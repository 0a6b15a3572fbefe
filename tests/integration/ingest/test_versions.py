"""A contract that means something else has a version that says so, or nothing is staged under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from one_city import COLUMNS, DATASET, HEADER, City

from shanhai.cli import main
from shanhai.errors import ContractError
from shanhai.ingest.purge import purge
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.ingest.versions import last_contract
from shanhai.ingest.walk import stage_step

FIRST = HEADER + "a,5,2024-03-01 00:00:00\n"
SECOND = HEADER + "b,-6,2024-03-01 00:00:00\n"


def without_minimum() -> list[dict[str, object]]:
    return [{key: one[key] for key in one if key != "logicalTypeOptions"} for one in COLUMNS]


@pytest.fixture
def loaded(city: City) -> City:
    city.declare(version="1.0.0")
    city.put("p1.csv", FIRST)
    city.walk()
    city.put("p2.csv", SECOND)
    return city


@pytest.mark.parametrize("version", ["1.0.0", "1.0.1", "0.9.0"])
def test_a_version_that_rose_too_little_stages_nothing(loaded: City, version: str):
    loaded.declare(columns=without_minimum(), version=version)
    (delivery,) = pull(loaded.node, DATASET)
    with pytest.raises(ContractError) as caught:
        stage(loaded.node, delivery)
    assert caught.value.allowed == "version 1.1.0 or higher"
    assert "n.minimum" in str(caught.value.given)
    assert not loaded.staging(delivery).exists()
    assert loaded.rows() == [("a", 5)]


def test_what_all_wait_for_is_said_of_the_first_at_once_and_of_the_others_once(
    loaded: City, caplog: pytest.LogCaptureFixture
):
    loaded.declare(columns=without_minimum(), version="1.0.1")
    for name in ("p3", "p4"):
        loaded.put(f"{name}.csv", SECOND.replace("b", name))
    first, *_ = pull(loaded.node, DATASET)
    said: dict[int, list[str]] = {}

    def progress(_what: str, done: int, _of: int) -> None:
        said[done] = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]

    with pytest.raises(ContractError):
        stage_step(replace(loaded.node, progress=progress), DATASET)
    assert [len(lines) for lines in said.values()] == [0, 1, 1, 1]
    (line,) = said[1]
    assert line.startswith(f"failed dataset=acity.events delivery={first.short} error=")
    others = caplog.records[-1].getMessage()
    assert others.startswith("failed dataset=acity.events more=2 error=")
    assert "version 1.1.0 or higher" in line
    assert "version 1.1.0 or higher" in others


def test_one_that_rose_enough_goes_on_and_is_the_next_to_compare_with(loaded: City):
    loaded.declare(columns=without_minimum(), version="1.1.0")
    loaded.walk()
    assert loaded.rows() == [("a", 5), ("b", -6)]
    last = last_contract(loaded.node, DATASET)
    assert last is not None
    assert last.version == "1.1.0"


def test_a_purge_of_what_came_earlier_does_not_bring_its_contract_back(city: City):
    retention = {"quarantine_days": 30}
    city.declare(version="1.0.0", retention=retention)
    city.put("p1.csv", FIRST + "b,-6,2024-03-01 00:00:00\n")
    city.walk()
    city.now += timedelta(days=20)
    city.declare(columns=without_minimum(), version="1.1.0", retention=retention)
    city.put("p2.csv", SECOND)
    city.walk()
    city.now += timedelta(days=20)
    assert [item.delivery.partition for item in purge(city.node, [DATASET]).items] == ["p1"]
    last = last_contract(city.node, DATASET)
    assert last is not None
    assert last.version == "1.1.0"


def test_as_long_as_nothing_was_loaded_a_contract_may_change(city: City):
    city.declare(version="1.0.0")
    city.put("p1.csv", SECOND)
    (delivery,) = pull(city.node, DATASET)
    stage(city.node, delivery)
    city.declare(columns=without_minimum(), version="1.0.0")
    assert stage(city.node, delivery).good == 1
    assert last_contract(city.node, DATASET) is None


def test_the_command_compares_with_the_last_load(loaded: City, capsys: pytest.CaptureFixture[str]):
    loaded.declare(columns=without_minimum(), version="1.0.0")
    called = ["--home", str(loaded.root / "home"), "--federation", str(loaded.root), "contract", "compare"]
    assert main([*called, str(DATASET)]) == 78
    shown = capsys.readouterr()
    assert "n.minimum" in shown.out
    assert "at least 1.1.0 is needed" in shown.err
    loaded.declare(columns=without_minimum(), version="1.1.0")
    assert main([*called, str(DATASET)]) == 0
