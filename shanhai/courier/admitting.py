"""Admit what partners sent: the ordinary walk under our own contract, then one receipt for each parcel."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import partition_of
from shanhai.courier import inbox, partners, waiting
from shanhai.courier.arrived import Arrived, InboxState
from shanhai.courier.desk import Desk
from shanhai.courier.incoming import OPENED, one_at_a_time
from shanhai.courier.partners import Partner
from shanhai.courier.settling import answer
from shanhai.errors import BusyError, ConfigurationError, ShanhaiError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.receipts import ADMITTED, REFUSED, Receipt
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.walk import walk
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_folder

log = logging.getLogger(__name__)

CONNECTOR = "parcels"
_NOT_MET = "contract-not-met"


@dataclass(frozen=True)
class Admission:
    """What became of an opened table.

    Attributes:
        row: of the inbox, as it is now.
        partner: by name.
        dataset: the contract that takes it; None: no contract does.
        delivery: what it became; None before it is pulled.
        verdict: of the delivery, None before there is one; a held one waits for a person.
        rows: loaded.
    """

    row: Arrived
    partner: str
    dataset: DatasetId | None = None
    delivery: DeliveryId | None = None
    verdict: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Taker:
    """A contract that takes what a partner sends of a subject."""

    partner: str
    subject: str
    contract: Contract


def admit(desk: Desk, node: Node, name: str | None = None) -> tuple[Admission, ...]:
    """Walk the contracts for which something waits, and settle what came of it.

    Args:
        name: of one partner; None: of all.

    Raises:
        ShanhaiError: of the first walk that failed, after all were walked and settled.
        ConfigurationError: two contracts take the same.
    """
    failures: list[ShanhaiError] = []
    found = takers(node)
    wanted = [
        _taker(found, desk, row)
        for row in opened_tables(desk.connection, name)
        if row.state is InboxState.OPENED
    ]
    for dataset in sorted({one.contract.dataset for one in wanted if one is not None}):
        try:
            walk(node, dataset)
        except ShanhaiError as error:
            log.error("failed dataset=%s error=%s", dataset, error)
            failures.append(error)
    done = settle_admitted(desk, node, name)
    if failures:
        raise failures[0]
    return done


def settle_admitted(desk: Desk, node: Node, name: str | None = None) -> tuple[Admission, ...]:
    """Tell partners what became of the tables that were walked: each once, in one transaction.

    Raises:
        ConfigurationError: two contracts take the same, or a key ran out.
        RetryableError: the log, a store or the home failed; what was settled is settled.
    """
    found = takers(node)
    done = [_settled(desk, node, found, row) for row in opened_tables(desk.connection, name)]
    for partner in partners.every(desk.connection):
        _sweep(desk, partner)
    return tuple(done)


def takers(node: Node) -> dict[tuple[str, str], Taker]:
    """The contracts with the connector `parcels`, by partner and subject.

    Raises:
        ConfigurationError: two take the same, of which one would never be told.
    """
    found: dict[tuple[str, str], Taker] = {}
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
    """Tables that wait for a verdict, and those that the gate refused: a person may let them in yet."""
    chosen = [one for one in partners.every(connection) if name in (None, one.name)]
    return [
        row
        for partner in chosen
        for row in inbox.unadmitted(connection, partner.pairing)
        if (row.opened_file or "").startswith(f"{OPENED.as_posix()}/")
    ]


def _taker(found: dict[tuple[str, str], Taker], desk: Desk, row: Arrived) -> Taker | None:
    return found.get((partners.of_pairing(desk.connection, row.pairing).name, row.subject or ""))


def _settled(desk: Desk, node: Node, found: dict[tuple[str, str], Taker], row: Arrived) -> Admission:
    partner = partners.of_pairing(desk.connection, row.pairing)
    about = f"{partner.name} {row.subject}"
    taker = _taker(found, desk, row)
    with transaction(desk.connection):
        if taker is None:
            waiting.waits(desk.connection, "contract", about, desk.now)
        else:
            waiting.done(desk.connection, "contract", about, who=desk.who, at=desk.now)
    if taker is None:
        return Admission(row, partner.name)
    dataset = taker.contract.dataset
    delivery = _delivery(node, taker.contract, row)
    net = table_net(open_table(node, dataset)).get(str(delivery)) if delivery else None
    if delivery is None or net is None:
        return Admission(row, partner.name, dataset, delivery)
    if partner.frozen is not None:
        # Nothing may be said to the partner, and what was not told is not settled.
        return Admission(row, partner.name, dataset, delivery, net.verdict, net.counts.loaded)
    if net.verdict == "accepted":
        _tell_admitted(desk, partner, row, delivery, net)
    elif net.verdict == "refused" and row.state is InboxState.OPENED:
        _tell_refused(desk, partner, row, delivery)
    now = inbox.by_digest(desk.connection, row.digest) or row
    return Admission(now, partner.name, dataset, delivery, net.verdict, net.counts.loaded)


def _delivery(node: Node, contract: Contract, row: Arrived) -> DeliveryId | None:
    """The delivery of exactly these bytes in their partition; the same bytes opened twice are one."""
    name = Path(row.opened_file or "").relative_to(OPENED).as_posix()
    partition = partition_of(contract, name, row.version)
    for record in sidecars(node, contract.dataset):
        same = any(body.sha256 == row.opened_sha256 for body in record.bodies)
        if same and record.id.partition == partition:
            return record.id
    return None


def _tell_admitted(desk: Desk, partner: Partner, row: Arrived, delivery: DeliveryId, net: Net) -> None:
    receipt = Receipt(
        of=row.digest, outcome=ADMITTED, rows=net.counts.loaded, contract_version=net.contract_version
    )
    with transaction(desk.connection):
        inbox.admitted(desk.connection, row, delivery=str(delivery))
        desk.record(
            "admitted",
            pairing=row.pairing,
            partner=partner.name,
            message=row.digest,
            dataset=str(delivery.dataset),
            rows=net.counts.loaded,
        )
        _answer(desk, partner, receipt)


def _tell_refused(desk: Desk, partner: Partner, row: Arrived, delivery: DeliveryId) -> None:
    refusal = Refused(_NOT_MET, stage=Stage.ADMIT, seen=row.seen)
    with transaction(desk.connection):
        inbox.not_admitted(desk.connection, row, refusal, delivery=str(delivery))
        desk.record(
            "refused", pairing=row.pairing, partner=partner.name, message=row.digest, code=refusal.code
        )
        _answer(desk, partner, Receipt(of=row.digest, outcome=REFUSED, code=refusal.code))


def _answer(desk: Desk, partner: Partner, receipt: Receipt) -> None:
    """Tell the partner, unless nothing is said in the pairing any more."""
    if partner.state is not PairingState.ENDED:
        answer(desk, partner, receipt)


def _sweep(desk: Desk, partner: Partner) -> None:
    """Remove opened tables that have their verdict: their bytes are among the snapshots by then.

    Whoever receives meanwhile looks for them, and sweeps the next time.
    """
    with contextlib.suppress(BusyError), one_at_a_time(desk.home, partner.pairing):
        for file in list((desk.home / OPENED / partner.name).rglob("*.parquet")):
            row = inbox.of_file(desk.connection, file.relative_to(desk.home).as_posix())
            if row is not None and row.state is not InboxState.OPENED:
                with disk_errors(file):
                    file.unlink(missing_ok=True)
                    sync_folder(file.parent)
