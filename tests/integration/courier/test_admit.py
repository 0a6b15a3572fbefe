"""What was opened is admitted by the ordinary walk, once, and the partner is told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from one_city import City
from sent_parcels import grant_of, kinds, looked_at, parcel_of, received, say, seal, upload
from two_nodes import NodeHome, Two, confirmed

from shanhai.audit.database import transaction
from shanhai.courier import inbox, outbox, saying, waiting
from shanhai.courier.admitting import Admission, admit, settle_admitted
from shanhai.courier.outbox import Outgoing
from shanhai.errors import ConfigurationError
from shanhai.exchange.grants import Grant
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node, open_node
from shanhai.settings import read_settings

COLUMNS = [
    {"name": "id", "logicalType": "string", "primaryKey": True, "required": True},
    {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}},
]
SOURCE = {
    "connector": "parcels",
    "endpoint": "data",
    "options": {"partner": "longyou", "subject": "longyou.hotline"},
}
BY_VERSION = {"per": "file", "partition": {"by": "file", "pattern": r"/(?P<partition>[0-9]+)-[^/]*$"}}


@pytest.fixture
def pair(two: Two, tmp_path: Path) -> Two:
    confirmed(two)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    city = City(tmp_path / "federation")
    city.declare(COLUMNS, source=SOURCE, format={"kind": "parquet"}, delivery=BY_VERSION, versions=None)
    (two.gongshu.home / "endpoints.yml").write_text("acity.data: home://exchange/opened\n")
    return two


def node_of(two: Two) -> Node:
    root = two.gongshu.home.parent / "federation"
    return open_node(read_settings(home=two.gongshu.home, federation=root))


def send(
    two: Two, table: pa.Table, *, grant: Grant | None = None, version: int = 7
) -> tuple[Grant, Outgoing]:
    """Grant, seal, send and receive a table of two columns."""
    given = grant or grant_of(two)
    if grant is None:
        say(two.longyou, "gongshu", given)
    sealed = seal(two.longyou, table, version=version)
    said = say(two.longyou, "gongshu", *parcel_of(sealed, given))
    upload(two.longyou, "gongshu", sealed)
    assert received(two.gongshu, "longyou").stopped is None
    return given, said


def rows_of(count: int, *, bad: int = 0, start: int = 0) -> pa.Table:
    numbers = [-1 if place < bad else place for place in range(count)]
    ids = [f"{start + place}" for place in range(count)]
    return pa.table({"id": ids, "n": numbers, "note": ["x"] * count})


def admitted(two: Two) -> tuple[Admission, ...]:
    with two.gongshu.desk(who="system") as desk:
        return admit(desk, node_of(two))


def receipts(node: NodeHome, partner: str) -> list[tuple[str, str | None]]:
    """What the other side was told, as it reads it."""
    return [
        (row.outcome or "", row.code)
        for row in looked_at(
            node, lambda desk: outbox.of_pairing(desk.connection, node.partner(partner).pairing)
        )
        if row.type == "parcel"
    ]


def told(two: Two) -> list[tuple[str, str | None]]:
    upload(two.gongshu, "longyou")
    assert received(two.longyou, "gongshu").stopped is None
    return receipts(two.longyou, "gongshu")


def opened(two: Two) -> list[str]:
    return [file.name for file in (two.gongshu.home / "exchange" / "opened").rglob("*.parquet")]


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
    decide(node_of(pair), one.delivery, "approve", by="Li Wei", reason="known")
    with pair.gongshu.desk(who="system") as desk:
        (one,) = settle_admitted(desk, node_of(pair))
    assert (one.verdict, one.rows, one.row.state.value) == ("accepted", 40, "admitted")
    assert told(pair) == [("admitted", None)]


def test_one_that_our_contract_refuses_is_told_as_refused(pair: Two):
    send(pair, rows_of(100, bad=95))
    (one,) = admitted(pair)
    assert (one.verdict, one.row.state.value, one.row.code) == ("refused", "refused", "contract-not-met")
    assert told(pair) == [("refused", "contract-not-met")]
    assert opened(pair) == []
    assert kinds(pair.gongshu).count("refused") == 1
    admitted(pair)
    assert kinds(pair.gongshu).count("refused") == 1


def test_without_a_contract_it_waits_for_one(pair: Two, tmp_path: Path):
    City(tmp_path / "federation").declare(COLUMNS, versions=None)
    send(pair, rows_of(10))
    (one,) = admitted(pair)
    assert (one.dataset, one.row.state.value) == (None, "opened")
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
