"""A report agrees with its home until somebody alters one of them; every alteration is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from walked import Walked, walked

from shanhai.errors import StoreError
from shanhai.ingest.node import open_node
from shanhai.report.verify import _Tables
from shanhai.settings import read_settings
from shanhai.warehouse.lake import LakeTable

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return walked(tmp_path_factory.mktemp("verify"), build=False)


@pytest.fixture
def node(original: Walked, tmp_path: Path) -> Walked:
    shutil.copytree(original.root, tmp_path / "node")
    return Walked(tmp_path / "node")


def verified(node: Walked, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = node("report", "verify", *options, "--format", "json")
    return code, json.loads(capsys.readouterr().out)


def altered(file: Path, change: str) -> None:
    """Write a Parquet file anew with a change to each row."""
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t AS SELECT * REPLACE ({change}) FROM read_parquet('{file}')")
    file.chmod(0o600)
    con.execute(f"COPY t TO '{file}' (FORMAT parquet)")


def test_an_honest_report_agrees_in_everything(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = verified(node, capsys, "--deep")
    assert (code, found["agrees"], found["differences"]) == (0, True, [])
    looked = found["looked_at"]
    assert looked["figures"] > 200
    assert looked["figures on pages"] > looked["figures"]
    assert looked["ledger rows"] == looked["snapshots"] / 2 == 3
    assert looked["numbers staged again"] > 30


def test_an_altered_page_is_found(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    page = node.report / "en" / "index.html"
    page.write_text(page.read_text().replace(">12</a>", ">14</a>", 1))
    code, found = verified(node, capsys)
    assert code == 65
    named = [one["what"] for one in found["differences"]]
    assert "page en/index.html" in named
    assert any(name.startswith("en/index.html, figure") for name in named)


def test_a_page_and_its_digests_altered_together_are_found(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    import hashlib

    page, manifest = node.report / "en" / "index.html", node.report / "manifest.json"
    page.write_text(page.read_text().replace(">12</a>", ">14</a>"))
    figures = node.report / "figures.json"
    figures.write_text(figures.read_text().replace('"number", "12"]', '"number", "14"]'))
    facts = json.loads(manifest.read_text())
    facts["pages"]["en/index.html"] = hashlib.sha256(page.read_bytes()).hexdigest()
    facts["figures"] = hashlib.sha256(figures.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(facts))
    code, found = verified(node, capsys)
    assert code == 65
    assert ("12", "14") in {(one["given"], one["expected"]) for one in found["differences"]}


def test_an_altered_ledger_is_found(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    file = sorted((node.home / "lake" / "_system" / "ledger").glob("*.parquet"))[0]
    altered(file, "loaded + 1 AS loaded, quarantined - 1 AS quarantined")
    code, found = verified(node, capsys)
    assert code == 65
    kinds = {one["what"].split()[0] for one in found["differences"]}
    assert {"ledger", "counts"} <= kinds


def test_altered_quarantine_is_found(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    file = sorted((node.home / "lake" / "_system" / "quarantine").glob("*.parquet"))[0]
    altered(file, "['flow.type'] AS reasons")
    code, found = verified(node, capsys)
    assert code == 65
    assert {"quarantine", "reasons"} <= {one["what"].split()[0] for one in found["differences"]}


def test_a_lake_row_that_the_snapshot_does_not_have_is_found_by_staging_again(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted((node.home / "lake" / "longyou" / "water_meters").glob("*.parquet"))
    for file in files:
        altered(file, "flow + 1 AS flow")
    code, found = verified(node, capsys, "--deep")
    assert code == 65
    assert any("not in the snapshot" in one["what"] for one in found["differences"])


def test_an_altered_snapshot_is_found(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    file = sorted((node.home / "snapshots" / "sha256").glob("*/*"))[0]
    text = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(text.replace(b"1.5", b"2.5"))
    assert verified(node, capsys)[0] == 0
    code, found = verified(node, capsys, "--deep")
    assert code == 65
    assert f"snapshot {file.name}" in {one["what"] for one in found["differences"]}


def test_a_missing_file_is_found(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    table = LakeTable.open(node.home / "lake" / "longyou" / "water_meters")
    (table.path / next(iter(table.files()))).unlink()
    code, found = verified(node, capsys)
    assert code == 65
    assert any(one["given"].startswith("missing") for one in found["differences"])


def test_recount_compares_one_delivery(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert node("delivery", "recount", "longyou.water_meters/d2", "--format", "json") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["agrees"]
    assert {"rows in", "good", "rule flow.range"} <= {line["name"] for line in outcome["lines"]}
    staging = next(
        file
        for file in (node.home / "staged").glob("*/staging.json")
        if "/d2/" in json.loads(file.read_text())["delivery"]
    )
    staging.write_text(staging.read_text().replace('"flow.range": 2', '"flow.range": 1'))
    assert node("delivery", "recount", "longyou.water_meters/d2") == 65


def test_scores_for_machines(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert node("report", "scores", "--format", "json") == 0
    found = {line["indicator"]: line for line in json.loads(capsys.readouterr().out)}
    accurate = found["accurate_values"]
    assert accurate["a"] < accurate["b"]
    assert accurate["share"] == round(accurate["a"] / accurate["b"], 6)
    assert "came_windows" not in found


def test_a_statement_reads_nothing_outside_the_home(node: Walked) -> None:
    opened = open_node(read_settings(home=node.home, federation=node.root))
    with duckdb.connect() as con, pytest.raises(StoreError, match="outside the home"):
        _Tables(opened, con).over("SELECT * FROM delta_scan('../elsewhere');")


def test_a_folder_without_a_report_is_refused(node: Walked, tmp_path: Path) -> None:
    assert node("report", "verify", "--report", str(tmp_path)) == 78
