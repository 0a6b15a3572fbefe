"""A recipient with a contract for what its partner sends: what it receives, admits and tells."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from one_city import City
from sent_parcels import grant_of, looked_at, parcel_of, received, say, seal, upload
from two_nodes import NodeHome, Two, confirmed

from shanhai.audit.database import transaction
from shanhai.courier import outbox
from shanhai.courier.admitting import Admission, admit
from shanhai.courier.outbox import Outgoing
from shanhai.exchange.grants import Grant
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


def with_a_contract(two: Two, folder: Path) -> None:
    """Let both be active, and Gongshu declare a contract for what Longyou sends."""
    confirmed(two)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    city = City(folder)
    city.declare(COLUMNS, source=SOURCE, format={"kind": "parquet"}, delivery=BY_VERSION, versions=None)
    (two.gongshu.home / "endpoints.yml").write_text("acity.data: home://exchange/opened\n")


def node_at(home: Path, federation: Path) -> Node:
    """A node as `admit` takes it."""
    return open_node(read_settings(home=home, federation=federation))


def node_of(two: Two) -> Node:
    """Gongshu, whose federation lies beside its home."""
    return node_at(two.gongshu.home, two.gongshu.home.parent / "federation")


def sent(
    two: Two, table: pa.Table, *, grant: Grant | None = None, version: int = 7
) -> tuple[Grant, Outgoing]:
    """Grant, seal and send a table of two columns."""
    given = grant or grant_of(two)
    if grant is None:
        say(two.longyou, "gongshu", given)
    sealed = seal(two.longyou, table, version=version)
    said = say(two.longyou, "gongshu", *parcel_of(sealed, given))
    upload(two.longyou, "gongshu", sealed)
    return given, said


def send(
    two: Two, table: pa.Table, *, grant: Grant | None = None, version: int = 7
) -> tuple[Grant, Outgoing]:
    """The same, and receive it."""
    made = sent(two, table, grant=grant, version=version)
    assert received(two.gongshu, "longyou").stopped is None
    return made


def rows_of(count: int, *, bad: int = 0, start: int = 0) -> pa.Table:
    """Rows of which the first `bad` break a rule of the contract."""
    numbers = [-1 if place < bad else place for place in range(count)]
    ids = [f"{start + place}" for place in range(count)]
    return pa.table({"id": ids, "n": numbers, "note": ["x"] * count})


def admitted(two: Two) -> tuple[Admission, ...]:
    """One run of admitting."""
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
    """Take the receipts to the sender; gives what it knows then."""
    upload(two.gongshu, "longyou")
    assert received(two.longyou, "gongshu").stopped is None
    return receipts(two.longyou, "gongshu")


def opened(two: Two) -> list[str]:
    """The opened tables that lie in the home."""
    return [file.name for file in (two.gongshu.home / "exchange" / "opened").rglob("*.parquet")]
