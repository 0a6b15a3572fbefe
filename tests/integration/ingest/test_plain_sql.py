"""The SQL of the pages for auditors, run as it stands with DuckDB alone, after a release was taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from one_city import HEADER, City

from shanhai.ingest.discard import discard
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.release import release, revoke

DOCS = Path(__file__).parents[3] / "docs"
ROWS = HEADER + "a,1,2024-01-01\nb,-1,2024-01-01\nc,-2,2024-01-01\nd,x,2024-01-01\n"
LI = {"by": "Li Wei", "reason": "the district vouches for them"}


def blocks(page: str) -> list[str]:
    """The SQL of a page."""
    return re.findall(r"```sql\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def block(page: str, has: str) -> str:
    (found,) = [sql for sql in blocks(page) if has in sql]
    return found


LEDGER, AUDIT, QUARANTINE = "reference/ledger.md", "guide/audit-without-us.md", "guide/quarantine.md"


@pytest.fixture
def revoked(city: City) -> City:
    """A city where a release was taken back: a file that was removed from the quarantine came again."""
    city.declare(tolerance={"hold": 0.9, "refuse": 1.0})
    city.put("p1.csv", ROWS)
    city.walk()
    first = city.delivery("p1")
    for decide in (release, revoke):
        decide(city.node, first, ["n.range"], **LI)
        reconcile(city.node)
    return city


@pytest.fixture
def con(revoked: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in the home, which is left as it is."""
    monkeypatch.chdir(revoked.node.home)
    with duckdb.connect() as con:
        yield con


@pytest.mark.parametrize("page", [LEDGER, AUDIT])
def test_the_newest_version_has_a_file_that_came_again(
    revoked: City, con: duckdb.DuckDBPyConnection, page: str
) -> None:
    con.execute(block(page, "MACRO files_of"))
    for table in ("lake/_system/quarantine", "lake/_system/ledger", "lake/acity/events"):
        found = {name for (name,) in con.execute(f"FROM files_of('{table}')").fetchall()}
        added = set(Path(table).glob("*.parquet"))
        assert {Path(name) for name in found} <= added
        rows = con.execute("SELECT count(*) FROM read_parquet(?)", [sorted(found)]).fetchone()
        assert rows == {"quarantine": (3,), "ledger": (3,), "events": (1,)}[Path(table).name]


def test_the_reasons_and_the_closed_rows_are_told_of_all(
    revoked: City, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute(block(LEDGER, "MACRO files_of"))
    delivery = str(revoked.delivery("p1"))
    asked = block(LEDGER, "AS reason FROM read_parquet")
    assert con.execute(asked).fetchall() == [(delivery, "n.range", 2), (delivery, "n.type", 1)]
    discard(revoked.node, revoked.delivery("p1"), **LI, rules=["n.type"])
    reconcile(revoked.node)
    closed = con.execute(block(QUARANTINE, "kind = 'discard'")).fetchall()
    assert closed == [(delivery, "p1.csv", 4, ["n.type"])]


def test_bytes_of_a_file_that_came_again_are_looked_at(revoked: City, con: duckdb.DuckDBPyConnection) -> None:
    con.execute(block(AUDIT, "MACRO files_of"))
    asked = block(AUDIT, "-- bytes").replace("lake/longyou/water_meters", "lake/_system/quarantine")
    assert con.execute(asked).fetchall() == []
    (file,) = con.execute("FROM files_of('lake/_system/quarantine')").fetchone() or ("",)
    Path(file).chmod(0o600)
    Path(file).write_bytes(Path(file).read_bytes() + b"x")
    assert con.execute(asked).fetchall() == [(file,)]
