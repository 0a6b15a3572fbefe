"""A decision at the command line changes the lake; the marts follow, or somebody notices."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import duckdb
import pytest
from walked import Walked

from shanhai import steps
from shanhai.settings import load_settings
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.runner import BuildFailedError

DATASET = "longyou.water_meters"
DECIDED = ("--by", "Li Wei", "--reason", "recalled by the district")


@pytest.fixture
def here(node: Walked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walked]:
    """The home that steps find."""
    monkeypatch.setenv("SHANHAI_HOME", str(node.home))
    monkeypatch.setenv("SHANHAI_FEDERATION", str(node.root))
    monkeypatch.setenv("SHANHAI_DBT_PROJECT", str(node.root / "marts"))
    load_settings.cache_clear()
    assert node("generate") == 0
    yield node
    load_settings.cache_clear()


def told(node: Walked) -> tuple[int, int]:
    """What the published mart says of the dataset: records, and deliveries they are of."""
    mart = LakeTable.open(node.home / "marts" / "mart_pool_size").relation()
    query = f"SELECT records, deliveries FROM {mart} WHERE dataset = 'water_meters'"
    (found,) = duckdb.connect().execute(query).fetchall()
    return found


def test_marts_follow_what_is_decided_at_the_command_line(
    here: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    # d2 and d3 are in the lake, with 8 and 4 good rows; d1 was withdrawn before.
    assert told(here) == (12, 2)
    assert steps.unseen_step() == {"unseen": []}
    assert here("delivery", "withdraw", f"{DATASET}/d2", *DECIDED) == 0
    assert "They follow with the next load or the DAG watch" in capsys.readouterr().err
    assert steps.unseen_step() == {"unseen": [DATASET]}
    assert told(here) == (12, 2)
    # A build that fails has seen the lake: the same failure every half hour would help nobody.
    model = here.root / "marts" / "models" / "marts" / "mart_pool_size.sql"
    right = model.read_text(encoding="utf-8")
    model.write_text("select 1 as wrong from nowhere", encoding="utf-8")
    with pytest.raises(BuildFailedError, match="mart_pool_size"):
        steps.build_step()
    assert steps.unseen_step() == {"unseen": []}
    model.write_text(right, encoding="utf-8")
    steps.build_step()
    steps.publish_step()
    assert told(here) == (4, 1)
    assert here("delivery", "approve", f"{DATASET}/d2", *DECIDED, "--build") == 0
    assert told(here) == (12, 2)
    assert steps.unseen_step() == {"unseen": []}


def test_a_file_of_refused_rows_that_is_lost_for_good_ends_no_build(
    here: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [f"M90{place},2024-03-04,1.5,x,y" for place in range(9)]
    lines = ["水表编号,read_at,flow,holder_id,holder", *good, "M909,2024-03-04,-1,x,y"]
    (here.root / "data" / "d4.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = set((here.home / "quarantine").iterdir())
    records, deliveries = told(here)
    for step in (steps.pull_step, lambda name, _: (steps.stage_step(name), steps.check_step(name))):
        step(DATASET, None)
    assert steps.load_step(DATASET)["changed"]
    (lost,) = set((here.home / "quarantine").iterdir()) - before
    lost.unlink()
    shutil.rmtree(here.home / "contracts")
    (behind,) = steps.build_step()["behind"]
    assert "the quarantine file is not the one that was committed" in behind
    assert lost.name in behind
    steps.publish_step()
    assert told(here) == (records + 9, deliveries + 1)
    capsys.readouterr()
    assert here("build", "--format", "json") == 0
    told_by_it = capsys.readouterr()
    assert "left behind: the quarantine file" in told_by_it.err
    assert json.loads(told_by_it.out)["behind"] == [behind]
    assert here("reconcile") == 65, "all others are told"
