"""A commit that lost its last lines opens as a table: what it told must not be taken for undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_city import HEADER, City

from shanhai.errors import DamagedError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger, ledger_as_it_is

EVENTS = DatasetId("acity", "events")
LINES = 4
"""Of a commit of one delivery: what is told, a file, and two transactions."""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A dataset with one delivery; the books follow."""
    city = City(tmp_path_factory.mktemp("walked") / "city")
    city.root.mkdir()
    city.declare()
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,2,2024-01-01\n")
    walk.walk(city.node, EVENTS)
    ledger(city.node)
    return city


@pytest.mark.parametrize("left", range(LINES), ids="{} lines".format)
def test_a_commit_that_lost_its_last_lines_is_damaged_and_nothing_is_loaded_once_more(
    walked: City, tmp_path: Path, left: int
) -> None:
    city = walked.copied(tmp_path / "city")
    booked = ledger_as_it_is(city.node)
    (file,) = (city.node.table(EVENTS) / "_delta_log").glob("*1.json")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == LINES
    file.write_bytes(b"".join(lines[:left]))
    before = sorted(city.node.table(EVENTS).rglob("*"))
    with pytest.raises(DamagedError) as told:
        walk.walk(city.node, EVENTS)
    assert str(file) in str(told.value.given)
    assert sorted(city.node.table(EVENTS).rglob("*")) == before
    file.write_bytes(whole)
    walk.walk(city.node, EVENTS)
    assert ledger(city.node) == booked
