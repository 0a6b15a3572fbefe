"""A source that says "unchanged" sends nothing, nothing is stored, and there is no new delivery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from one_city import DATASET, HEADER, City

from shanhai.ingest import walk
from shanhai.ingest.sidecar import body_key, sidecar, sidecars
from shanhai.ingest.snapshot import pull
from shanhai.storage import LocalStore
from tests.conformance.far_side import Asked, FarSide, Reply


@dataclass
class Files:
    """Answers with what lies at a path, or that it is unchanged; counts what it sent."""

    content: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        key = asked.query.get("page", asked.path.rpartition("/")[2])
        content = self.content.get(key, b"[]")
        etag = f'"{len(content)}-{sum(content)}"'
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        self.sent.append(key)
        return Reply(content, headers={"ETag": etag}, media_type="application/json")


@pytest.fixture
def files() -> Files:
    rows = "\n".join(f"{name},1,2024-01-01" for name in "ab")
    return Files({"a.csv": f"{HEADER}{rows}\n".encode(), "b.csv": f"{HEADER}c,2,2024-01-02\n".encode()})


@pytest.fixture
def far(files: Files) -> Iterator[FarSide]:
    with FarSide(files.answer) as far_side:
        yield far_side


def declare(city: City, far: FarSide, per: str, source: dict[str, object]) -> None:
    form = {"kind": "json"} if source["connector"] == "rest" else {"kind": "csv"}
    partition = {"by": "file", "pattern": "^(?P<partition>.)"} if per == "file" else {"by": "none"}
    windowed = "{window}" in str(source)
    city.declare(
        source={"endpoint": "data", **source},
        delivery={"per": per, "partition": {"by": "window"} if windowed else partition},
        format=form,
        schedule={"cron": "0 2 * * *", "start": "2024-03-01"} if windowed else None,
    )
    district = city.root / "districts" / "acity" / "district.yml"
    district.write_text(f"name: acity\ntitle: A city\nendpoints: {{data: '{far.address}'}}\n")


def stored(city: City) -> int:
    store = city.node.snapshots
    assert isinstance(store, LocalStore)
    return len(list(store.list("sha256")))


BOTH = {"connector": "files", "options": {"path": ["a.csv", "b.csv"]}}
PAGES = {"connector": "rest", "options": {"paging": {"kind": "page", "records": ""}}}


@pytest.mark.parametrize("per", ["file", "pull"])
def test_what_is_unchanged_is_no_new_delivery(city: City, far: FarSide, files: Files, per: str) -> None:
    declare(city, far, per, BOTH)
    first = pull(city.node, DATASET)
    assert len(first) == (2 if per == "file" else 1)
    before = [record.model_dump() for record in sidecars(city.node, DATASET)]
    assert pull(city.node, DATASET) == []
    assert files.sent == ["a.csv", "b.csv"]
    assert [record.model_dump() for record in sidecars(city.node, DATASET)] == before
    assert stored(city) == 2


def test_of_a_pull_only_what_changed_is_sent_and_the_rest_is_referred_to(
    city: City, far: FarSide, files: Files
) -> None:
    declare(city, far, "pull", BOTH)
    (first,) = pull(city.node, DATASET)
    files.content["b.csv"] = f"{HEADER}c,3,2024-01-03\n".encode()
    (second,) = pull(city.node, DATASET)
    assert files.sent == ["a.csv", "b.csv", "b.csv"]
    old, new = sidecar(city.node, first).bodies, sidecar(city.node, second).bodies
    assert new[0] == old[0]
    assert new[1].sha256 != old[1].sha256
    assert stored(city) == 3


def test_an_unchanged_delivery_walks_once_and_the_books_stay(city: City, far: FarSide, files: Files) -> None:
    declare(city, far, "pull", BOTH)
    walk.walk(city.node, DATASET)
    rows, ledger = city.rows(), city.ledger()
    walk.walk(city.node, DATASET)
    assert city.rows() == rows
    assert city.ledger() == ledger
    assert len(rows) == 3
    assert files.sent == ["a.csv", "b.csv"]


def test_unchanged_pages_lead_on_to_a_new_one(city: City, far: FarSide, files: Files) -> None:
    page = [{"编号": "x", "n": 1, "at": "2024-01-01"}]
    files.content = {"1": json.dumps(page).encode()}
    declare(city, far, "pull", PAGES)
    pull(city.node, DATASET)
    files.content["2"] = json.dumps([{"编号": "y", "n": 2, "at": "2024-01-02"}]).encode()
    (second,) = pull(city.node, DATASET)
    assert [body.name for body in sidecar(city.node, second).bodies] == [
        "page-000001.json",
        "page-000002.json",
    ]
    # Of what was asked for twice, the empty page alone came twice: it is not kept.
    assert sorted(files.sent) == ["1", "2", "2", "3"]


def test_bytes_that_are_gone_are_asked_for_again(city: City, far: FarSide, files: Files) -> None:
    declare(city, far, "file", BOTH)
    pull(city.node, DATASET)
    lost = sidecars(city.node, DATASET)[0].bodies[0]
    city.node.snapshots.delete(body_key(lost.sha256))
    assert pull(city.node, DATASET) == []
    assert city.node.snapshots.exists(body_key(lost.sha256))
    assert files.sent == ["a.csv", "b.csv", "a.csv"]


def test_a_change_of_the_request_asks_for_everything(city: City, far: FarSide, files: Files) -> None:
    declare(city, far, "file", BOTH)
    pull(city.node, DATASET)
    declare(city, far, "file", BOTH | {"options": BOTH["options"] | {"headers": {"Accept-Language": "zh"}}})  # type: ignore[operator]
    assert pull(city.node, DATASET) == []
    assert files.sent == ["a.csv", "b.csv"] * 2


def test_windows_with_bodies_of_one_name_are_told_apart(city: City, far: FarSide, files: Files) -> None:
    files.content = {"1": b"[]", "2024-03-01": b'[{"n": 1}]', "2024-03-02": b'[{"n": 2}]'}
    declare(city, far, "pull", {"connector": "rest", "options": {"path": "{window}"}})
    first = [pull(city.node, DATASET, window) for window in ("2024-03-01", "2024-03-02")]
    assert [len(new) for new in first] == [1, 1]
    assert [pull(city.node, DATASET, window) for window in ("2024-03-01", "2024-03-02")] == [[], []]
    assert files.sent == ["2024-03-01", "2024-03-02"]


def test_what_is_unchanged_is_not_read_either(city: City, far: FarSide, files: Files) -> None:
    declare(city, far, "file", BOTH)
    pull(city.node, DATASET)
    kept = sidecars(city.node, DATASET)[0].bodies[0]
    file = city.node.home / "snapshots" / body_key(kept.sha256)
    file.chmod(0o600)
    file.write_bytes(b"altered")
    # Who reads the bytes compares them with their digest: staging does.
    assert pull(city.node, DATASET) == []
