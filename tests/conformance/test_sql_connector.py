"""The connector `sql` keeps the promises of the protocol, against a real PostgreSQL and SQLite files."""

from __future__ import annotations

import io
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest import SkipTest

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from connectors.sql import SqlConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from shanhai.connect.database.parquet_stream import parquet_chunks
from shanhai.connect.protocol import ConnectContext
from tests.support.servers.postgres import DATABASE, USER, Postgres
from tests.support.servers.wire import Wire

DAYS = ("2024-03-01", "2024-03-02")
ROWS = 4000


def day(number: int) -> str:
    return DAYS[number % 2]


def texts(number: int) -> tuple[str, str]:
    return f"水表-{number * 7919 % 100_003}", f"{day(number)} 08:00:00"


def body(schema: pa.Schema, wanted: str, identify: Callable[[int], int | str]) -> bytes:
    rows = [number for number in range(ROWS) if day(number) == wanted]
    columns = [[identify(number) for number in rows], *zip(*(texts(number) for number in rows), strict=True)]
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return b"".join(parquet_chunks(schema, iter([batch]), group_rows=50_000))


class SqlCases(ABC):
    factory = SqlConnector
    options: Mapping[str, object] = {"window": {"column": "read_at"}, "windows": list(DAYS)}

    @abstractmethod
    def healthy(self) -> Case: ...

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Run SQL in the source."""

    def missing_window(self) -> Case:
        return replace(self.healthy(), window="1901-01-01")

    def empty(self) -> Case:
        """A whole pull of an empty table: its columns, and no rows."""
        self.execute("DELETE FROM water.meters")
        case = self.healthy()
        options = {name: value for name, value in case.options.items() if name not in self.options}
        name, content = next(iter(case.bodies.items()))
        schema = pq.read_schema(io.BytesIO(content))
        nothing = b"".join(parquet_chunks(schema, iter([]), group_rows=1))
        return replace(case, options=options, bodies={name.rpartition("/")[2]: nothing})

    def growing(self) -> Moving:
        """Rows of both days are written whenever a body was read."""
        written = count(ROWS)

        def keys(content: bytes) -> list[str]:
            for one in DAYS:
                self.execute(f"INSERT INTO water.meters VALUES ({next(written)}, 'new', '{one} 09:00:00')")
            return [str(row["id"]) for row in pq.read_table(io.BytesIO(content)).to_pylist()]

        return Moving(self.healthy(), keys, frozenset(str(number) for number in range(ROWS)))


class TestSqlite(SqlCases, ConnectorConformance):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        with sqlite3.connect(tmp_path / "city.db") as con:
            con.execute("CREATE TABLE meters (id INTEGER PRIMARY KEY, name TEXT, read_at TEXT)")
            con.executemany("INSERT INTO meters VALUES (?, ?, ?)", ((n, *texts(n)) for n in range(ROWS)))
        con.close()

    def healthy(self) -> Case:
        schema = pa.schema([("id", pa.string()), ("name", pa.string()), ("read_at", pa.string())])
        context = ConnectContext(str(self.root), allowed_roots=(self.root,), attempts=3, sleep=self.slept)
        bodies = {f"{one}/meters.parquet": body(schema, one, str) for one in DAYS}
        return Case({"file": "city.db", "table": "meters", **self.options}, context, bodies=bodies)

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.root / "city.db")) as con, con:
            con.execute(statement.replace("water.", ""))

    def slept(self, seconds: float) -> None:
        """A lock is gone when it is tried again."""
        self.writer.rollback()

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {"locked": self.locked}

    def locked(self) -> Case:
        self.writer = sqlite3.connect(self.root / "city.db")
        self.writer.execute("BEGIN EXCLUSIVE")
        case = self.healthy()
        context = ConnectContext(
            str(self.root), allowed_roots=(self.root,), attempts=3, sleep=self.slept, timeout_seconds=0.05
        )
        return Case(case.options, context, bodies=case.bodies)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        unmounted = ConnectContext(str(self.root / "unmounted"), allowed_roots=(self.root,))
        return {"not there": lambda: Case(self.healthy().options, unmounted)}


class TestPostgres(SqlCases, ConnectorConformance):
    @pytest.fixture(autouse=True)
    def table(self, postgres: Postgres) -> Iterator[None]:
        self.server = postgres
        values = ",".join(f"({n}, '{name}', '{at}')" for n in range(ROWS) for name, at in [texts(n)])
        postgres.execute(
            "CREATE SCHEMA water;"
            "CREATE TABLE water.meters (id int PRIMARY KEY, name text, read_at timestamp);"
            f"INSERT INTO water.meters VALUES {values}"
        )
        with ExitStack() as self.wires:
            yield
        postgres.execute("DROP SCHEMA water CASCADE")

    def execute(self, statement: str) -> None:
        self.server.execute(statement)

    def throttled(self, retry_after: float | None) -> Case:
        if retry_after is not None:
            raise SkipTest("PostgreSQL has no word for how long to wait")
        refusal = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"
        return self.over(
            Wire(self.server.port, replies=[b"E%b%b" % ((len(refusal) + 4).to_bytes(4), refusal)])
        )

    def case(self, port: int) -> Case:
        schema = pa.schema([("id", pa.int32()), ("name", pa.string()), ("read_at", pa.string())])
        options = {
            "table": "water.meters",
            "auth": {"user": USER, "secret": "city_password"},
            "sslmode": "disable",
            **self.options,
        }
        context = ConnectContext(
            f"postgresql://127.0.0.1:{port}/{DATABASE}",
            secret=lambda name: SecretStr(self.server.password),
            attempts=3,
            sleep=lambda seconds: None,
        )
        bodies = {f"{one}/water.meters.parquet": body(schema, one, int) for one in DAYS}
        return Case(options, context, bodies=bodies, secret=self.server.password)

    def healthy(self) -> Case:
        return self.case(self.server.port)

    def over(self, wire: Wire) -> Case:
        return self.case(self.wires.enter_context(wire).port)

    def truncated(self) -> Case:
        return self.over(Wire(self.server.port, cut_after=60_000))

    def cut_midway(self) -> Case:
        raise SkipTest("the rest of a cut answer would be of another moment: the pull is made again")

    def wrong_credentials(self) -> Case:
        case = self.case(self.server.port)
        wrong = replace(case.context, secret=lambda name: SecretStr("canary-" + self.server.password))
        return replace(case, context=wrong, secret="canary-" + self.server.password)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        port = self.server.port
        return {
            "down": lambda: self.case(1),
            "refused": lambda: self.over(Wire(port, refuse=9)),
            "cut off in the hand-shake": lambda: self.over(Wire(port, cut_after=300)),
            "cut off in the rows": lambda: self.over(Wire(port, cut_after=60_000)),
        }

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {"refused": lambda: self.over(Wire(self.server.port, refuse=2))}
