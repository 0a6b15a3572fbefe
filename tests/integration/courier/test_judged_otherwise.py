"""A parcel waits for its upload, and its rows are judged again: it leaves only with what is still good."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from called import calling
from one_city import DATASET, City
from seller import COLUMNS, Seller, settle
from two_nodes import Two

from shanhai.courier import releases, taking_back
from shanhai.courier.withdrawn import Tables
from shanhai.governance.policy import ReleaseDeniedError
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import open_table
from shanhai.warehouse.log import commit_file

ROWS = ["id-1,Shangtang,A,1,2024-02-01", "id-2,Shangtang,B,2,2024-02-01", "id-3,Shangtang,C,-3,2024-02-01"]
AREAS = [("330825", 1), ("330881", 2), ("330825", -3)]
BY = ("--by", "Li Wei", "--reason", "measured by hand")
Run = Callable[..., str]


def declare(city: City, *, least: int = 0, most: int = 9, about: str = "how many", **properties: Any) -> None:
    """The next version of the contract, in which `n` lies between two bounds."""
    limits = {"minimum": least, "maximum": most}
    columns = [dict(column) for column in COLUMNS]
    for column in columns:
        if column["name"] == "n":
            column.update(logicalTypeOptions=limits, description=about)
    city.declare(columns, tolerance={"hold": 0.9, "refuse": 0.95}, **properties)


def body(*rows: str) -> str:
    return "\n".join(["编号,village,person,n,at", *rows]) + "\n"


def sold(two: Two, folder: Path, **properties: Any) -> Seller:
    """A city of one delivery, of whose three rows one is refused, for its `n`; Longyou may have the rest."""
    city = City(folder / "first")
    city.root.mkdir()
    declare(city, **properties)
    city.put("a.csv", body(*ROWS))
    city.walk()
    seller = settle(two, city, folder)
    seller.grant("village", "n")
    return seller


@pytest.fixture
def seller(paired: Two, tmp_path: Path) -> Seller:
    return sold(paired, tmp_path)


def running(seller: Seller, capsys: pytest.CaptureFixture[str]) -> Run:
    """What runs a command at the home, which must work out."""
    call = calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))

    def run(*words: str) -> str:
        code, out, error = call(*words)
        assert code == 0, error
        return out

    return run


@pytest.fixture
def run(seller: Seller, capsys: pytest.CaptureFixture[str]) -> Run:
    return running(seller, capsys)


def first(seller: Seller) -> str:
    """The delivery that the parcel is made of, as commands take it."""
    return str(min(ledger(seller.node), key=lambda row: row.delivery.partition).delivery)


def let_in(seller: Seller, run: Run) -> None:
    run("quarantine", "release", first(seller), "--rule", "n.range", *BY)


def leaves(seller: Seller, run: Run) -> bool:
    """Whether the only parcel goes to the relay; where it does not, it is held, and taken back."""
    with seller.two.gongshu.desk() as desk:
        (waits,) = releases.every(desk.connection)
    run("ship", "longyou")
    with seller.two.gongshu.desk() as desk:
        over = taking_back.take_back_over(desk, "longyou")
    left = not over
    assert [one.message for one in over] == ([] if left else [waits.message])
    (uploaded,) = [one.uploaded for one in seller.messages() if one.digest == waits.message] or [None]
    assert (uploaded is not None) == left
    return left


def test_rows_that_a_person_let_in_and_took_back_do_not_leave(seller: Seller, run: Run):
    let_in(seller, run)
    seller.release()
    run("quarantine", "revoke", first(seller), *BY)
    assert not leaves(seller, run)


def test_rows_that_a_stricter_contract_refuses_do_not_leave(seller: Seller, run: Run):
    seller.release()
    declare(seller.city, most=1)
    run("replay", first(seller))
    assert not leaves(seller, run)


def test_rows_that_others_took_the_place_of_do_not_leave_although_they_are_as_many(seller: Seller, run: Run):
    seller.release()
    declare(seller.city, least=-9, most=1)
    run("replay", first(seller))
    assert not leaves(seller, run)


def test_rows_that_were_let_in_since_take_a_parcel_back_and_the_next_has_them(seller: Seller, run: Run):
    """Entries do not tell whether another edition of a register refused others meanwhile."""
    before = seller.release()
    let_in(seller, run)
    assert not leaves(seller, run)
    again = seller.release()
    assert again.release.counts["rows"] == before.release.counts["rows"] + 1


def test_what_was_taken_back_and_let_in_again_leaves(seller: Seller, run: Run):
    let_in(seller, run)
    seller.release()
    run("quarantine", "revoke", first(seller), *BY)
    let_in(seller, run)
    assert leaves(seller, run)


def test_a_contract_that_judges_alike_takes_nothing_back(seller: Seller, run: Run):
    """The replay only notes it."""
    seller.release()
    declare(seller.city, most=5)
    run("replay", first(seller))
    assert leaves(seller, run)


def test_rows_that_are_discarded_were_in_no_parcel(seller: Seller, run: Run):
    seller.release()
    run("quarantine", "discard", first(seller), *BY)
    assert leaves(seller, run)


def pin(root: Path, *codes: str) -> None:
    """Let the register of area codes have these alone."""
    file = root / "districts" / "codes.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["code", *codes]) + "\n")
    pinned = {"edition": "1", "file": "districts/codes.csv", "column": "code"}
    known = {"area_code": {**pinned, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}}
    (root / "districts" / "registers.yml").write_text(json.dumps(known))


def test_a_row_that_another_register_refuses_does_not_leave_though_another_was_let_in(
    paired: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """As many rows are refused as before, by the same contract with more waived."""
    city = City(tmp_path / "first")
    city.root.mkdir()
    pin(city.root, "330825", "330881")
    columns = [dict(column) for column in COLUMNS]
    columns[1]["customProperties"] = [{"property": "validators", "value": ["area_code"]}]
    city.declare(columns, tolerance={"hold": 0.9, "refuse": 0.95})
    rows = [f"id-{number},{code},A,{n},2024-02-01" for number, (code, n) in enumerate(AREAS)]
    city.put("a.csv", body(*rows))
    city.walk()
    seller = settle(paired, city, tmp_path)
    seller.grant("village", "n")
    run = running(seller, capsys)
    seller.release()
    pin(seller.city.root, "330825")
    let_in(seller, run)
    (row,) = ledger(seller.node)
    assert (row.counts.loaded, row.counts.quarantined) == (2, 1), "as before"
    assert not leaves(seller, run)


@pytest.mark.parametrize("rule", ["latest", "replace"])
def test_rows_that_lost_to_a_newer_delivery_leave(
    paired: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str
):
    by = {"by": "at"} if rule == "latest" else {}
    seller = sold(paired, tmp_path, versions={"rule": rule, **by}, duplicates="none")
    run = running(seller, capsys)
    seller.release()
    name = "a.csv" if rule == "replace" else "b.csv"
    seller.city.put(name, body("id-1,Shangtang,A,5,2024-02-03", "id-2,Shangtang,B,6,2024-02-03"))
    run("walk", str(DATASET))
    counts = [row.counts.loaded for row in ledger(seller.node)]
    assert sorted(counts) == [0, 2], "the rows of the parcel are in the table no more"
    assert leaves(seller, run)


def test_an_older_version_with_rows_that_are_refused_by_now_is_not_released(seller: Seller, run: Run):
    let_in(seller, run)
    version = seller.plan().found.version
    run("quarantine", "revoke", first(seller), *BY)
    with pytest.raises(ReleaseDeniedError) as denied:
        seller.release(version=version)
    assert {one.finding.code for one in denied.value.decision.denials if one.finding} == {"data-withdrawn"}
    assert not seller.release().repeated


def test_commits_are_read_once_and_new_ones_when_it_is_asked_again(seller: Seller, run: Run):
    """So that within a transaction only what was committed since is read."""
    let_in(seller, run)
    done = seller.release().release
    tables, table = Tables(seller.home), open_table(seller.node, DATASET).path
    assert not tables.lack(done.deliveries, done.versions)
    old = commit_file(table, 1)
    kept = old.read_bytes()
    old.unlink()
    assert Tables(seller.home).lack(done.deliveries, done.versions), "nobody else can read it"
    assert not tables.lack(done.deliveries, done.versions)
    old.write_bytes(kept)
    run("quarantine", "revoke", first(seller), *BY)
    old.unlink()
    assert tables.lack(done.deliveries, done.versions)
    assert tables.lack(done.deliveries, done.versions, unread_stands=True), "it was read, and says so"


def test_a_table_that_was_put_back_is_read_anew(seller: Seller, run: Run):
    let_in(seller, run)
    done = seller.release().release
    tables, table = Tables(seller.home), open_table(seller.node, DATASET).path
    run("quarantine", "revoke", first(seller), *BY)
    assert tables.lack(done.deliveries, done.versions)
    commit_file(table, open_table(seller.node, DATASET).version).unlink()
    assert not tables.lack(done.deliveries, done.versions)
