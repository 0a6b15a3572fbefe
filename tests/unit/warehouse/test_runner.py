"""What dbt reports decides whether a build stands, and how to recover when it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shanhai.errors import DiskFullError
from shanhai.warehouse.project import Project
from shanhai.warehouse.runner import BuildFailedError, NodeResult, require_sound, tables_read

HERE = Path("scratch")
PROJECT = Project(folder=HERE, profiles=HERE, target=HERE, logs=HERE, database=HERE / "build.duckdb")
MART = NodeResult("fct_event", "model", "success", 0.1, 0, "OK", public=True)
TEST = NodeResult("unique_key", "test", "pass", 0.1, 0, "")


def test_sound_results_pass_with_warnings():
    require_sound(PROJECT, [MART, TEST, replace(TEST, name="parents", status="warn", failures=2)])


@pytest.mark.parametrize("status", ["error", "fail", "runtime error"])
def test_broken_nodes_are_named(status):
    broken = replace(TEST, status=status, message="Got 3 results")
    with pytest.raises(BuildFailedError, match=r"test unique_key: Got 3 results") as caught:
        require_sound(PROJECT, [MART, broken])
    assert caught.value.recovery == "fix the data"


def test_a_full_disk_is_to_be_retried():
    broken = replace(MART, status="error", message="IO Error: No space left on device")
    with pytest.raises(DiskFullError) as caught:
        require_sound(PROJECT, [broken])
    assert caught.value.recovery == "retry"


def test_a_project_without_marts_is_never_published_as_empty():
    with pytest.raises(BuildFailedError, match="no marts"):
        require_sound(PROJECT, [TEST])


def test_what_a_node_reads_is_followed_through_models_and_named_as_pins_are():
    parents = {
        "test.p.t": ("model.p.mart",),
        "model.p.mart": ("model.p.int", "source.p.lake.ledger"),
        "model.p.int": ("model.p.stg_a", "model.p.stg_b"),
        "model.p.stg_a": ("source.p.gongshu.events",),
        "model.p.stg_b": ("source.p.longyou.noise", "model.p.stg_a"),
    }
    assert tables_read("test.p.t", parents) == ("_system.ledger", "gongshu.events", "longyou.noise")
    assert tables_read("model.p.stg_a", parents) == ("gongshu.events",)
    assert tables_read("model.p.unknown", parents) == ()
