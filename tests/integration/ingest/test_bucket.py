"""A walk whose snapshots lie in a bucket of a real S3 service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from one_city import DATASET, HEADER, City

from shanhai.cli.app import shanhai
from shanhai.cli.session import Session
from shanhai.errors import ConfigurationError
from shanhai.ingest.snapshot import pull
from shanhai.ingest.walk import walk
from tests.support.servers.radosgw import RadosGateway


@pytest.fixture
def bucket(ceph: RadosGateway, monkeypatch: pytest.MonkeyPatch) -> str:
    name = ceph.bucket()
    for variable, value in {
        "SNAPSHOTS": f"s3://{name}/a/node",
        "S3_ENDPOINT": ceph.address,
        "SECRET_S3_ACCESS_KEY": ceph.access_key,
        "SECRET_S3_SECRET_KEY": ceph.secret_key,
        "HTTP_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(f"SHANHAI_{variable}", value)
    return name


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path)
    city.declare()
    city.put("d1.csv", HEADER + "a,1,2024-01-01T00:00:00Z\nb,-1,2024-01-01T00:00:00Z\n")
    city.put("d2.csv", HEADER + "a,3,2024-01-02T00:00:00Z\n")
    return city


def names(ceph: RadosGateway, bucket: str) -> list[str]:
    return [str(found.object_name) for found in ceph.client().list_objects(bucket, recursive=True)]


def test_a_dataset_walks_with_its_snapshots_in_a_bucket(ceph: RadosGateway, bucket: str, city: City) -> None:
    city.walk()
    assert city.rows() == [("a", 3)]
    assert len(city.quarantined()) == 1
    kept = names(ceph, bucket)
    assert len([name for name in kept if name.startswith("a/node/sha256/")]) == 2
    assert len([name for name in kept if name.startswith("a/node/deliveries/acity/events/")]) == 2
    assert len(kept) == 4
    assert not any((city.root / "home" / "snapshots").iterdir())
    assert [path for path in (city.root / "home" / "scratch").rglob("*") if path.is_file()] == []
    assert pull(city.node, DATASET) == []
    assert names(ceph, bucket) == kept


def test_a_bucket_that_fails_stops_the_pull_and_loses_nothing(
    ceph: RadosGateway, bucket: str, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHANHAI_SECRET_S3_SECRET_KEY", "canary-wrong-0123")
    with pytest.raises(ConfigurationError, match="s3_access_key, s3_secret_key") as refused:
        walk(city.node, DATASET)
    assert "canary-wrong-0123" not in str(refused.value)
    monkeypatch.setenv("SHANHAI_SECRET_S3_SECRET_KEY", ceph.secret_key)
    city.walk()
    assert city.rows() == [("a", 3)]


def test_the_doctor_looks_into_the_bucket(
    ceph: RadosGateway, bucket: str, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line() -> dict[str, str]:
        asked = [
            "--home",
            str(city.root / "home"),
            "--federation",
            str(city.root),
            "doctor",
            "--format",
            "json",
        ]
        result = CliRunner().invoke(shanhai, asked, obj=Session())
        assert result.stdout, result.output
        told = json.loads(result.stdout)
        (found,) = (row for row in told if row["check"] == "snapshots are kept")
        return found

    assert line() == {
        "check": "snapshots are kept",
        "state": "ok",
        "detail": f"{ceph.address}/{bucket}/a/node/",
    }
    assert names(ceph, bucket) == []
    monkeypatch.setenv("SHANHAI_SNAPSHOTS", "s3://no-such-bucket")
    assert line()["state"] == "failed"
    monkeypatch.setenv("SHANHAI_SNAPSHOTS", "https://no-such-bucket")
    assert "allowed: s3://<bucket>/<prefix>" in line()["detail"]
