"""What the report says of refused rows, of judging again and of versions, and that it is verified."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from browser import chromium
from linked import unlinked
from one_city import COLUMNS, DATASET, City

from shanhai.ingest.decide import decide
from shanhai.ingest.discard import discard
from shanhai.ingest.purge import purge
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay
from shanhai.report.differences import Verification
from shanhai.report.verify import verify
from shanhai.report.verify_files import books as ledger_rows
from shanhai.report.verify_files import files
from shanhai.report.verify_refused import refused
from shanhai.report.write import write_report

TOLERANT = {"tolerance": {"hold": 0.9, "refuse": 1.0}}
LI = {"by": "Li Wei", "reason": "the district vouches for them"}
WANG = {"by": "王强", "reason": "不会再有更好的数据"}
SECRET = "第七号秘密"
BAD = f"编号,n,at\na,1,2024-01-01\nb,-1,2024-01-01\nc,-2,2024-01-01\n{SECRET},x,2024-01-01\ne,5,2024-01-01\n"
GOOD = "编号,n,at\nf,1,2024-01-02\ng,-1,2024-01-02\nh,3,2024-01-02\n"


@pytest.fixture(scope="module")
def walked_city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Two deliveries: p1 with three refused rows, of which two are out of range, p2 with one."""
    city = City(tmp_path_factory.mktemp("walked"))
    city.declare(**TOLERANT)
    city.put("p1.csv", BAD)
    city.put("p2.csv", GOOD)
    city.walk()
    city.ledger()
    return city


@pytest.fixture
def city(walked_city: City, tmp_path: Path) -> City:
    """A copy of it, to be decided about."""
    return walked_city.copied(tmp_path / "city")


def reported(city: City) -> Verification:
    """Write the report and verify it."""
    write_report(city.node)
    return verify(city.node, city.root / "home" / "report")


def shown(city: City, statement: str, *row: str) -> dict[str, str]:
    """The figures of one row of a statement, by column."""
    figures = json.loads((city.root / "home" / "report" / "figures.json").read_text())["figures"]
    return {
        figure[2][0]: figure[4]
        for figure in figures
        if (*figure[:2], len(figure[2])) == (statement, list(row), 1)
    }


def text(city: City, page: str) -> str:
    html = (city.root / "home" / "report" / page).read_text(encoding="utf-8")
    main = html.partition("<main")[2].partition('<section class="how"')[0]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def test_each_refused_row_has_one_state_and_the_ledger_agrees(city: City) -> None:
    first, second = city.delivery("p1"), city.delivery("p2")
    release(city.node, first, ["n.range"], [("p1.csv", 2)], **LI)
    discard(city.node, second, **WANG)
    found = reported(city)
    assert found.differences == []
    # What an auditor finds in the report again: rows, of which each is compared in several ways.
    assert found.looked["refused rows"] == 4
    assert found.looked["ledger rows"] == found.looked["sidecars"] == found.looked["snapshots"] == 2
    expected = {"refused": "4", "open": "2", "discarded": "1", "purged": "0", "released": "1"}
    counts = shown(city, "refused rows")
    assert {name: counts[name] for name in expected} == expected
    assert counts["quarantined"] == str(sum(row.counts.quarantined for row in city.ledger().values())) == "3"
    one = shown(city, "refused rows by delivery", str(second))
    assert (one["discarded"], one["quarantined"]) == ("1", "1")
    assert shown(city, "reasons", str(DATASET), "n.range") == {
        "rows": "3", "open": "1", "discarded": "1", "purged": "0", "released": "1"
    }  # fmt: skip


def test_who_decided_why_and_under_which_contract(city: City) -> None:
    first, second = city.delivery("p1"), city.delivery("p2")
    release(city.node, first, ["n.range"], **LI)
    revoke(city.node, first, by="王强", reason="撤回")
    discard(city.node, second, **WANG)
    assert reported(city).differences == []
    en, zh = text(city, "en/quarantine.html"), text(city, "zh/quarantine.html")
    assert "released by hand n.range 1.0.0 quarantined −2 loaded +2 Li Wei the district vouches" in en
    assert "release taken back n.range 1.0.0 quarantined +2 loaded −2 王强 撤回" in en
    assert "discarded n.range 1.0.0 – 王强 不会再有更好的数据" in en
    assert "人工放行 n.range 1.0.0 隔离 −2 入库 +2 Li Wei" in zh
    assert en.count("The ledger agrees.") == 2
    pages = (city.root / "home" / "report").rglob("*.html")
    assert not any(SECRET in page.read_text(encoding="utf-8") for page in pages)


def test_purged_rows_are_told_and_released_ones_stay_released(city: City) -> None:
    first = city.delivery("p1")
    release(city.node, first, ["n.range"], **LI)
    city.declare(**TOLERANT, version="1.0.0", retention={"quarantine_days": 30})
    city.now += timedelta(days=100)
    purge(city.node, (DATASET,))
    found = reported(city)
    assert found.differences == []
    counts = shown(city, "refused rows")
    assert (counts["open"], counts["purged"], counts["released"]) == ("0", "2", "2")
    assert "purged by retention 1.0.0 – by rule" in text(city, "en/quarantine.html")
    assert "按保留期清除" in text(city, "zh/quarantine.html")


def test_a_replay_shows_both_judgements_and_what_moved(city: City) -> None:
    first, second = city.delivery("p1"), city.delivery("p2")
    _without_least(city, "2.0.0")
    for one in (first, second):
        replay(city.node, one)
    _without_least(city, "3.0.0", maximum=2)
    replay(city.node, second)
    assert reported(city).differences == []
    page = text(city, f"en/deliveries/{first.key}.html")
    assert "Judged by contract 2.0.0 ; before, by contract 1.0.0 ." in page
    assert "Rows more in the lake: 2 ." in page
    assert "loaded 2 4 +2" in page
    assert "quarantined 3 1 −2" in page
    assert "n.range the number lies within its bounds 2 not asked" in page
    page = text(city, f"zh/deliveries/{second.key}.html")
    assert "湖中少 1 行" in page
    assert "入库 3 2 −1" in page
    assert "loaded 3" in text(city, f"en/deliveries/{second.key}.html").replace("loaded 2 3", "loaded 3")


def test_a_replay_that_lets_in_as_many_rows_as_it_refuses_is_told(city: City) -> None:
    second = city.delivery("p2")
    _without_least(city, "2.0.0", maximum=2)
    entry = replay(city.node, second).entry
    assert entry is not None
    assert (entry.quarantined, entry.loaded) == (0, 0)
    assert reported(city).differences == []
    assert f"{second.short} replayed 2.0.0 –" in text(city, "en/quarantine.html")
    assert f"{second.short} 重放 2.0.0 –" in text(city, "zh/quarantine.html")
    assert "As many rows are in the lake as before." in text(city, f"en/deliveries/{second.key}.html")
    assert "湖中行数不变。" in text(city, f"zh/deliveries/{second.key}.html")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_them_within_its_window(city: City, tmp_path: Path, width: int) -> None:
    first = city.delivery("p1")
    release(city.node, first, ["n.range"], **LI)
    _without_least(city, "2.0.0")
    replay(city.node, first)
    write_report(city.node)
    with chromium(tmp_path / "profile") as browser:
        for page in ("quarantine.html", f"deliveries/{first.key}.html"):
            for language in ("en", "zh"):
                browser.open(city.root / "home" / "report" / language / page, width=width)
                assert (page, [*browser.told(), *browser.too_wide()]) == (page, [])


def _without_least(city: City, version: str, **limits: int) -> None:
    columns = [{**one, "logicalTypeOptions": limits} if one["name"] == "n" else one for one in COLUMNS]
    columns = [{k: v for k, v in one.items() if v != {}} for one in columns]
    city.declare(columns, version=version, **TOLERANT)


def test_every_number_of_these_pages_leads_to_its_sql(city: City) -> None:
    release(city.node, city.delivery("p1"), ["n.range"], **LI)
    discard(city.node, city.delivery("p2"), **WANG)
    write_report(city.node)
    pages = sorted((city.root / "home" / "report").rglob("*.html"))
    wrong = {page.name: unlinked(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: numbers for name, numbers in wrong.items() if numbers} == {}


def test_a_table_of_versions_says_how_many_of_how_many_keys(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.declare(versions={"rule": "history", "by": "at"})
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\na,2,2024-01-05\nb,1,2024-01-01\n")
    city.walk()
    assert reported(city).differences == []
    assert shown(city, f"versions of {DATASET}") == {"versions": "3", "keys": "2", "earlier": "1"}
    assert "Every version of a key stays in the table, beginning at at" in text(
        city, f"en/datasets/{DATASET}.html"
    )
    assert "3 个版本" in text(city, f"zh/datasets/{DATASET}.html").replace("共 3 个", "3 个")


def _rewritten(city: City, partition: str, change: str) -> None:
    key = city.delivery(partition).key
    (file,) = (city.root / "home" / "lake" / "_system" / "quarantine").glob(f"{key}*.parquet")
    con = duckdb.connect()
    rows = f"SELECT * FROM read_parquet('{file}')"
    con.execute(f"CREATE TABLE t AS {change.format(rows=rows)}")
    file.unlink()
    con.execute(f"COPY t TO '{file}' (FORMAT parquet)")


def test_books_that_lag_behind_a_decision_are_not_called_altered(city: City) -> None:
    first, second = city.delivery("p1"), city.delivery("p2")
    write_report(city.node)
    release(city.node, first, ["n.range"], **LI)
    decide(city.node, second, "withdraw", **WANG)
    found = verify(city.node, city.root / "home" / "report")
    assert found.differences == []
    assert found.notes == [
        f"lake/_system/{book} lacks the newest commits of {DATASET}: shanhai reconcile."
        for book in ("ledger", "quarantine")
    ]
    reconcile(city.node)
    (note,) = verify(city.node, city.root / "home" / "report").notes
    assert "older version of the books" in note


def test_a_log_that_cannot_be_read_hides_no_other_dataset(city: City) -> None:
    _rewritten(city, "p1", "{rows} LIMIT 2")
    altered = f"refused rows of {city.delivery('p1').short}"
    contract = city.root / "districts" / "acity" / "events.odcs.yml"
    contract.with_name("another.odcs.yml").write_text(contract.read_text().replace("events", "another"))
    broken = city.node.home / "lake" / "acity" / "another" / "_delta_log"
    broken.mkdir(parents=True)
    (broken / f"{0:020}.json").write_text("{")
    named = [one.what for one in refused(city.node, lambda *_: None, []) if one]
    assert named == ["log of acity.another", altered]


def _digests_left_out(folder: Path) -> None:
    """Write the log of a table as it was before commits told digests."""
    for file in (folder / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in file.read_text().splitlines()]
        for action in actions:
            if "shanhai" in action.get("commitInfo", {}):
                facts = json.loads(action["commitInfo"]["shanhai"])
                facts.pop("files", None)
                action["commitInfo"]["shanhai"] = json.dumps(facts)
        file.write_text("".join(f"{json.dumps(action)}\n" for action in actions))


def test_a_table_whose_commits_tell_no_digest_is_looked_at_by_size(city: City) -> None:
    lake = city.node.home / "lake"
    for folder in ("acity/events", "_system/ledger", "_system/quarantine"):
        _digests_left_out(lake / folder)
    assert set(files(city.node, lambda *_: None)) == {None}
    (first, *_) = sorted((lake / "acity" / "events").glob("*.parquet"))
    first.chmod(0o600)
    first.write_bytes(first.read_bytes() + b"x")
    (found,) = set(files(city.node, lambda *_: None)) - {None}
    assert found.what == f"lake/acity/events/{first.name}"


def test_an_altered_ledger_is_right_when_it_is_written_anew(city: City) -> None:
    before = city.ledger()
    books = city.node.home / "lake" / "_system" / "ledger"
    (file,) = books.glob("*.parquet")
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert set(files(city.node, lambda *_: None)) != {None}
    shutil.rmtree(books)
    reconcile(city.node)
    assert set(files(city.node, lambda *_: None)) == set(ledger_rows(city.node, lambda *_: None)) == {None}
    assert city.ledger() == before


@pytest.mark.parametrize(
    ("change", "given"),
    [
        ("{rows} LIMIT 2", "2 quarantined"),
        (
            "SELECT * REPLACE (true AS released) FROM ({rows}) UNION ALL {rows}",
            "some of which broke n.range, n.type",
        ),
        ("SELECT * REPLACE (NULL::VARCHAR AS raw) FROM ({rows})", "3 without text"),
    ],
    ids=["a row is gone", "released by nobody", "text is gone"],
)
def test_rows_that_are_not_as_the_commits_say_are_named(city: City, change: str, given: str) -> None:
    assert set(refused(city.node, lambda *_: None, [])) == {None}
    _rewritten(city, "p1", change)
    (found,) = set(refused(city.node, lambda *_: None, [])) - {None}
    assert found.what == f"refused rows of {city.delivery('p1').short}"
    assert given in found.given
