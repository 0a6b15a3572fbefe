"""Opened tables and the contracts that take them: what each became, without a key and without a walk."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import partition_of
from shanhai.courier import inbox, partners
from shanhai.courier.arrived import Arrived
from shanhai.courier.incoming import OPENED
from shanhai.courier.partners import Partner
from shanhai.errors import ConfigurationError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import sidecars

CONNECTOR = "parcels"


@dataclass(frozen=True)
class Taker:
    """A contract that takes what a partner sends of a subject."""

    partner: str
    subject: str
    contract: Contract


Takers = dict[tuple[str, str], Taker]
"""By partner and subject."""


@dataclass(frozen=True)
class OpenedTable:
    """An opened table as it stands here.

    Attributes:
        row: of the inbox.
        partner: of whom it came.
        taker: the contract that takes it; None: no contract does.
        delivery: what it became; None before it is pulled.
        net: of the delivery in the table's commits; None before it is loaded, held or refused.
    """

    row: Arrived
    partner: Partner
    taker: Taker | None
    delivery: DeliveryId | None = None
    net: Net | None = None


def takers(node: Node) -> Takers:
    """The contracts with the connector `parcels`.

    Raises:
        ConfigurationError: two take the same, of which one would never be told.
    """
    found: Takers = {}
    for contract in node.federation.contracts.values():
        if contract.source.connector != CONNECTOR:
            continue
        options = contract.source.options
        one = Taker(str(options.get("partner")), str(options.get("subject")), contract)
        other = found.setdefault((one.partner, one.subject), one)
        if other is not one:
            raise ConfigurationError(
                "two contracts take the same from a partner",
                given=f"{other.contract.dataset} and {contract.dataset}",
                allowed=f"one for {one.subject} of {one.partner}",
            )
    return found


def opened_tables(connection: sqlite3.Connection, name: str | None = None) -> list[Arrived]:
    """Tables that wait for a verdict, and those that the gate refused: a person may let them in yet.

    Args:
        name: of one partner; None: of all.
    """
    chosen = [one for one in partners.every(connection) if name in (None, one.name)]
    return [
        row
        for partner in chosen
        for row in inbox.unadmitted(connection, partner.pairing)
        if (row.opened_file or "").startswith(f"{OPENED.as_posix()}/")
    ]


def taker_of(connection: sqlite3.Connection, found: Takers, row: Arrived) -> Taker | None:
    """The contract that takes an opened table."""
    return found.get((partners.of_pairing(connection, row.pairing).name, row.subject or ""))


def look(connection: sqlite3.Connection, node: Node, found: Takers, row: Arrived) -> OpenedTable:
    """How an opened table stands now.

    Raises:
        StoreError: snapshots or the table cannot be read.
    """
    partner = partners.of_pairing(connection, row.pairing)
    taker = taker_of(connection, found, row)
    if taker is None:
        return OpenedTable(row, partner, None)
    delivery = _delivery(node, taker.contract, row)
    if delivery is None:
        return OpenedTable(row, partner, taker)
    net = table_net(open_table(node, taker.contract.dataset)).get(str(delivery))
    return OpenedTable(row, partner, taker, delivery, net)


def _delivery(node: Node, contract: Contract, row: Arrived) -> DeliveryId | None:
    """The delivery of exactly these bytes in their partition; the same bytes opened twice are one."""
    name = Path(row.opened_file or "").relative_to(OPENED).as_posix()
    partition = partition_of(contract, name, row.version)
    for record in sidecars(node, contract.dataset):
        same = any(body.sha256 == row.opened_sha256 for body in record.bodies)
        if same and record.id.partition == partition:
            return record.id
    return None
