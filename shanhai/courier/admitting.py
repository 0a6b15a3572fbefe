"""Admit what partners sent: the ordinary walk under our own contract, then one receipt for each parcel."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import inbox, partners, waiting
from shanhai.courier.arrived import Arrived, InboxState
from shanhai.courier.desk import Desk
from shanhai.courier.finishing import finish_unless_busy
from shanhai.courier.incoming import OPENED, one_at_a_time
from shanhai.courier.opened import OpenedTable, Takers, look, opened_tables, taker_of, takers
from shanhai.courier.partners import Partner
from shanhai.courier.settling import answer
from shanhai.errors import BusyError, ShanhaiError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.receipts import ADMITTED, REFUSED, Receipt
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.node import Node
from shanhai.ingest.walk import walk
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_folder
from shanhai.storage.held import held

log = logging.getLogger(__name__)

_NOT_MET = "contract-not-met"
_LOCKS = Path("exchange", "admitting")
_PATIENCE_SECONDS = 120.0


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
        changed: whether it stood otherwise before; what goes on waiting, or stays refused, was told then.
    """

    row: Arrived
    partner: str
    changed: bool
    dataset: DatasetId | None = None
    delivery: DeliveryId | None = None
    verdict: str | None = None
    rows: int | None = None


def is_due(connection: sqlite3.Connection, node: Node, name: str | None = None) -> bool:
    """Whether `admit` would do anything; what waits for a person alone is nothing to do.

    Raises:
        ConfigurationError: two contracts take the same.
        StoreError: snapshots or a table cannot be read.
    """
    found = takers(node)
    noted = {one.about for one in waiting.open_ones(connection) if one.kind == "contract"}
    tables = (look(connection, node, found, row) for row in opened_tables(connection, name))
    return any(_is_open(one, noted) for one in tables)


def _is_open(one: OpenedTable, noted: set[str]) -> bool:
    if (one.taker is None) != (_about(one) in noted):
        return True
    if one.taker is None:
        return False
    if one.net is None:
        return True
    return one.partner.frozen is None and _is_told_now(one)


def _is_told_now(one: OpenedTable) -> bool:
    """Whether there is a verdict that the partner does not know yet."""
    verdict = None if one.net is None else one.net.verdict
    return verdict == "accepted" or (verdict == "refused" and one.row.state is InboxState.OPENED)


def admit(desk: Desk, node: Node, name: str | None = None) -> tuple[Admission, ...]:
    """Walk the contracts for which something waits, and settle what came of it.

    Args:
        name: of one partner; None: of all.

    Raises:
        BusyError: another process admits what the partner sent for two minutes.
        ShanhaiError: of the first walk or receipt that failed, after all were walked and settled.
        ConfigurationError: two contracts take the same.
    """
    with _one_at_a_time(desk, name):
        found = takers(node)
        for partner in _chosen(desk, name):
            finish_unless_busy(desk.home, desk.connection, partner.pairing)
        failures = _Failures()
        before = _verdicts(desk, node, found, name)
        for dataset in _wanted(desk, found, name):
            with failures.kept(f"dataset={dataset}"):
                walk(node, dataset)
        done = _settle(desk, node, name, before, failures)
        failures.told()
        return done


class _Failures:
    """What failed while the rest went on."""

    def __init__(self) -> None:
        self._kept: list[ShanhaiError] = []

    @contextlib.contextmanager
    def kept(self, what: str) -> Iterator[None]:
        """Log a failure of the block, and go on after it."""
        try:
            yield
        except ShanhaiError as error:
            log.error("failed %s error=%s", what, error)
            self._kept.append(error)

    def told(self) -> None:
        """Raise the first of them."""
        if self._kept:
            raise self._kept[0]


@contextlib.contextmanager
def _one_at_a_time(desk: Desk, name: str | None) -> Iterator[None]:
    """Admit what partners sent in this process alone; of other partners another may."""
    with contextlib.ExitStack() as stack:
        for one in sorted({partner.name for partner in _chosen(desk, name)}):
            busy = BusyError(
                "another process admits what this partner sent", given=one, hint="wait until it is done"
            )
            stack.enter_context(held(desk.home / _LOCKS / f"{one}.lock", busy, patience=_PATIENCE_SECONDS))
        yield


def _chosen(desk: Desk, name: str | None) -> list[Partner]:
    return [one for one in partners.every(desk.connection) if name in (None, one.name)]


def _wanted(desk: Desk, found: Takers, name: str | None) -> list[DatasetId]:
    rows = [row for row in opened_tables(desk.connection, name) if row.state is InboxState.OPENED]
    taking = [taker_of(desk.connection, found, row) for row in rows]
    return sorted({one.contract.dataset for one in taking if one is not None})


def _verdicts(desk: Desk, node: Node, found: Takers, name: str | None) -> dict[str, str | None]:
    """The verdicts that there are of tables that wait, by the message that brought them."""
    rows = [row for row in opened_tables(desk.connection, name) if row.state is InboxState.OPENED]
    nets = {row.digest: look(desk.connection, node, found, row).net for row in rows}
    return {digest: None if net is None else net.verdict for digest, net in nets.items()}


def _settle(
    desk: Desk, node: Node, name: str | None, before: dict[str, str | None], failures: _Failures
) -> tuple[Admission, ...]:
    found = takers(node)
    done: list[Admission] = []
    for row in opened_tables(desk.connection, name):
        with failures.kept(f"message={row.digest}"):
            done.append(_settled(desk, look(desk.connection, node, found, row), before.get(row.digest)))
    for partner in partners.every(desk.connection):
        with failures.kept(f"partner={partner.name}"):
            _sweep(desk, partner)
    return tuple(done)


def _settled(desk: Desk, one: OpenedTable, before: str | None) -> Admission:
    noted = _note_taker(desk, one)
    dataset = None if one.taker is None else one.taker.contract.dataset
    if one.delivery is None or one.net is None:
        return Admission(one.row, one.partner.name, noted, dataset, one.delivery)
    # In a frozen pairing nothing may be said to the partner, and what was not told is not settled.
    if one.partner.frozen is None and _is_told_now(one):
        tell: Callable[..., None] = _tell_admitted if one.net.verdict == "accepted" else _tell_refused
        tell(desk, one.partner, one.row, one.delivery, one.net)
    now = inbox.by_digest(desk.connection, one.row.digest) or one.row
    changed = now.state is not one.row.state or (now.state is InboxState.OPENED and one.net.verdict != before)
    return Admission(
        now, one.partner.name, changed, dataset, one.delivery, one.net.verdict, one.net.counts.loaded
    )


def _note_taker(desk: Desk, one: OpenedTable) -> bool:
    """Let a table that no contract takes wait for a person, and none that one takes; whether that is new."""
    with transaction(desk.connection):
        if one.taker is None:
            return waiting.waits(desk.connection, "contract", _about(one), desk.now)
        return waiting.done(desk.connection, "contract", _about(one), who=desk.who, at=desk.now)


def _about(one: OpenedTable) -> str:
    return f"{one.partner.name} {one.row.subject}"


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


def _tell_refused(desk: Desk, partner: Partner, row: Arrived, delivery: DeliveryId, _: Net) -> None:
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
