"""What is due by the clock: versions that brought or took rows, and nothing that is broken stops another."""

from __future__ import annotations

from pathlib import Path

import pytest
from another_dataset import OTHERS, declare_another
from one_city import DATASET
from seller import COLUMNS, TABLE, Seller, table

from shanhai.courier import waiting
from shanhai.courier.due import OFFERED, due
from shanhai.courier.sending import Sending, release_due
from shanhai.errors import DamagedError
from shanhai.ingest import walk
from shanhai.ingest.decisions import carry_out
from shanhai.ingest.projections import LEDGER
from shanhai.ingest.reconcile import reconcile_as_far
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.log import commit_file


def asked(seller: Seller) -> list[str]:
    with seller.two.gongshu.desk() as desk:
        return [one.subject for one in due(seller.node, desk.connection, "longyou", desk.now)]


def send(seller: Seller) -> Sending:
    with seller.two.gongshu.desk() as desk:
        asks = due(seller.node, desk.connection, "longyou", desk.now)
        return release_due(desk, seller.node, "longyou", asks)


def offer(seller: Seller, name: str) -> Path:
    folder = seller.home / OFFERED / name
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<h1>notices</h1>")
    return folder


def test_a_delivery_that_is_held_or_refused_makes_nothing_due(seller: Seller):
    seller.grant("n")
    assert len(send(seller).released) == 1
    wrong = table(range(4, 8)).replace(",6,", ",-6,").replace(",7,", ",-7,")
    seller.city.declare(COLUMNS, tolerance={"hold": 0.2, "refuse": 0.9})
    seller.city.put("b.csv", wrong)
    seller.city.put("c.csv", table(range(8, 9)).replace(",8,", ",-8,"))
    seller.city.walk()
    found = {name: row.verdict for name, row in seller.city.ledger().items()}
    assert found == {"a": "accepted", "b": "held", "c": "refused"}
    assert asked(seller) == []
    carry_out(seller.city.node, seller.city.delivery("b"), "approve", by="Li", reason="x")
    assert asked(seller) == [TABLE]


@pytest.mark.parametrize("fault", ["link", "empty", "path"])
def test_an_application_that_cannot_leave_stops_no_other(seller: Seller, fault: str):
    broken = offer(seller, "broken")
    seller.grant(subject="broken", columns=None)
    seller.grant(subject="notice_board", columns=None)
    seller.grant("n")
    offer(seller, "notice_board")
    if fault == "link":
        (broken / "more.html").symlink_to("/etc/hostname")
    elif fault == "path":
        (broken / "aux.html").write_text("a name that no recipient takes")
    else:
        (broken / "index.html").unlink()
        (broken / "empty").mkdir()
    assert sorted(asked(seller)) == [TABLE, "broken", "notice_board"]
    done = send(seller)
    assert sorted(one.release.subject.name for one in done.released) == [TABLE, "notice_board"]
    assert list(done.stayed) == ["broken"]
    with seller.two.gongshu.desk() as desk:
        (told,) = waiting.open_ones(desk.connection)
    assert (told.kind, told.about.partition(" ")[0]) == ("release", "broken")


def test_a_table_that_cannot_be_read_fails_the_run_when_all_others_have_left(seller: Seller):
    seller.grant("n")
    seller.grant(subject="notice_board", columns=None)
    offer(seller, "notice_board")
    log = seller.node.table(DATASET) / "_delta_log" / f"{0:020}.json"
    log.write_text("no commit")
    with pytest.raises(DamagedError):
        send(seller)
    assert seller.messages()[-1].type == "parcel"
    assert asked(seller) == [TABLE]


def another(seller: Seller) -> None:
    """A second dataset of the same columns, with a delivery that is loaded, and not in the books yet."""
    declare_another(seller.city, table(range(4)))
    walk.walk(seller.node, OTHERS)


def test_books_that_lack_one_dataset_stop_its_own_release_alone(seller: Seller):
    another(seller)
    seller.grant("n", subject=str(OTHERS))
    seller.grant("n")
    path = seller.node.table(OTHERS)
    commit = commit_file(path, LakeTable.open(path).version)
    # Delta takes what is left for a commit, so the table opens; the ledger cannot follow it.
    commit.write_text("".join(commit.read_text().splitlines(keepends=True)[:-1]))
    assert [str(one.dataset) for one in reconcile_as_far(seller.node) if one.table == LEDGER] == [str(OTHERS)]
    with pytest.raises(DamagedError) as damage:
        send(seller)
    assert str(commit) in str(damage.value)
    assert [one.type for one in seller.messages()].count("parcel") == 1
    assert asked(seller) == [str(OTHERS)]
