"""A report agrees with its home until somebody alters one of them; every alteration is found and named."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from walked import Walked

from shanhai.errors import StoreError
from shanhai.ingest.node import open_node
from shanhai.report.verify_figures import _Tables, figures
from shanhai.settings import read_settings
from shanhai.warehouse.lake import LakeTable

pytestmark = pytest.mark.timeout(900)
TABLE = Path("lake/longyou/water_meters")


def verified(node: Walked, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = node("report", "verify", *options, "--format", "json")
    return code, json.loads(capsys.readouterr().out)


def _rewrite(file: Path, change: str) -> None:
    """Write a Parquet file anew with a change to each row."""
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t AS SELECT * REPLACE ({change}) FROM read_parquet('{file}')")
    file.chmod(0o600)
    con.execute(f"COPY t TO '{file}' (FORMAT parquet)")


def _sign(node: Walked) -> None:
    """Give the manifest the digests of the pages and lists as they are now, as a careful forger would."""
    manifest = node.report / "manifest.json"
    facts = json.loads(manifest.read_text())
    for kind in ("pages", "files"):
        facts[kind] = {
            path: hashlib.sha256((node.report / path).read_bytes()).hexdigest() for path in facts[kind]
        }
    manifest.write_text(json.dumps(facts))


def _edit(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    file.chmod(0o600)
    file.write_text(after, encoding="utf-8", newline="")


def _a_digit_of_a_page(node: Walked) -> None:
    _edit(node.report / "en" / "index.html", lambda text: text.replace(">12</a>", ">13</a>", 1))


def _two_numbers_swapped_and_signed(node: Walked) -> None:
    swap = {">12</a>": ">9</a>", ">9</a>": ">12</a>"}
    _edit(
        node.report / "zh" / "ledger.html",
        lambda text: re.sub("|".join(swap), lambda match: swap[match[0]], text),
    )
    _sign(node)


def _a_digit_everywhere_and_signed(node: Walked) -> None:
    for page in node.report.rglob("index.html"):
        _edit(page, lambda text: text.replace(">33</a>", ">34</a>"))
    _edit(node.report / "figures.json", lambda text: text.replace('"number", "33"]', '"number", "34"]'))
    _sign(node)


def _a_digit_of_the_list(node: Walked) -> None:
    _edit(node.report / "figures.json", lambda text: text.replace('"number", "33"]', '"number", "34"]', 1))


def _a_number_that_has_no_figure(node: Walked) -> None:
    _edit(
        node.report / "en" / "index.html",
        lambda text: re.sub(r'<a class="f" data-f="\d+" href="#S1">33</a>', "34", text),
    )
    _sign(node)


def _the_order_of_figures(node: Walked) -> None:
    def turned(text: str) -> str:
        facts = json.loads(text)
        return json.dumps({**facts, "figures": facts["figures"][::-1]}, ensure_ascii=False) + "\n"

    _edit(node.report / "figures.json", turned)
    _sign(node)


def _sql_with_the_answer_in_it(node: Walked) -> None:
    def forged(text: str) -> str:
        facts = json.loads(text)
        statement = facts["statements"]["verdicts"]
        statement["sql"] = "SELECT * FROM (" + statement["sql"].rstrip(";") + ") WHERE 1 = 1;"
        return json.dumps(facts, ensure_ascii=False) + "\n"

    _edit(node.report / "figures.json", forged)
    _sign(node)


def _a_page_more(node: Walked) -> None:
    (node.report / "en" / "audited.html").write_text("<p>all is well</p>")


def _the_ledger(node: Walked) -> None:
    file = sorted((node.home / "lake" / "_system" / "ledger").glob("*.parquet"))[0]
    _rewrite(file, "loaded + 1 AS loaded, quarantined - 1 AS quarantined")


def _an_entry_of_the_ledgers_log(node: Walked) -> None:
    sorted((node.home / "lake" / "_system" / "ledger" / "_delta_log").glob("*.json"))[-1].unlink()


def _an_entry_of_a_tables_log(node: Walked) -> None:
    sorted((node.home / TABLE / "_delta_log").glob("*.json"))[1].unlink()


def _the_whole_log_of_a_table(node: Walked) -> None:
    for file in (node.home / TABLE / "_delta_log").glob("*.json"):
        file.unlink()


def _counts_in_a_commit(node: Walked) -> None:
    file = sorted((node.home / TABLE / "_delta_log").glob("*.json"))[1]
    _edit(file, lambda text: re.sub(r'("quarantined\\*":\s*)(\d+)', r"\g<1>7", text, count=1))


def _reasons_in_quarantine(node: Walked) -> None:
    file = sorted((node.home / "lake" / "_system" / "quarantine").glob("*.parquet"))[0]
    _rewrite(file, "['flow.type'] AS reasons")


def _a_quarantine_file_gone(node: Walked) -> None:
    sorted((node.home / "lake" / "_system" / "quarantine").glob("*.parquet"))[0].unlink()


def _a_file_of_the_lake_gone(node: Walked) -> None:
    table = LakeTable.open(node.home / TABLE)
    (table.path / next(iter(table.files()))).unlink()


def _a_mart(node: Walked) -> None:
    (file,) = (node.home / "marts" / "mart_pool_size").glob("*.parquet")
    _rewrite(file, "records + 1 AS records")


def _a_snapshot_longer(node: Walked) -> None:
    file = sorted((node.home / "snapshots" / "sha256").glob("*/*"))[0]
    file.chmod(0o600)
    file.write_bytes(file.read_bytes() + b"\n")


def _a_snapshot_gone(node: Walked) -> None:
    sorted((node.home / "snapshots" / "sha256").glob("*/*"))[0].unlink()


def _the_digest_in_a_sidecar(node: Walked) -> None:
    file = sorted((node.home / "snapshots" / "deliveries").rglob("*.json"))[0]
    _edit(file, lambda text: re.sub(r'("size":\s*)(\d+)', r"\g<1>1", text, count=1))


def _the_record_of_a_check(node: Walked) -> None:
    file = next(
        file
        for file in sorted((node.home / "staged").glob("*/*/validation.json"))
        if "/d2/" in file.read_text()
    )
    _edit(file, lambda text: text.replace('"rule": "flow.range"', '"rule": "flow.type"', 1).replace(
        '"rule":"flow.range"', '"rule":"flow.type"', 1))  # fmt: skip


ALTERATIONS = [
    (_a_digit_of_a_page, "page en/index.html"),
    (_a_digit_of_a_page, "en/index.html, figure"),
    (_two_numbers_swapped_and_signed, "zh/ledger.html, figure"),
    (_a_digit_everywhere_and_signed, "counts of all · rows_in"),
    (_a_digit_of_the_list, "page figures.json"),
    (_a_number_that_has_no_figure, "page en/index.html, written again"),
    (_the_order_of_figures, "en/index.html, figure"),
    (_sql_with_the_answer_in_it, "SQL of verdicts in figures.json"),
    (_a_page_more, "page en/audited.html"),
    (_the_ledger, "ledger longyou.water_meters/d"),
    (_an_entry_of_the_ledgers_log, "statement ledger"),
    (_an_entry_of_a_tables_log, "log of longyou.water_meters"),
    (_the_whole_log_of_a_table, "ledger longyou.water_meters/d"),
    (_counts_in_a_commit, "ledger longyou.water_meters/d"),
    (_reasons_in_quarantine, "quarantine "),
    (_a_quarantine_file_gone, "quarantine "),
    (_a_file_of_the_lake_gone, "lake/longyou/water_meters/"),
    (_a_mart, "mart_pool_size at version 1"),
    (_a_snapshot_longer, "snapshot "),
    (_a_snapshot_gone, "snapshot "),
    (_the_digest_in_a_sidecar, "snapshot "),
    (_the_record_of_a_check, "rules of longyou.water_meters/d2"),
]


@pytest.mark.parametrize(("alter", "named"), ALTERATIONS, ids=lambda one: getattr(one, "__name__", ""))
def test_an_alteration_is_found_and_named(
    node: Walked, capsys: pytest.CaptureFixture[str], alter: Callable[[Walked], None], named: str
) -> None:
    alter(node)
    code, found = verified(node, capsys)
    assert code == 65
    wrong = [one for one in found["differences"] if one["what"].startswith(named)]
    assert wrong, [one["what"] for one in found["differences"]][:20]
    assert all(one["given"] and one["expected"] and one["given"] != one["expected"] for one in wrong)


def test_an_honest_report_agrees_in_everything(
    walked_home: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = verified(walked_home, capsys, "--deep")
    assert (code, found["agrees"], found["differences"], found["notes"]) == (0, True, [], [])
    looked = found["looked_at"]
    assert looked["figures"] > 200
    assert looked["figures on pages"] > looked["figures"]
    assert looked["ledger rows"] == looked["sidecars"] == looked["snapshots"] == 3
    assert looked["numbers staged again"] > 30
    assert looked["pages and statements written again"] > 80


def test_what_only_the_bytes_tell_is_found_by_staging_again(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in sorted((node.home / TABLE).glob("*.parquet")):
        _rewrite(file, "flow + 1 AS flow")
    snapshot = sorted((node.home / "snapshots" / "sha256").glob("*/*"))[0]
    snapshot.chmod(0o600)
    snapshot.write_bytes(snapshot.read_bytes().replace(b"1.5", b"2.5"))
    code, found = verified(node, capsys, "--deep")
    assert code == 65
    named = [one["what"] for one in found["differences"]]
    assert f"snapshot {snapshot.name}" in named
    assert any("not in the snapshot" in name for name in named)


def test_an_older_report_is_right_and_says_that_it_is_older(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = ["longyou.water_meters/d2", "--by", "Li Wei", "--reason", "recalled"]
    assert node("delivery", "withdraw", *decision) == 0
    assert node("reconcile") == 0
    code, found = verified(node, capsys)
    assert (code, found["differences"]) == (0, [])
    (note,) = found["notes"]
    assert re.search(r"older version of the books: ledger \d+, which is at \d+ now", note)
    _edit(node.report / "figures.json", lambda text: text.replace('"number", "33"]', '"number", "34"]', 1))
    assert verified(node, capsys)[0] == 65


def test_recount_compares_one_delivery(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert node("delivery", "recount", "longyou.water_meters/d2", "--format", "json") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["agrees"]
    assert {"rows in", "good", "rule flow.range"} <= {line["name"] for line in outcome["lines"]}
    staging = next(
        file
        for file in (node.home / "staged").glob("*/*/staging.json")
        if "/d2/" in json.loads(file.read_text())["delivery"]
    )
    kept = staging.read_text()
    staging.write_text(kept.replace('"flow.range": 2', '"flow.range": 1'))
    assert node("delivery", "recount", "longyou.water_meters/d2") == 65
    staging.write_text(kept)
    validation = staging.with_name("validation.json")
    record = json.loads(validation.read_text())
    (asked,) = record["queries"]
    assert {
        "name": f"query {asked['name']}",
        "kept": asked["given"],
        "again": asked["given"],
        "agrees": True,
    } in (outcome["lines"])
    asked["given"] = "1" + asked["given"]
    validation.write_text(json.dumps(record))
    assert node("delivery", "recount", "longyou.water_meters/d2") == 65


def test_scores_for_machines(walked_home: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert walked_home("report", "scores", "--format", "json") == 0
    found = {line["indicator"]: line for line in json.loads(capsys.readouterr().out)}
    accurate = found["accurate_values"]
    assert accurate["a"] < accurate["b"]
    assert accurate["share"] == round(accurate["a"] / accurate["b"], 6)
    assert (found["came_windows"]["a"], found["came_windows"]["b"]) == (0, 3)


def test_a_statement_reads_nothing_outside_the_home(walked_home: Walked) -> None:
    opened = open_node(read_settings(home=walked_home.home, federation=walked_home.root))
    with duckdb.connect() as con, pytest.raises(StoreError, match="outside the home"):
        _Tables(opened, con).over("SELECT * FROM delta_scan('../elsewhere');")


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1 AS a) TO '{out}'",
        "SELECT 1 AS a; COPY (SELECT 1) TO '{out}'",
        "SELECT size AS a FROM read_text('{secret}')",
        "ATTACH '{out}' AS other",
        "SELECT 1 AS b",
    ],
)
def test_sql_of_a_report_reads_below_the_home_and_does_nothing_else(
    walked_home: Walked, tmp_path: Path, sql: str
) -> None:
    opened = open_node(read_settings(home=walked_home.home, federation=walked_home.root))
    secret, out = tmp_path / "secret.txt", tmp_path / "out"
    secret.write_text("x")
    statement = {"sql": sql.format(out=out, secret=secret), "key": []}
    document = {"statements": {"forged": statement}, "figures": [["forged", [], ["a"], "number", "1"]]}
    (found,) = figures(opened, document, lambda *_: None)
    assert found is not None
    assert not out.exists()


def test_a_folder_without_a_report_is_refused(walked_home: Walked, tmp_path: Path) -> None:
    assert walked_home("report", "verify", "--report", str(tmp_path)) == 78


@pytest.mark.parametrize("figure", [["none"], ["none", [], ["a"], "number", "1"], "none", None])
def test_a_list_of_figures_that_is_none_is_refused(
    walked_home: Walked, tmp_path: Path, figure: object
) -> None:
    shutil.copy(walked_home.report / "manifest.json", tmp_path)
    (tmp_path / "figures.json").write_text(json.dumps({"statements": {}, "figures": [figure]}))
    assert walked_home("report", "verify", "--report", str(tmp_path)) == 78
