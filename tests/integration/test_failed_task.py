"""What is posted when a task failed: our own errors whole, of others the class and where the log lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.far_side import Asked, FarSide, Reply

ROOT = Path(__file__).parents[2]
TELL = """
import sys
from types import SimpleNamespace
from dag_factories.recovery import tell_failure
from shanhai.errors import SourceError
error = eval(sys.argv[1])
task = SimpleNamespace(dag_id="longyou.noise", run_id="r", task_id="pull", try_number=2)
tell_failure({"ti": task, "exception": error})
"""
RUN_ENDS = """
from types import SimpleNamespace
from dag_factories.recovery import tell_failed_run, tell_failure
run = {"dag": SimpleNamespace(dag_id="longyou__noise"), "run_id": "r"}
task = SimpleNamespace(dag_id="longyou__noise", run_id="r", task_id="pull", try_number=2)
tell_failed_run(run)
tell_failure({"ti": task, "exception": ValueError()})
tell_failed_run(run)
tell_failed_run(run)
"""
DAMAGED = """
from types import SimpleNamespace
from dag_factories.recovery import tell_failed_run, tell_failure
from shanhai.errors import DamagedError
for run_id in ("r1", "r2"):
    for name, file in (("late", "a.json"), ("report", "a.json"), ("marts", "b.json")):
        task = SimpleNamespace(dag_id="watch", run_id=run_id, task_id=name, try_number=1)
        tell_failure({"ti": task, "exception": DamagedError("a sidecar is damaged", given=file)})
    tell_failed_run({"dag": SimpleNamespace(dag_id="watch"), "run_id": run_id})
"""

FAULT = """
import ctypes, resource, sys
from airflow.dag_processing.dagbag import DagBag
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
(dag,) = DagBag(sys.argv[1]).dags.values()
for begin in dag.get_task("build").on_execute_callback:
    begin({})
ctypes.string_at(0)
"""


def heard_of(tmp_path: Path, script: str, *arguments: str, failing: int = 0) -> list[Asked]:
    """What is posted while a script runs, to an address that answers the first ones with an error."""
    heard: list[Asked] = []

    def listen(asked: Asked) -> Reply:
        heard.append(asked)
        return Reply(b"ok", status=500 if len(heard) <= failing else 200)

    with FarSide(listen) as far:
        subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment(tmp_path, far.address),
            check=True,
            timeout=120,
        )
    return heard


def told(tmp_path: Path, error: str) -> dict[str, Any]:
    heard = heard_of(tmp_path, TELL, error)
    (asked,) = heard
    posted: dict[str, Any] = json.loads(asked.body)
    assert posted["log"] == "dag_id=longyou.noise/run_id=r/task_id=pull/attempt=2.log"
    return posted


def environment(tmp_path: Path, address: str) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "SHANHAI_HOME": str(tmp_path / "home"),
        "SHANHAI_NOTIFY_URL": address,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "dags")]),
    }


def test_a_run_of_which_no_task_could_tell_is_posted_itself(tmp_path: Path):
    """A killed task calls nobody; one that failed has told why, and its run is not told on top."""
    heard = heard_of(tmp_path, RUN_ENDS)
    posted = [json.loads(asked.body) for asked in heard]
    assert [one["error"] for one in posted] == ["Killed", "ValueError", "Killed"]
    assert posted[0]["log"] == "dag_id=longyou__noise/run_id=r"


def test_one_damaged_file_is_posted_once_a_run(tmp_path: Path):
    """Two tasks of `watch` meet it; the next run tells again, as long as it is not mended."""
    posted = [json.loads(asked.body) for asked in heard_of(tmp_path, DAMAGED)]
    assert [(one["run"], one["given"]) for one in posted] == [
        ("r1", "a.json"),
        ("r1", "b.json"),
        ("r2", "a.json"),
        ("r2", "b.json"),
    ]
    assert list((tmp_path / "home" / "notified" / "failed").iterdir()) == []


def test_damage_that_could_not_be_posted_is_posted_by_the_next_task_that_meets_it(tmp_path: Path):
    posted = [json.loads(asked.body) for asked in heard_of(tmp_path, DAMAGED, failing=1)]
    assert [(one["run"], one["task"], one["given"]) for one in posted] == [
        ("r1", "late", "a.json"),
        ("r1", "report", "a.json"),
        ("r1", "marts", "b.json"),
        ("r2", "late", "a.json"),
        ("r2", "marts", "b.json"),
    ]


@pytest.mark.parametrize("value", ["ValueError('330825194910011234')", "RuntimeError('张三')"])
def test_the_text_of_a_foreign_error_is_not_posted(tmp_path: Path, value: str):
    posted = told(tmp_path, value)
    assert posted["error"] == value.partition("(")[0]
    assert not [text for text in ("330825", "张三") if text in json.dumps(posted, ensure_ascii=False)]


def test_the_text_of_our_own_error_is_posted(tmp_path: Path):
    posted = told(tmp_path, "SourceError('the source is down', given='503')")
    assert (posted["error"], posted["message"], posted["given"]) == (
        "SourceError",
        "the source is down",
        "503",
    )


def test_a_fault_of_memory_ends_a_task_and_is_not_met_for_ever(tmp_path: Path):
    """The parser that reads a DAG in the process of its task leaves a handler there that returns."""
    call = [sys.executable, "-c", FAULT, str(ROOT / "dags" / "warehouse.py")]
    done = subprocess.run(
        call, env=environment(tmp_path, "http://127.0.0.1:9"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -signal.SIGSEGV, done.stderr
