"""What a pull keeps when its source answers over HTTP: the sidecar's facts, and what came whole."""

from __future__ import annotations

import pytest
from one_city import DATASET, HEADER, City

from shanhai.contracts.federation import open_federation
from shanhai.errors import DataError, SourceError
from shanhai.ingest import walk
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from shanhai.storage import LocalStore
from tests.conformance.far_side import Asked, FarSide, Reply

ROWS = f"{HEADER}a,1,2024-01-01\n".encode()


def answer(asked: Asked) -> Reply:
    if asked.path == "/torn.csv":
        return Reply(ROWS, cut_after=10)
    return Reply(ROWS, headers={"etag": '"7"'})


def declare(city: City, far: FarSide, per: str, *paths: str) -> None:
    city.declare(
        source={"connector": "files", "endpoint": "data", "options": {"path": list(paths)}},
        delivery={"per": per, "partition": {"by": "none"}},
    )
    district = city.root / "districts" / "acity" / "district.yml"
    district.write_text(f"name: acity\ntitle: A city\nendpoints: {{data: '{far.address}'}}\n")


@pytest.fixture(autouse=True)
def one_try(monkeypatch):
    monkeypatch.setenv("SHANHAI_HTTP_ATTEMPTS", "1")


def test_what_the_source_says_of_a_body_is_kept_beside_it_and_changes_no_identity(city):
    with FarSide(answer) as far:
        declare(city, far, "pull", "a.csv")
        (first,) = pull(city.node, DATASET)
        far.answer = lambda _: Reply(ROWS, headers={"etag": '"8"'})
        assert pull(city.node, DATASET) == []
    (record,) = sidecars(city.node, DATASET)
    assert record.id == first
    assert record.bodies[0].facts == {"etag": '"7"'}


@pytest.mark.parametrize(("per", "kept"), [("file", 1), ("pull", 0)])
def test_a_torn_body_is_never_kept_and_a_whole_one_where_each_file_is_a_delivery(city, per, kept):
    with FarSide(answer) as far:
        declare(city, far, per, "a.csv", "torn.csv")
        with pytest.raises(SourceError):
            pull(city.node, DATASET)
    assert len(sidecars(city.node, DATASET)) == kept
    store = city.node.snapshots
    assert isinstance(store, LocalStore)
    assert len(list(store.list("sha256"))) == 1


@pytest.mark.parametrize("path", ["{window:%Y%m%d}.csv", "{next_window}.csv", "{window}.csv"])
def test_every_window_of_the_calendar_is_asked_for(make_city, path):
    city = make_city(
        source={"connector": "files", "endpoint": "data", "options": {"path": path}},
        schedule={"cron": "0 2 * * *", "start": "2024-02-28", "end": "2024-02-29"},
    )
    with FarSide(lambda asked: Reply(ROWS + asked.path.encode())) as far:
        district = city.root / "districts" / "acity" / "district.yml"
        district.write_text(f"name: acity\ntitle: A city\nendpoints: {{data: '{far.address}'}}\n")
        assert open_federation(city.root).contract(DATASET).delivery.partition.by == "file"
        assert len(pull(city.node, DATASET)) == 2


@pytest.mark.parametrize("name", ["m (1).csv", "-m.csv", "m#1.csv", f"{'m' * 101}.csv"])
def test_a_name_that_gives_no_partition_stops_no_other_file(city: City, name: str) -> None:
    for one in ("a.csv", name, "z.csv"):
        city.put(one, f"{HEADER}{one[0]},1,2024-01-01\n")
    for pulled in (2, 0):
        before = len(sidecars(city.node, DATASET))
        with pytest.raises(DataError, match="does not tell its partition") as refused:
            walk.pull_step(city.node, DATASET, None)
        assert refused.value.given == name
        assert len(sidecars(city.node, DATASET)) == before + pulled
    for step in (walk.stage_step, walk.check_step, walk.load_step):
        step(city.node, DATASET)
    assert city.rows() == [("a", 1), ("z", 1)]


def test_a_name_that_gives_no_partition_stops_no_other_window(city: City) -> None:
    city.declare(
        source={"connector": "files", "endpoint": "data", "options": {"path": "{window}/*.csv"}},
        delivery={"per": "file", "partition": {"by": "file", "pattern": r"(?P<partition>[^/]+)\.csv$"}},
        schedule={"cron": "0 2 * * *", "start": "2024-02-28", "end": "2024-02-29"},
    )
    for day, name in (("2024-02-28", "-.csv"), ("2024-02-29", "b.csv")):
        (city.data / day).mkdir(parents=True)
        city.put(f"{day}/{name}", f"{HEADER}{day},1,{day}\n")
    with pytest.raises(DataError, match="does not tell its partition"):
        pull(city.node, DATASET)
    assert [one.window for one in sidecars(city.node, DATASET)] == ["2024-02-29"]
