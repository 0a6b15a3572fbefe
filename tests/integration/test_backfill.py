"""Which windows a backfill asks for: any range, of closed calendars and open ones, as Airflow reckons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import one_city
import pytest
from asked_of_dags import asked_of_dags

from infra.local.layout import REPOSITORY, Layout
from shanhai.contracts.federation import open_federation
from shanhai.contracts.render_dags import knobs
from shanhai.settings import load_settings

ASK = """
import json, sys
import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
found = {}
for name, (dag_id, first, last) in json.loads(sys.argv[2]).items():
    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags[dag_id]))
    if not dag.timetable.can_be_scheduled or not dag.timetable.periodic:
        found[name] = None
        continue
    infos = dag.timetable.iter_partition_dagrun_infos(
        earliest=pendulum.parse(first), latest=pendulum.parse(last)
    )
    found[name] = [info.partition_key for info in infos]
print("RESULT" + json.dumps(found))
"""
MARCH = [f"2024-03-{day:02}" for day in range(1, 32)]
ASKED: dict[str, tuple[str, str, str, list[str] | None]] = {
    "a closed calendar, whole": ("a__closed", "2024-03-01", "2024-03-03T23:59:59", MARCH[:3]),
    # A day is a moment: the window whose hour has not come by then is left out.
    "a last day without its hours": ("a__closed", "2024-03-01", "2024-03-03", MARCH[:2]),
    "one window of it": ("a__closed", "2024-03-02", "2024-03-02T23:59:59", MARCH[1:2]),
    "beyond its end": ("a__closed", "2024-03-03", "2024-03-05T23:59:59", MARCH[2:5]),
    "an open calendar": ("a__open", "2024-03-30", "2024-03-31T23:59:59", MARCH[29:]),
    "before its start": ("a__open", "2024-02-28", "2024-02-29T23:59:59", ["2024-02-28", "2024-02-29"]),
    "months": ("a__monthly", "2023-12-01", "2024-02-28", ["2023-12", "2024-01", "2024-02"]),
    "on request": ("a__request", "2024-03-01", "2024-03-03", None),
}


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The partition keys of the runs that each range makes, in their order."""
    folder = tmp_path_factory.mktemp("backfill")
    layout = Layout(home=folder / "home", federation=folder / "federation")
    layout.make_folders()
    layout.knobs.parent.mkdir(parents=True)
    entry = knobs(next(iter(open_federation(REPOSITORY).contracts.values())))
    daily = {**entry, "cron": "0 2 * * *", "start": "2024-03-01"}
    entries = [
        {**daily, "dag_id": "a__closed", "end": "2024-03-03"},
        {**daily, "dag_id": "a__open", "end": None},
        {**daily, "dag_id": "a__monthly", "cron": "0 2 1 * *", "window": "%Y-%m", "end": None},
        {**daily, "dag_id": "a__request", "cron": None, "start": None, "end": None},
    ]
    layout.knobs.write_text(json.dumps({"datasets": entries}), encoding="utf-8")
    return asked_of_dags(layout, ASK, json.dumps({name: case[:3] for name, case in ASKED.items()}))


@pytest.mark.parametrize("name", ASKED)
def test_a_range_asks_for_its_windows(windows: dict[str, Any], name: str) -> None:
    assert windows[name] == ASKED[name][3]


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[one_city.City]:
    """One whose source gives the file of a window, and which steps find; DAGs can be imported."""
    place = one_city.City(tmp_path)
    place.declare(
        source={"connector": "files", "endpoint": "data", "options": {"path": "{window}.csv"}},
        delivery={"per": "file", "partition": {"by": "window"}},
        schedule={"cron": "0 2 * * *", "start": MARCH[0], "end": MARCH[2]},
    )
    for number, day in enumerate(MARCH[:3]):
        place.put(f"{day}.csv", f"{one_city.HEADER}a,{number},{day}\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("SHANHAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHANHAI_FEDERATION", str(tmp_path))
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    load_settings.cache_clear()
    yield place
    load_settings.cache_clear()


def test_the_key_of_a_run_is_the_window_that_is_pulled(city: one_city.City) -> None:
    from dag_factories.dataset import dataset_dag
    from dag_factories.knobs import Knobs

    entry = knobs(city.node.federation.contract(one_city.DATASET))
    pull = dataset_dag(Knobs(**entry)).task_dict["pull"]

    def pulled(key: str | None) -> list[str]:
        run = SimpleNamespace(partition_key=key)
        told: list[str] = pull.python_callable(**pull.op_kwargs, dag_run=run)["new"]
        return [name.split("/")[1] for name in told]

    assert pulled(MARCH[1]) == [MARCH[1]]
    assert pulled(MARCH[1]) == []
    assert pulled(None) == [MARCH[0], MARCH[2]], "a run that is triggered without a key takes all of them"
