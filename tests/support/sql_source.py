"""Tables pulled by the connector `sql` in a test: the rows that came, and the cursor that they reach."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import SecretStr

from connectors.sql import SqlConnector
from shanhai.connect.protocol import Body, ConnectContext
from tests.support.servers.postgres import USER, Postgres

AUTH = {"user": USER, "secret": "city_password"}


def no_wait(seconds: float) -> None:
    """Waits in no time."""


@dataclass(frozen=True)
class Pulled:
    """One body that came."""

    body: Body
    content: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        return pq.read_table(io.BytesIO(self.content)).to_pylist()

    @property
    def cursor(self) -> str | None:
        return self.body.facts.get("cursor")

    def values(self, column: str) -> list[Any]:
        return [row[column] for row in self.rows]


@dataclass(frozen=True)
class SqlSource:
    """A database, and the options that every pull of it has."""

    context: ConnectContext
    options: dict[str, Any]

    def connector(self, **options: Any) -> SqlConnector:
        context = options.pop("context", self.context)
        return SqlConnector({**self.options, **options}, context)

    def pull(self, key: str | None = None, *, since: str | None = None, **options: Any) -> list[Pulled]:
        context = replace(options.pop("context", self.context), cursor=since)
        bodies = self.connector(context=context, **options).pull(key)
        return [Pulled(body, b"".join(body.chunks)) for body in bodies]


def of_postgres(server: Postgres, *, port: int | None = None, **context: Any) -> SqlSource:
    """The database of a server, perhaps at another port."""
    endpoint = server.endpoint if port is None else server.endpoint.replace(str(server.port), str(port))
    known = ConnectContext(
        endpoint,
        secret=lambda name: SecretStr(server.password),
        attempts=context.pop("attempts", 2),
        sleep=context.pop("sleep", no_wait),
        **context,
    )
    return SqlSource(known, {"auth": AUTH, "sslmode": "disable"})


def of_sqlite(folder: Path, file: str = "city.db", **context: Any) -> SqlSource:
    """A database file in a folder."""
    known = ConnectContext(str(folder), allowed_roots=(folder,), sleep=no_wait, **context)
    return SqlSource(known, {"file": file})
