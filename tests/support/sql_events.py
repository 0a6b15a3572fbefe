"""A table of events in PostgreSQL that a city reads by a cursor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.servers.postgres import USER, Postgres

OPTIONS: dict[str, Any] = {
    "table": "public.events",
    "auth": {"user": USER, "secret": "city_password"},
    "sslmode": "disable",
    "cursor": {"column": "at", "lag": "10m"},
}
COMMON: dict[str, Any] = {
    "format": {"kind": "parquet"},
    "delivery": {"per": "file", "partition": {"by": "none"}},
    "source": {"connector": "sql", "endpoint": "data", "options": OPTIONS},
}
"""What a contract for the table says of it."""


def make_table(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the table, empty, and let the city's endpoint be this server."""
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", postgres.endpoint)
    monkeypatch.setenv("SHANHAI_SECRET_CITY_PASSWORD", postgres.password)
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
        'CREATE TABLE events ("编号" text PRIMARY KEY, n int, at timestamptz NOT NULL);'
    )
