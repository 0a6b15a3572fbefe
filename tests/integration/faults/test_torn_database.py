"""A connection to a database that is torn anywhere: the next pull has every row once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.errors import SourceError
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from tests.support.one_city import DATASET, City
from tests.support.servers.postgres import USER, Postgres
from tests.support.servers.wire import Wire

ROWS = 2000
CUTS = (1, 50, 300, 600, 1200, 5_000, 20_000, 60_000)
"""Bytes that the server may send: from the first of the hand-shake to the last thousand rows."""


def city(root: Path) -> City:
    root.mkdir()
    made = City(root)
    auth = {"user": USER, "secret": "city_password"}
    options = {"table": "torn.events", "auth": auth, "sslmode": "disable", "cursor": {"column": "at"}}
    made.declare(
        source={"connector": "sql", "endpoint": "data", "options": options},
        format={"kind": "parquet"},
        delivery={"per": "file", "partition": {"by": "none"}},
    )
    return made


def test_a_query_that_is_torn_anywhere_is_asked_again_without_loss_or_double(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", postgres.endpoint)
    monkeypatch.setenv("SHANHAI_SECRET_CITY_PASSWORD", postgres.password)
    monkeypatch.setenv("SHANHAI_HTTP_ATTEMPTS", "1")
    postgres.execute(
        "DROP SCHEMA IF EXISTS torn CASCADE; CREATE SCHEMA torn; GRANT USAGE ON SCHEMA torn TO PUBLIC;"
        'CREATE TABLE torn.events ("编号" text PRIMARY KEY, n int, at timestamptz NOT NULL);'
        "INSERT INTO torn.events SELECT md5(g::text), g, timestamptz '2024-01-01 00:00:00Z' "
        f"+ g * interval '1 minute' FROM generate_series(1, {ROWS}) g"
    )
    clean, torn = city(tmp_path / "clean"), city(tmp_path / "torn")
    pull(clean.node, DATASET)
    for size in CUTS:
        with Wire(postgres.port, cut_after=size) as wire:
            endpoint = postgres.endpoint.replace(str(postgres.port), str(wire.port))
            monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", endpoint)
            with pytest.raises(SourceError):
                pull(torn.node, DATASET)
        assert sidecars(torn.node, DATASET) == []
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", postgres.endpoint)
    assert torn.walk()["loaded"] == ROWS
    assert pull(torn.node, DATASET) == []
    (one,), (other,) = sidecars(clean.node, DATASET), sidecars(torn.node, DATASET)
    assert (one.delivery, one.cursor) == (other.delivery, other.cursor)
    assert torn.rows("count(DISTINCT id), sum(n)") == [(ROWS, ROWS * (ROWS + 1) // 2)]
