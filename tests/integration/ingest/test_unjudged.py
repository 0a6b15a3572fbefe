"""A delivery that no check can judge: refused by a person, its rows counted, and its dataset goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest
from killed_once import killed_at, named
from one_city import DATASET, HEADER, City
from plain_state import differences, read_state

from shanhai.cli import main
from shanhai.errors import ConfigurationError, DamagedError, DeniedError, GateDisagreementError
from shanhai.ids import DeliveryId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import Decision
from shanhai.ingest.pending import pending
from shanhai.ingest.sidecar import body_key, sidecar, sidecars
from shanhai.ingest.snapshot import pull
from shanhai.ingest.unjudged import refuse_unjudged
from shanhai.ingest.walk import check_step, load_step, stage_step

ROWS = "a,1,2024-01-01\na,1,2024-01-01\nb,x,2024-01-01\nc,3,2024-01-01\n"
PERSON = {"by": "Li Wei", "reason": "no check of it ends"}


def counts(city: City, partition: str) -> tuple[int, ...]:
    return astuple(city.ledger()[partition].counts)


def pulled(city: City, partition: str) -> DeliveryId:
    return next(one.id for one in sidecars(city.node, DATASET) if one.id.partition == partition)


@pytest.fixture
def stuck(city: City) -> DeliveryId:
    """A delivery whose rows the gate counts otherwise than staging, beside one that was loaded."""
    city.put("p1.csv", HEADER + ROWS)
    city.put("p2.csv", f"{HEADER}z,9,2024-01-01\n")
    pull(city.node, DATASET)
    stage_step(city.node, DATASET)
    delivery = pulled(city, "p1")
    text = city.staging(delivery) / "staged.0.text"
    longer = text.read_text(encoding="utf-8") + "d,4,2024-01-01\n"
    text.unlink()  # it may be another name of the snapshot itself
    text.write_text(longer, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(GateDisagreementError):
            check_step(city.node, DATASET)
    load_step(city.node, DATASET)
    return delivery


def test_what_the_gate_cannot_judge_is_refused_with_every_row_counted(city: City, stuck: DeliveryId):
    assert pending(city.node, DATASET) == [stuck]
    decide(city.node, stuck, "refuse", **PERSON)
    row = city.ledger()["p1"]
    assert (row.verdict, row.decided_by, row.reason) == ("refused", *PERSON.values())
    assert counts(city, "p1") == (4, 0, 1, 1, 0, 2)
    assert city.quarantined() == [(3, ["n.type"])]
    assert city.walk()["loaded"] == 0
    assert city.rows() == [("z", 9)]
    decide(city.node, stuck, "approve", by="Wang", reason="mended")
    assert counts(city, "p1") == (4, 2, 1, 1, 0, 0)
    assert city.rows() == [("a", 1), ("c", 3), ("z", 9)]


def test_nothing_else_is_decided_of_a_delivery_without_a_verdict(city: City, stuck: DeliveryId):
    for action in ("approve", "withdraw"):
        with pytest.raises(DeniedError, match="no verdict yet") as denied:
            decide(city.node, stuck, action, **PERSON)
        assert denied.value.allowed == "refuse"


@pytest.mark.parametrize("how", ["gone", "altered"])
def test_what_cannot_be_read_any_more_is_refused_without_a_row(city: City, how: str):
    city.put("p1.csv", HEADER + ROWS)
    pull(city.node, DATASET)
    delivery = pulled(city, "p1")
    body = city.node.home / "snapshots" / body_key(sidecar(city.node, delivery).bodies[0].sha256)
    content = body.read_bytes()
    body.chmod(0o600)
    body.write_bytes(content[::-1])
    if how == "gone":
        body.unlink()
    (city.data / "p1.csv").unlink()
    city.put("p2.csv", f"{HEADER}z,9,2024-01-01\n")
    with pytest.raises(DamagedError):
        city.walk()
    decide(city.node, delivery, "refuse", **PERSON)
    assert city.walk()["loaded"] == 1
    assert (counts(city, "p1"), city.rows()) == ((0, 0, 0, 0, 0, 0), [("z", 9)])
    report = ["--home", str(city.root / "home"), "--federation", str(city.root), "report"]
    assert how == "altered" or main(report) == 0
    body.write_bytes(content)
    assert how == "altered" or main([*report, "verify", "--deep"]) == 0
    decide(city.node, delivery, "approve", by="Wang", reason="the bytes are back")
    assert counts(city, "p1") == (4, 2, 1, 1, 0, 0)


def test_what_a_changed_contract_may_judge_is_not_refused_unread(city: City):
    city.put("p1.csv", f"{HEADER}z,9,2024-01-01\n")
    city.walk()
    city.put("p2.csv", HEADER + ROWS)
    pull(city.node, DATASET)
    city.declare(version="1.0.0", duplicates="delivery")
    with pytest.raises(ConfigurationError):
        decide(city.node, pulled(city, "p2"), "refuse", **PERSON)
    assert [row.delivery.partition for row in ledger(city.node)] == ["p1"]


def test_of_what_has_a_verdict_by_then_nothing_is_booked(city: City):
    city.put("p1.csv", HEADER + ROWS)
    city.walk()
    decision = Decision("refuse", "refused", "late", "Li Wei")
    assert refuse_unjudged(city.node, city.delivery("p1"), decision) is None
    assert city.ledger()["p1"].verdict == "accepted"


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_its_commit_it_is_refused_once(
    make_city: Callable[[], City], tmp_path: Path, when: str
) -> None:
    city = make_city()
    city.put("p1.csv", HEADER + ROWS)
    pull(city.node, DATASET)
    delivery, clean = pulled(city, "p1"), city.copied(tmp_path / "clean")
    decide(clean.node, delivery, "refuse", **PERSON)
    home = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    refuse = [*home, "delivery", "refuse", str(delivery), "--by", "Li Wei", "--reason", PERSON["reason"]]
    assert killed_at(named("commit of a delivery"), when, main, refuse) == -signal.SIGKILL
    assert bool(pending(city.node, DATASET)) is (when == "before")
    assert main(refuse) == 0, "it is refused then, or was before"
    for one in (clean, city):
        assert one.quarantined() == [(3, ["n.type"])]
    assert differences(read_state(clean.root / "home"), read_state(city.root / "home")) == []


def test_what_ends_in_an_error_that_nobody_foresaw_is_refused_without_a_row(
    city: City, caplog: pytest.LogCaptureFixture
):
    """A file lies where only folders do: no store and no contract is at fault, and no try gets further."""
    city.put("p1.csv", HEADER + ROWS)
    pull(city.node, DATASET)
    delivery = pulled(city, "p1")
    in_the_way = city.staging(delivery) / "parting-of-nobody"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"")
    city.put("p2.csv", f"{HEADER}z,9,2024-01-01\n")
    with pytest.raises(NotADirectoryError):
        city.walk()
    decide(city.node, delivery, "refuse", **PERSON)
    assert "why=NotADirectoryError" in caplog.text
    assert city.walk()["loaded"] == 1
    assert (counts(city, "p1"), city.rows()) == ((0, 0, 0, 0, 0, 0), [("z", 9)])
    in_the_way.unlink()
    decide(city.node, delivery, "approve", by="Wang", reason="nothing is in the way any more")
    assert counts(city, "p1") == (4, 2, 1, 1, 0, 0)
