"""What a node received, and a partner that sends what it granted."""

from __future__ import annotations

from pathlib import Path

from sent_parcels import (
    SealedSet,
    grant_of,
    kinds,
    looked_at,
    parcel_of,
    private_leftovers,
    received,
    say,
    seal,
    upload,
)
from two_nodes import NodeHome, Two

from shanhai.audit.database import transaction
from shanhai.courier import inbox, outbox, partners
from shanhai.courier.arrived import Arrived
from shanhai.courier.outbox import Outgoing
from shanhai.exchange.failures import Gap, Refused
from shanhai.exchange.grants import Grant


def granted_and_sent(two: Two, sealed: SealedSet | None = None) -> tuple[SealedSet, Grant, Outgoing]:
    """Longyou grants and sends one parcel; all is at the relay."""
    grant = grant_of(two)
    sealed = sealed or seal(two.longyou)
    say(two.longyou, "gongshu", grant)
    said = say_parcel(two, sealed, grant)
    upload(two.longyou, "gongshu", sealed)
    return sealed, grant, said


def say_parcel(two: Two, sealed: SealedSet, grant: Grant, **changes: object) -> Outgoing:
    with two.longyou.desk() as desk, transaction(desk.connection):
        # A sender may send parcels once it knows that the partner has confirmed.
        desk.connection.execute("UPDATE partner SET state = 'active' WHERE state = 'confirmed_here'")
    content, carried = parcel_of(sealed, grant, **changes)
    return say(two.longyou, "gongshu", content, carried)


def states(node: NodeHome) -> list[str]:
    return [row.state.value for row in rows(node)]


def rows(node: NodeHome) -> tuple[Arrived, ...]:
    return looked_at(node, lambda desk: inbox.every(desk.connection))


def next_number(node: NodeHome, name: str) -> int:
    return node.partner(name).next_seq_in


def opened(node: NodeHome) -> list[Path]:
    return sorted((node.home / "exchange" / "opened").rglob("*.parquet"))


def left_by_receiving(node: NodeHome) -> dict[str, object]:
    """What a run leaves beside the rows of its messages: position, answers, files, evidence, events."""
    with node.desk() as desk:
        position = desk.connection.execute("SELECT next_seq_in, last_in, frozen FROM partner").fetchone()
        (partner,) = partners.every(desk.connection)
        said = outbox.of_pairing(desk.connection, partner.pairing)
    evidence = (node.home / "exchange" / "refused").glob("[0-9a-f]*")
    return {
        "position": position,
        "said": [one.type for one in said],
        "opened": [(file.name, file.read_bytes()) for file in opened(node)],
        "evidence": sorted(file.name for file in evidence),
        "events": sorted(kinds(node)),
        "left": private_leftovers(node),
    }


def receipts(node: NodeHome, name: str) -> list[str]:
    partner = node.partner(name)
    found = looked_at(node, lambda desk: outbox.of_pairing(desk.connection, partner.pairing))
    return [one.digest for one in found if one.type == "receipt"]


def stopped(two: Two) -> str:
    error = received(two.gongshu, "longyou").stopped
    assert isinstance(error, Refused | Gap)
    return error.code
