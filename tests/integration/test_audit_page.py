"""The page for auditors is run as it stands, with DuckDB and sha256sum alone, on the home of a small node."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from duckdb_extensions import import_extension
from walked import SCRIPT, Walked

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "audit-without-us.md").read_text(encoding="utf-8")
SHANGHAI = ZoneInfo("Asia/Shanghai")
WITHOUT_A_ROW = {"number": "0", "share": "–"}
COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def con(walked_home: Walked, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    import_extension("delta", con=con)
    monkeypatch.chdir(walked_home.home)
    blocks = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    con.execute(blocks[0])
    return con


def block(name: str) -> str:
    (found,) = re.findall(rf"```sql\n-- {name}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def figure(document: dict[str, Any], statement: str, columns: list[str], *row: str) -> str:
    """A figure of the report as it is written there."""
    (shown,) = [one[4] for one in document["figures"] if one[:3] == [statement, list(row), columns]]
    return str(shown)


def test_the_balance_is_the_reports(walked_home: Walked, con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute(block("unbalanced")).fetchall() == []
    told = [figure(walked_home.figures(), "counts of all", [name]) for name in COUNTS]
    for name in ("totals", "commits", "plain"):
        (found,) = con.execute(block(name)).fetchall()
        assert [f"{count:,}" for count in found] == told, name


def test_without_the_extension_an_earlier_version_is_read_as_well(
    walked_home: Walked, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute(block("plain"))
    ledger, seen = "lake/_system/ledger", []
    for version in (1, 2, None):
        upto = "" if version is None else f", upto := {version}"
        named = "" if version is None else f", version => {version}"
        con.execute(f"SET VARIABLE files = (SELECT list(file) FROM files_of('{ledger}'{upto}))")
        plain = "read_parquet(getvariable('files'), union_by_name = true)"
        scans = (plain, f"delta_scan('{ledger}'{named})")
        found = [con.execute(f"SELECT * FROM {scan} ORDER BY ALL").fetchall() for scan in scans]
        assert found[0] == found[1], version
        seen.append(len(found[0]))
    assert 0 < seen[0] < seen[1] < seen[2]


def test_each_file_of_a_table_is_the_one_that_was_committed(
    walked_home: Walked, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute(block("plain"))
    for folder in ("lake/longyou/water_meters", "lake/_system/ledger", "lake/_system/quarantine"):
        asked = block("bytes").replace("lake/longyou/water_meters", folder)
        assert con.execute(asked).fetchall() == []
        # It looks at bytes: where none are found, it says so.
        assert con.execute(re.sub(r"ON filename = file", "ON false", asked)).fetchall() != []


def test_the_lake_holds_what_the_ledger_calls_loaded(
    walked_home: Walked, con: duckdb.DuckDBPyConnection
) -> None:
    found = dict(con.execute(block("lake")).fetchall())
    assert sum(found.values()) == int(figure(walked_home.figures(), "counts of all", ["loaded"]))
    for delivery, rows in found.items():
        assert figure(walked_home.figures(), "ledger", ["loaded"], delivery) == f"{rows:,}"


def test_the_reasons_are_the_reports(walked_home: Walked, con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(block("reasons")).fetchall()
    assert found
    for dataset, reason, rows in found:
        assert figure(walked_home.figures(), "reasons", ["rows"], dataset, reason) == f"{rows:,}"


def test_who_decided_stands_in_the_ledger(con: duckdb.DuckDBPyConnection) -> None:
    found = [row[1:4] for row in con.execute(block("decisions")).fetchall()]
    assert found == [
        ("approve", f"Li Wei {SCRIPT}", f"looked at it {SCRIPT}"),
        ("withdraw", "王强", "区县撤回"),
    ]


def test_the_digest_of_a_mart_is_the_published_one(
    walked_home: Walked, con: duckdb.DuckDBPyConnection
) -> None:
    rows, digest = con.execute(block("digest")).fetchone()
    assert (rows, digest) == con.execute(block("published")).fetchone()
    assert figure(walked_home.figures(), "publications", ["digest"], "1", "mart_pool_size") == digest


def test_the_bytes_are_those_that_came(node: Walked, con: duckdb.DuckDBPyConnection) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    run = ["sh", "-c", script]
    assert subprocess.run(run, cwd=node.home, capture_output=True, text=True, check=True).stdout == ""
    assert con.execute(block("deliveries")).fetchall() == []
    (first, *_) = sorted((node.home / "snapshots" / "sha256").glob("*/*"))
    first.chmod(0o600)
    first.write_bytes(first.read_bytes() + b"x")
    assert first.name in subprocess.run(run, cwd=node.home, capture_output=True, text=True, check=True).stdout


def test_every_statement_of_the_report_gives_its_figures(
    walked_home: Walked, con: duckdb.DuckDBPyConnection
) -> None:
    document = walked_home.figures()
    assert con.execute(block("figures")).fetchone() == (
        len(document["figures"]),
        len(document["statements"]),
    )
    results = {}
    for name, statement in document["statements"].items():
        found = con.execute(statement["sql"])
        columns = [column[0] for column in found.description]
        rows = [dict(zip(columns, values, strict=True)) for values in found.fetchall()]
        results[name] = {tuple(str(row[key]) for key in statement["key"]): row for row in rows}
    without = []
    for name, key, columns, form, shown in document["figures"]:
        row = results[name].get(tuple(key))
        if row is None:
            without.append((name, *key))
            assert WITHOUT_A_ROW[form] == shown, (name, key, columns)
        else:
            assert written(form, [row[column] for column in columns]) == shown, (name, key, columns)
    assert ("verdicts", "held") in without


def test_whoever_counts_again_is_told_of_figures_without_a_row(walked_home: Walked) -> None:
    """A statement that gives nothing for a figure would look like a figure that nobody can prove."""
    assert f"`number` it must be written `{WITHOUT_A_ROW['number']}`, as a `share` `–`" in PAGE
    for language, told in (("en", "is zero, a share"), ("zh", "没有相应的行")):
        for page in ("check.html", "index.html"):
            assert told in (walked_home.report / language / page).read_text("utf-8"), (language, page)


def written(form: str, values: list[Any]) -> str:
    """How the report writes a value, by the words of this page's reader."""
    match form:
        case "number":
            return f"{values[0]:,}"
        case "signed":
            return f"{values[0]:+,}".replace("-", "−") if values[0] else "0"
        case "moment":
            return f"{values[0].astimezone(SHANGHAI):%Y-%m-%d %H:%M} UTC+8"
        case "text":
            return str(values[0])
    if not values[1]:
        return "–"
    share = 100 * values[0] / values[1]
    if 0 < share < 0.01:
        return "<0.01%"
    return ">99.99%" if 99.99 < share < 100 else f"{share:.2f}%"
