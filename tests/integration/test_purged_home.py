"""After a purge the report, its verification, the lineage and the build say what they said before."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from walked import NAMED, PERSON, Walked, one_mart

from shanhai.clock import fixed_clock
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.purge import purge
from shanhai.settings import read_settings

LATER = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture
def aged(node: Walked) -> Node:
    """The walked home more than a year later, under a district that keeps things for some months."""
    said = "retention: {quarantine_days: 90, snapshot_days: 180}\n"
    district = node.root / "districts" / "longyou" / "district.yml"
    district.write_text(district.read_text(encoding="utf-8") + said, encoding="utf-8")
    settings = read_settings(home=node.home, federation=node.root)
    return open_node(settings, clock=fixed_clock(LATER))


def raw_texts(home: Path) -> list[str | None]:
    found: list[str | None] = []
    for file in [*home.glob("quarantine/*.parquet"), *home.glob("lake/_system/quarantine/*.parquet")]:
        rows = duckdb.connect().execute("SELECT raw FROM read_parquet(?)", [file.as_posix()]).fetchall()
        found += [raw for (raw,) in rows]
    return found


def counts(node: Walked) -> list[list[object]]:
    """The figures that tell what became of rows, and by which rule they were refused."""
    figures = node.figures()["figures"]
    told = [one for one in figures if one[0] in ("ledger", "datasets", "reasons", "verdicts")]
    # A purge moves rows from one state to another, and nothing else.
    told = [one for one in told if one[2] not in (["open"], ["discarded"], ["purged"])]
    assert {one[0] for one in told} >= {"ledger", "reasons"}
    return told


def test_everything_still_verifies(
    node: Walked, aged: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert any(PERSON in str(raw) and NAMED in str(raw) for raw in raw_texts(node.home))
    assert node("report") == 0
    before = counts(node)
    raw_files = {file.name: file for file in node.home.glob("quarantine/*.parquet")}
    shutil.copytree(node.home / "quarantine", tmp_path / "raw")

    done = purge(aged, aged.federation.datasets)

    assert {(item.delivery.partition, item.ruling.part) for item in done.items} == {
        ("d1", "quarantine"),
        ("d1", "snapshot"),
        ("d2", "quarantine"),
        ("d3", "quarantine"),
    }
    assert set(raw_texts(node.home)) == {None}
    assert node("report") == 0
    capsys.readouterr()
    assert node("report", "verify", "--deep", "--format", "json") == 0, capsys.readouterr().err
    looked = json.loads(capsys.readouterr().out)["looked_at"]
    assert looked["deliveries whose bytes or contract are gone, not staged again"] == 1
    assert counts(node) == before
    pages = [page.read_text(encoding="utf-8") for page in node.report.rglob("*.html")]
    assert any("purged by retention" in page for page in pages)
    with one_mart(node.root / "marts"):
        assert node("generate") == 0
        assert node("build") == 0

    name, file = next(iter(raw_files.items()))
    shutil.copy(tmp_path / "raw" / name, file)
    capsys.readouterr()
    assert node("report", "verify") != 0
    assert "still there" in capsys.readouterr().out
    purge(aged, aged.federation.datasets)
    assert node("report", "verify") == 0
