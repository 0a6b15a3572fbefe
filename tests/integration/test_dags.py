"""The DAGs as Airflow sees them: parsed in a process of their own, and by a real DAG processor."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from asked_of_dags import asked_of_dags
from metadata import place_metadata

from infra.local.configuration import free_port, write_configuration
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout
from infra.local.processes import Started, start, stop
from shanhai import errors
from shanhai.audit.database import transaction
from shanhai.contracts.federation import open_federation
from shanhai.contracts.render_dags import FILE, knobs, render
from shanhai.courier import partners
from shanhai.courier.database import open_state
from shanhai.courier.partners import Partner
from shanhai.exchange.pairing_states import PairingState

HEAVY = {"duckdb", "great_expectations", "dbt", "pandas", "pyarrow", "deltalake"}
FIXED = {"warehouse", "decisions", "watch", "purge"}
ROOTS = [REPOSITORY, REPOSITORY / "dags"]

LOOK = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
began = time.monotonic()
bag = DagBag(sys.argv[1])
seconds = time.monotonic() - began
def task(one):
    return {"retries": one.retries, "policy": type(one.retry_policy).__name__,
            "callbacks": bool(one.on_execute_callback and one.on_failure_callback),
            "rule": str(one.trigger_rule),
            "outlets": [outlet.uri for outlet in one.outlets],
            "unrolled": getattr(one, "multiple_outputs", False),
            "timeout": one.execution_timeout and one.execution_timeout.total_seconds()}
def dag(one):
    return {"catchup": one.catchup, "start": str(one.start_date), "end": str(one.end_date),
            "timetable": type(one.timetable).__name__, "docs": one.doc_md, "active": one.max_active_runs,
            "tasks": {name: task(value) for name, value in one.task_dict.items()}}
print("RESULT" + json.dumps({
    "seconds": seconds, "errors": bag.import_errors, "modules": sorted(sys.modules),
    "dags": {name: dag(value) for name, value in bag.dags.items()},
    "serialized": {name: DagSerialization.to_dict(bag.dags[name]) for name in sorted(bag.dags)[:5]}},
    default=str))
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return new_layout(tmp_path)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The product's own federation, parsed once."""
    layout = new_layout(tmp_path_factory.mktemp("product"))
    return {"entries": write_knobs(layout, REPOSITORY), **parsed(layout)}


def new_layout(folder: Path) -> Layout:
    made = Layout(home=folder / "home", federation=folder / "federation")
    made.make_folders()
    made.knobs.parent.mkdir(parents=True)
    return made


def parsed(layout: Layout, **variables: str) -> dict[str, Any]:
    """Parse the DAG folder once in a new process."""
    return asked_of_dags(layout, LOOK, **variables)


def some_knobs() -> dict[str, Any]:
    return knobs(next(iter(open_federation(REPOSITORY).contracts.values())))


def write_knobs(layout: Layout, federation: Path) -> list[dict[str, Any]]:
    text = render(open_federation(federation))[FILE]
    layout.knobs.write_text(text, encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["datasets"]
    return entries


def test_every_contract_is_a_dag_without_work_at_parse_time(product: dict[str, Any]) -> None:
    assert product["errors"] == {}
    assert set(product["dags"]) == {entry["dag_id"] for entry in product["entries"]} | FIXED
    assert not HEAVY & set(product["modules"])


def test_what_a_task_returns_is_one_value(product: dict[str, Any]) -> None:
    """Airflow would keep each key of it once more, by a request of its own."""
    found = [task["unrolled"] for dag in product["dags"].values() for task in dag["tasks"].values()]
    assert len(found) > 80
    assert not any(found)


def test_calendar_docs_and_recovery_come_from_the_contract(product: dict[str, Any]) -> None:
    (entry,) = [one for one in product["entries"] if one["dag_id"] == "longyou__water_meters"]
    dag = product["dags"]["longyou__water_meters"]
    assert dag["timetable"] == "CronPartitionTimetable"
    assert dag["start"] == "2024-02-29 16:00:00+00:00", "midnight in Shanghai"
    assert dag["end"].startswith("2024-03-03 15:59:59")
    assert dag["catchup"]
    assert dag["active"] == 1
    assert dag["docs"] == entry["docs"]
    assert list(dag["tasks"]) == ["pull", "stage", "check", "load", "announce", "settled"]
    for name, task in dag["tasks"].items():
        assert task["retries"] == entry["retries"], name
        assert task["policy"] == "ExceptionRetryPolicy", name
        assert task["callbacks"], name
    assert dag["tasks"]["announce"]["outlets"] == ["shanhai://lake/loaded"]


def test_real_cities_are_pulled_on_request(layout: Layout) -> None:
    write_knobs(layout, REPOSITORY / "examples" / "cities")
    found = parsed(layout)
    assert found["errors"] == {}
    timetables = {name: dag["timetable"] for name, dag in found["dags"].items() if name not in FIXED}
    assert set(timetables.values()) == {"PartitionedAtRuntime"}


def test_an_open_calendar_does_not_catch_up_and_a_task_builds_only_its_own_dag(layout: Layout) -> None:
    entry = {**some_knobs(), "dag_id": "a__b", "end": None, "cron": "0 2 * * *"}
    layout.knobs.write_text(json.dumps({"datasets": [entry, {**entry, "dag_id": "a__c"}]}), encoding="utf-8")
    context = {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": "a__b", "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "pull"}
    dags = parsed(layout, **context)["dags"]
    assert set(dags) == {"a__b"} | FIXED
    assert not dags["a__b"]["catchup"]


def test_three_hundred_datasets_parse_to_the_same_dags_in_every_process(layout: Layout) -> None:
    entries = [{**some_knobs(), "dag_id": f"district__dataset_{number}"} for number in range(300)]
    layout.knobs.write_text(json.dumps({"datasets": entries}), encoding="utf-8")
    first, second = (parsed(layout, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    print(f"300 datasets parsed in {first['seconds']:.2f} s")
    assert len(first["dags"]) == 300 + len(FIXED)
    assert first["serialized"] == second["serialized"]


def wait_for_parses(layout: Layout, processor: Started, parses: int, *, seconds: float = 300) -> None:
    """Return when the DAGs were written so many times.

    Not by `--num-runs`: it counts rounds of waiting, and ends before the first parse is over where that
    takes longer than so many seconds.
    """
    deadline = time.monotonic() + seconds
    seen: set[str] = set()
    while len(seen) < parses:
        assert processor.alive(), processor.log.read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < deadline, f"{len(seen)} of {parses} parses in {seconds:.0f} s"
        time.sleep(0.2)
        with contextlib.closing(sqlite3.connect(layout.database, timeout=60)) as metadata:
            (last,) = metadata.execute("SELECT max(last_parsed_time) FROM dag").fetchone()
        if last:
            seen.add(last)


@pytest.mark.parametrize("parses", [5, pytest.param(20, marks=pytest.mark.long)])
def test_one_version_after_many_parses_by_a_real_processor(
    layout: Layout, tmp_path_factory: pytest.TempPathFactory, parses: int
) -> None:
    entries = write_knobs(layout, REPOSITORY)
    place_metadata(layout, tmp_path_factory)
    write_configuration(layout, port=free_port(), slots=1, parse_every=0)
    processor = start(
        "dag-processor",
        [sys.executable, "-m", "airflow", "dag-processor"],
        environment={**environment(layout), "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"},
        folder=REPOSITORY,
        log=layout.logs / "dag-processor.log",
    )
    try:
        wait_for_parses(layout, processor, parses)
    finally:
        assert stop([processor]) == []
    with sqlite3.connect(layout.database) as metadata:
        versions = dict(
            metadata.execute("SELECT dag_id, count(*) FROM dag_version GROUP BY dag_id").fetchall()
        )
        problems = metadata.execute("SELECT filename, stacktrace FROM import_error").fetchall()
    assert problems == []
    assert versions == dict.fromkeys([*(entry["dag_id"] for entry in entries), *FIXED], 1)


def served_home(layout: Layout, state: PairingState, **entry: str) -> None:
    """A home with `nodes.yml` and one pairing in its state; nobody has any key."""
    nodes = {"gongshu": {"home": ".", **entry}}
    (layout.home / "nodes.yml").write_text(json.dumps(nodes), encoding="utf-8")
    longyou = Partner("0" * 32, "longyou", state, b"", "file:///relay", "a/1", "a/2")
    with contextlib.closing(open_state(layout.home)) as connection, transaction(connection):
        partners.add(connection, longyou)


def test_each_pairing_has_a_dag_that_sends_and_one_that_receives(layout: Layout) -> None:
    served_home(layout, PairingState.ACTIVE, receive="5 * * * *")
    write_knobs(layout, REPOSITORY)
    found = parsed(layout, SHANHAI_EXCHANGE_SECONDS="7200.5")
    assert found["errors"] == {}
    assert not HEAVY & set(found["modules"])
    send, receive = (found["dags"][f"exchange__gongshu__longyou__{way}"] for way in ("send", "receive"))
    assert (send["timetable"], receive["timetable"]) == ("PartitionedAssetTimetable", "CronTriggerTimetable")
    assert list(send["tasks"]) == ["release", "ship", "settled"]
    assert list(receive["tasks"]) == ["receive", "admit", "acknowledge", "announce", "settled"]
    for dag in (send, receive):
        assert (dag["active"], dag["catchup"]) == (1, False)
        for task in dag["tasks"].values():
            assert (task["retries"], task["policy"]) == (5, "ExceptionRetryPolicy")
            assert task["timeout"] == 7200.5, "what trickles keeps no slot for ever"
    event = ["shanhai://exchange/gongshu/due"]
    assert found["dags"]["warehouse"]["tasks"]["due"]["outlets"] == event
    assert found["dags"]["watch"]["tasks"]["due__gongshu"]["outlets"] == event


def test_a_pairing_that_ended_has_no_dag(layout: Layout) -> None:
    served_home(layout, PairingState.ENDED)
    write_knobs(layout, REPOSITORY)
    found = parsed(layout)
    assert found["errors"] == {}
    assert not [name for name in found["dags"] if name.startswith("exchange__")]
    assert "due" not in found["dags"]["warehouse"]["tasks"]


def test_a_file_of_nodes_that_is_wrong_says_where(layout: Layout) -> None:
    served_home(layout, PairingState.ACTIVE, receive="every day")
    write_knobs(layout, REPOSITORY)
    found = parsed(layout)
    ((file, told),) = found["errors"].items()
    assert file.endswith("exchange.py")
    assert "gongshu.receive" in told
    assert {"warehouse", "watch"} <= set(found["dags"])


def test_a_node_whose_state_is_damaged_stops_no_other(layout: Layout) -> None:
    served_home(layout, PairingState.ACTIVE)
    file = layout.home / "nodes.yml"
    damaged = layout.home / "nodes" / "zhaohua" / "exchange" / "exchange.db"
    damaged.parent.mkdir(parents=True, mode=0o700)
    damaged.write_bytes(b"no database" * 1000)
    damaged.chmod(0o600)
    nodes = {"zhaohua": {"home": "nodes/zhaohua"}, **json.loads(file.read_text(encoding="utf-8"))}
    file.write_text(json.dumps(nodes), encoding="utf-8")
    write_knobs(layout, REPOSITORY)
    found = parsed(layout)
    assert found["errors"] == {}
    assert {"exchange__gongshu__longyou__send", "warehouse", "watch"} <= set(found["dags"])


def test_a_keyset_that_is_damaged_stops_no_mart(layout: Layout) -> None:
    keyset = layout.home / "keyring" / "keyset.json"
    keyset.parent.mkdir(mode=0o700)
    keyset.write_text("{}", encoding="utf-8")
    write_knobs(layout, REPOSITORY)
    found = parsed(layout)
    assert [Path(file).name for file in found["errors"]] == ["exchange.py"]
    assert {"warehouse", "watch"} <= set(found["dags"])


RETRIED = [errors.SourceError("down"), errors.StoreError("busy"), errors.DiskFullError("full")]
NOT_RETRIED = [
    errors.ConfigurationError("wrong"),
    errors.ContractError("wrong"),
    errors.DataError("bad"),
    errors.UnreadableError("bad"),
    errors.DeniedError("no"),
    errors.GateDisagreementError("a bug"),
    ValueError("a bug"),
]


@pytest.mark.parametrize("error", [*RETRIED, *NOT_RETRIED], ids=lambda error: type(error).__name__)
def test_the_class_of_an_error_decides_about_a_retry(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    from dag_factories.recovery import BY_ERROR_CLASS

    decision = BY_ERROR_CLASS.evaluate(error, try_number=1, max_tries=3)
    assert decision.action.value == ("default" if error in RETRIED else "fail")


def test_a_task_that_airflow_does_not_answer_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse
    from dag_factories.recovery import BY_ERROR_CLASS

    error = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500}))
    assert BY_ERROR_CLASS.evaluate(error, try_number=1, max_tries=3).action.value == "default"
