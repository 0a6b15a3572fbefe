"""What was opened is admitted by the ordinary walk, once, and the partner is told once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from admitted_parcels import (
    BY_VERSION,
    COLUMNS,
    SOURCE,
    admitted,
    node_of,
    opened,
    rows_of,
    send,
    told,
    with_a_contract,
)
from one_city import City
from sent_parcels import kinds, looked_at
from two_nodes import Two

from shanhai.audit.checkpoints import origin_of, read_checkpoint
from shanhai.audit.events import leaf_of
from shanhai.audit.log import EventLog
from shanhai.audit.proofs import check_inclusion
from shanhai.courier import admitting, inbox, saying, settling, standing, waiting
from shanhai.courier.admitting import admit, is_due
from shanhai.courier.status import status
from shanhai.errors import BusyError, ConfigurationError, ShanhaiError
from shanhai.exchange.bodies import Body, read_body
from shanhai.exchange.receipts import Receipt
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.keyring.keyring import log_keys_of


@pytest.fixture
def pair(two: Two, tmp_path: Path) -> Two:
    with_a_contract(two, tmp_path / "federation")
    return two


def due(two: Two) -> bool:
    return looked_at(two.gongshu, lambda desk: is_due(desk.connection, node_of(two)))


def test_a_table_is_walked_admitted_and_told_once(pair: Two):
    send(pair, rows_of(100))
    (one,) = admitted(pair)
    assert (one.verdict, one.rows, one.row.state.value) == ("accepted", 100, "admitted")
    assert opened(pair) == []
    (row,) = ledger(node_of(pair))
    assert (row.delivery.partition, row.delivery.snapshot) == ("7", one.row.opened_sha256)
    assert one.row.delivery == str(row.delivery)
    before = kinds(pair.gongshu)
    assert before[-3:] == ["admitted", "receipt", "ship"]
    assert admitted(pair) == ()
    assert kinds(pair.gongshu) == before
    assert told(pair) == [("admitted", None)]
    last = looked_at(pair.longyou, lambda desk: inbox.every(desk.connection))[-1]
    check_proven(pair, read_body(last.body or b"", None))


def check_proven(two: Two, body: Body) -> None:
    """The partner holds the proof that its receipt is an event of the log whose checkpoint came with it."""
    receipt, keyset = body.content, two.gongshu.keyset
    assert isinstance(receipt, Receipt)
    assert receipt.leaf is not None
    entry = looked_at(two.gongshu, lambda desk: EventLog(desk.connection).entry(receipt.leaf))
    assert entry.event is not None
    assert (entry.event.kind, entry.event.about["message"]) == ("receipt", receipt.of)
    origin = origin_of(keyset.node, keyset.generation)
    checkpoint = read_checkpoint((body.log.checkpoint or "").encode(), origin, log_keys_of(keyset))
    leaf, path = leaf_of(entry.digest), receipt.inclusion or ()
    check_inclusion(leaf, receipt.leaf, checkpoint.size, path, checkpoint.root)


def test_the_same_rows_in_two_parcels_are_one_delivery_and_both_are_told(pair: Two):
    grant, _ = send(pair, rows_of(100))
    send(pair, rows_of(100), grant=grant)
    assert [one.row.state.value for one in admitted(pair)] == ["admitted", "admitted"]
    (row,) = ledger(node_of(pair))
    assert row.counts.loaded == 100
    assert told(pair) == [("admitted", None), ("admitted", None)]


def test_one_that_is_held_waits_and_is_told_when_a_person_has_decided(pair: Two):
    send(pair, rows_of(100, bad=60))
    (one,) = admitted(pair)
    assert (one.verdict, one.row.state.value) == ("held", "opened")
    assert told(pair) == [("received", None)]
    assert one.delivery is not None
    stood = looked_at(pair.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert (stood.partners[0].to_admit, stood.quiet) == (1, False), "its partner waits for an answer"
    decide(node_of(pair), one.delivery, "approve", by="Li Wei", reason="known")
    with pair.gongshu.desk(who="system") as desk:
        (one,) = admit(desk, node_of(pair))
    assert (one.verdict, one.rows, one.row.state.value) == ("accepted", 40, "admitted")
    assert told(pair) == [("admitted", None)]
    stood = looked_at(pair.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert (stood.partners[0].to_admit, stood.quiet) == (0, True)


def test_one_that_our_contract_refuses_is_told_as_refused(pair: Two):
    send(pair, rows_of(100, bad=95))
    (one,) = admitted(pair)
    assert (one.verdict, one.row.state.value, one.row.code) == ("refused", "refused", "contract-not-met")
    assert told(pair) == [("refused", "contract-not-met")]
    assert opened(pair) == []
    assert kinds(pair.gongshu).count("refused") == 1
    (again,) = admitted(pair)
    assert (one.changed, again.changed) == (True, False)
    assert kinds(pair.gongshu).count("refused") == 1


def test_without_a_contract_it_waits_for_one(pair: Two, tmp_path: Path):
    City(tmp_path / "federation").declare(COLUMNS, versions=None)
    send(pair, rows_of(10))
    (one,) = admitted(pair)
    assert (one.dataset, one.row.state.value, one.changed) == (None, "opened", True)
    assert [one.changed for one in admitted(pair)] == [False]
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert [(it.kind, it.about) for it in waits] == [("contract", "longyou longyou.hotline")]
    City(tmp_path / "federation").declare(
        COLUMNS, source=SOURCE, format={"kind": "parquet"}, delivery=BY_VERSION, versions=None
    )
    (one,) = admitted(pair)
    assert one.row.state.value == "admitted"
    assert looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection)) == ()


def test_two_contracts_for_the_same_are_refused(pair: Two, tmp_path: Path):
    folder = tmp_path / "federation" / "districts" / "acity"
    text = (folder / "events.odcs.yml").read_text()
    (folder / "again.odcs.yml").write_text(text.replace("events", "again"))
    send(pair, rows_of(10))
    with pytest.raises(ConfigurationError, match="two contracts take the same"):
        admitted(pair)


def test_killed_between_the_load_and_the_receipt_it_is_told_once(pair: Two, monkeypatch: Any):
    send(pair, rows_of(20))

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(saying, "say", killed)
        with pytest.raises(Killed):
            admitted(pair)
    found = looked_at(pair.gongshu, lambda desk: inbox.every(desk.connection))
    assert found[-1].state.value == "opened"
    (one,) = admitted(pair)
    assert one.row.state.value == "admitted"
    assert told(pair) == [("admitted", None)]


def test_newer_versions_replace_older_ones_where_the_contract_says_so(pair: Two, tmp_path: Path):
    newest = {"by": "edition", "pattern": r"/(?P<partition>[a-z.]+)/(?P<edition>[0-9]+-[0-9]+-[0-9]+)-"}
    City(tmp_path / "federation").declare(
        COLUMNS,
        source=SOURCE,
        format={"kind": "parquet"},
        delivery={"per": "file", "partition": newest},
        versions={"rule": "replace"},
        duplicates=None,
    )
    grant, _ = send(pair, rows_of(10), version=9)
    send(pair, rows_of(12, start=100), grant=grant, version=10)
    assert [one.verdict for one in admitted(pair)] == ["accepted", "accepted"]
    loaded = {row.delivery.snapshot: row.counts.loaded for row in ledger(node_of(pair))}
    assert sorted(loaded.values()) == [0, 12]


def test_what_only_a_person_can_decide_is_nothing_to_do(pair: Two):
    grant, _ = send(pair, rows_of(100, bad=60))
    assert due(pair)
    (one,) = admitted(pair)
    assert (one.verdict, one.changed, due(pair)) == ("held", True, False)
    assert [one.changed for one in admitted(pair)] == [False]
    send(pair, rows_of(100, bad=95, start=1000), grant=grant, version=8)
    assert due(pair)
    assert admitted(pair)[-1].verdict == "refused"
    assert not due(pair)
    assert one.delivery is not None
    decide(node_of(pair), one.delivery, "approve", by="Li Wei", reason="known")
    assert due(pair)
    admitted(pair)
    assert not due(pair)


def test_a_table_that_no_contract_takes_is_noted_once_and_then_nothing_to_do(pair: Two, tmp_path: Path):
    City(tmp_path / "federation").declare(COLUMNS, versions=None)
    send(pair, rows_of(10))
    assert due(pair)
    admitted(pair)
    assert not due(pair)
    with_contract = {"source": SOURCE, "format": {"kind": "parquet"}, "delivery": BY_VERSION}
    City(tmp_path / "federation").declare(COLUMNS, versions=None, **with_contract)
    assert due(pair)


def test_of_two_that_admit_at_once_the_second_waits_and_finds_it_done(pair: Two, monkeypatch: Any):
    send(pair, rows_of(20))
    walk, walking, go_on = admitting.walk, threading.Event(), threading.Event()
    done: list[tuple[str | None, ...]] = []

    def slow_walk(*given: Any) -> Any:
        walking.set()
        assert go_on.wait(timeout=120)
        return walk(*given)

    monkeypatch.setattr(admitting, "walk", slow_walk)
    first = threading.Thread(target=lambda: done.append(tuple(one.verdict for one in admitted(pair))))
    first.start()
    assert walking.wait(timeout=120)
    monkeypatch.setattr(admitting, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(BusyError, match="another process admits"):
        admitted(pair)
    monkeypatch.setattr(admitting, "_PATIENCE_SECONDS", 120.0)
    threading.Timer(0.2, go_on.set).start()
    assert admitted(pair) == ()
    first.join()
    assert done == [("accepted",)]
    assert told(pair) == [("admitted", None)]


def test_a_receipt_that_cannot_be_said_stops_no_other(pair: Two):
    grant, said = send(pair, rows_of(20))
    send(pair, rows_of(30, start=100), grant=grant, version=8)
    with pair.gongshu.desk(who="system") as desk:
        desk.connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event WHEN CAST(NEW.document AS TEXT) LIKE "
            f"'%{said.digest}%' BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        with pytest.raises(ShanhaiError):
            admit(desk, node_of(pair))
        desk.connection.execute("DROP TRIGGER full")
    states = [row.state.value for row in looked_at(pair.gongshu, lambda desk: inbox.every(desk.connection))]
    assert states[-2:] == ["opened", "admitted"]
    assert told(pair)[-1] == ("admitted", None)
    admitted(pair)
    assert told(pair) == [("admitted", None), ("admitted", None)]


def test_what_was_not_yet_in_its_place_is_put_there_before_it_is_walked(pair: Two, monkeypatch: Any):
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(settling.incoming, "publish", killed)
        with pytest.raises(Killed):
            send(pair, rows_of(20))
    with pair.gongshu.desk() as desk:
        standing.suspend(desk, "longyou")
    (one,) = admitted(pair)
    assert (one.verdict, one.row.state.value) == ("accepted", "admitted")
