"""A pull with its snapshots in a bucket of a real S3 service, killed at what it writes there."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from durable_writes import WRITES, Write, unexplained
from kill_places import ALONE, EACH, WHEN
from killed_once import killed_at, undisturbed
from little_county import RULES, County
from plain_state import State, differences, read_state
from watched_home import watched

from shanhai.ingest.stores import snapshot_store
from shanhai.settings import read_settings
from tests.support.servers.radosgw import RadosGateway

IN_A_BUCKET = ALONE["test_killed_bucket"]
OBJECTS = {"body in a bucket": "sha256/", "sidecar in a bucket": "deliveries/"}
each_write = pytest.mark.parametrize("write", IN_A_BUCKET, ids=lambda write: write.name)
before_and_after = pytest.mark.parametrize("when", WHEN)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    made = County(tmp_path_factory.mktemp("county"), seed=43, rules={"counts": RULES["counts"]})
    made.declare(retries=0)
    made.send(1)
    return made


@pytest.fixture(scope="module")
def clean(county: County) -> State:
    """That of a home with its snapshots in a folder."""
    home = county.root / "clean"
    assert county.run(home, "walk", "--all") == 0
    return read_state(home)


@pytest.fixture
def bucket(ceph: RadosGateway) -> dict[str, str]:
    """An empty bucket: what the environment says of it."""
    told = {
        "SNAPSHOTS": f"s3://{ceph.bucket()}/node",
        "S3_ENDPOINT": ceph.address,
        "SECRET_S3_ACCESS_KEY": ceph.access_key,
        "SECRET_S3_SECRET_KEY": ceph.secret_key,
    }
    return {f"SHANHAI_{name}": value for name, value in told.items()}


def _walk(county: County, home: Path, bucket: dict[str, str]) -> None:
    os.environ.update(bucket)
    assert county.run(home, "walk", "--all") == 0


def _objects(ceph: RadosGateway, bucket: dict[str, str]) -> dict[str, str]:
    """Names of all objects, by their keys."""
    name = bucket["SHANHAI_SNAPSHOTS"].split("/")[2]
    found = [str(one.object_name) for one in ceph.client().list_objects(name, recursive=True)]
    return {one.removeprefix("node/"): one for one in found}


def _fetch(ceph: RadosGateway, bucket: dict[str, str], folder: Path) -> None:
    """The objects as files, as the SDK gives them."""
    for key, name in _objects(ceph, bucket).items():
        ceph.client().fget_object(bucket["SHANHAI_SNAPSHOTS"].split("/")[2], name, str(folder / key))


def _is_finished(
    ceph: RadosGateway,
    county: County,
    clean: State,
    bucket: dict[str, str],
    home: Path,
    write: Write,
    when: str,
) -> None:
    assert killed_at(write, when, _walk, county, home, bucket) == -signal.SIGKILL
    found = _objects(ceph, bucket)
    for name, begins in OBJECTS.items():
        if write.name == name:
            assert any(key.startswith(begins) for key in found) == (when == "after")
    assert undisturbed(_walk, county, home, bucket) == 0
    assert _on_the_way(home) == []
    _fetch(ceph, bucket, home / "snapshots")
    assert differences(clean, read_state(home)) == []


def test_what_is_written_below_a_home_with_a_bucket_is_listed(
    ceph: RadosGateway, county: County, clean: State, bucket: dict[str, str], tmp_path: Path
):
    home = tmp_path / "home"
    home.mkdir()
    with watched(home) as found:
        assert undisturbed(_walk, county, home, bucket) == 0
    assert unexplained(found.seen, (*WRITES, *IN_A_BUCKET)) == []
    bodies = [write for write in WRITES if write.name in ("incoming", "body", "sidecar")]
    assert [one for one in found.seen for write in bodies if write.covers(*one)] == []
    objects = {("appears", f"s3://b/node/{key}") for key in _objects(ceph, bucket)}
    assert len(objects) == 4
    assert unexplained(objects, IN_A_BUCKET) == []
    for write in IN_A_BUCKET:
        assert [one for one in (*found.seen, *objects) if write.covers(*one)], write.name
    _fetch(ceph, bucket, home / "snapshots")
    assert differences(clean, read_state(home)) == []


@before_and_after
@each_write
def test_a_pull_into_a_bucket_that_was_killed_is_done_by_the_next(
    ceph: RadosGateway,
    county: County,
    clean: State,
    bucket: dict[str, str],
    tmp_path: Path,
    write: Write,
    when: str,
):
    _is_finished(ceph, county, clean, bucket, tmp_path / "home", write, when)


def test_what_a_killed_reader_of_a_body_leaves_goes_with_the_next_pull_or_purge(
    ceph: RadosGateway, county: County, clean: State, bucket: dict[str, str], tmp_path: Path
):
    """Its bytes may be personal."""
    home = tmp_path / "home"
    reading = replace(IN_A_BUCKET[0], function="shanhai.ingest.intake:_read")
    assert killed_at(reading, "before", _walk, county, home, bucket) == -signal.SIGKILL
    assert _on_the_way(home)
    purged = shutil.copytree(home, tmp_path / "purged", symlinks=True)
    assert undisturbed(_walk, county, home, bucket) == 0
    assert _on_the_way(home) == []
    assert undisturbed(_delete, purged, bucket) == 0
    assert _on_the_way(purged) == []


def _delete(home: Path, bucket: dict[str, str]) -> None:
    os.environ.update(bucket)
    snapshot_store(read_settings(home=home)).delete("sha256/00/none")


def _on_the_way(home: Path) -> list[Path]:
    return [file for file in (home / "scratch" / "objects").rglob("*") if file.is_file()]


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@before_and_after
@each_write
def test_the_same_each_time(
    ceph: RadosGateway,
    county: County,
    clean: State,
    bucket: dict[str, str],
    tmp_path: Path,
    write: Write,
    when: str,
    again: int,
):
    _is_finished(ceph, county, clean, bucket, tmp_path / "home", write, when)
