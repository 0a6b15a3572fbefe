"""A pull of a million rows takes hardly more memory than one of a few."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.postgres import Postgres
from tests.support.sql_source import AUTH

ROWS = 1_000_000
MOST_GROWTH_BYTES = 64 * 2**20
"""A row group of 20,000 rows and what the libraries keep of it; the rows themselves are 140 MB."""

_PULL = """
import json, resource, sys
from pathlib import Path
from pydantic import SecretStr
from connectors.sql import SqlConnector
from shanhai.connect.protocol import ConnectContext
asked = json.loads(sys.argv[1])
context = ConnectContext(asked["endpoint"], secret=lambda name: SecretStr(sys.stdin.read()),
                         allowed_roots=(Path(asked["endpoint"]),))
size = 0
for body in SqlConnector(asked["options"], context).pull(None):
    for chunk in body.chunks:
        size += len(chunk)
print(json.dumps([size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def pulled(endpoint: str, options: dict[str, Any], password: str = "") -> tuple[int, int]:
    """Bytes that came, and the most memory that the process had."""
    done = subprocess.run(
        [sys.executable, "-c", _PULL, json.dumps({"endpoint": endpoint, "options": options})],
        input=password.encode(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr.decode()
    size, peak = json.loads(done.stdout)
    return size, peak


def check(endpoint: str, options: dict[str, Any], password: str = "") -> None:
    options = {"batch_rows": 20_000, **options}
    _, few = pulled(endpoint, {**options, "table": options["table"] + "_few"}, password)
    size, peak = pulled(endpoint, options, password)
    assert size > 20 * 2**20
    assert peak - few < MOST_GROWTH_BYTES, f"{peak - few} bytes more for {size} bytes of Parquet"


def test_a_million_rows_of_postgres(postgres: Postgres):
    rows = "SELECT g AS id, md5(g::text) AS a, repeat(md5((g % 1000)::text), 3) AS b FROM generate_series"
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
        f"CREATE TABLE t AS {rows}(1, {ROWS}) g; CREATE TABLE t_few AS {rows}(1, 1000) g;"
        "ALTER TABLE t ADD PRIMARY KEY (id)"
    )
    options = {"table": "public.t", "auth": AUTH, "sslmode": "disable", "cursor": {"column": "id"}}
    check(postgres.endpoint, options, postgres.password)
    postgres.execute("DROP TABLE t")


@pytest.mark.long
def test_a_million_rows_of_sqlite(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "city.db")) as con, con:
        for table, rows in (("t", ROWS), ("t_few", 1000)):
            con.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, a TEXT, b TEXT)")
            con.execute(
                f"INSERT INTO {table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                f"WHERE i < {rows}) SELECT i, hex(randomblob(16)), printf('%096d', i % 1000) FROM n"
            )
    check(str(tmp_path), {"table": "t", "file": "city.db"})
