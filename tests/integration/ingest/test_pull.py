"""What a pull keeps when its source answers over HTTP: the sidecar's facts, and what came whole."""

from __future__ import annotations

import pytest
from one_city import DATASET, HEADER, City

from shanhai.contracts.federation import open_federation
from shanhai.errors import SourceError
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
