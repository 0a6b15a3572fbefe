"""Purge: what retention lets go is noted in the books first, then removed; the next one finishes the work."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from shanhai.errors import (
    BusyError,
    DamagedError,
    MemoryLimitError,
    RetryableError,
    ShanhaiError,
    StoreError,
)
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.aside import forget_left_aside
from shanhai.ingest.books import OF_STAGING, Counts, Entry, Net, entry, table_net
from shanhai.ingest.erase import Erased, bodies_that_go, erase, erase_bodies, without_bytes
from shanhai.ingest.kept import bodies_may_go
from shanhai.ingest.load import on_newest
from shanhai.ingest.node import Node
from shanhai.ingest.reconcile import reconcile_as_far
from shanhai.ingest.redact import redacted
from shanhai.ingest.retention import Part, Ruling, Standing, judge
from shanhai.ingest.sidecar import every_sidecar, sidecar
from shanhai.ingest.standing import standings
from shanhai.warehouse.build import one_at_a_time
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.publications import Publication, publications

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """What retention says of one part of a delivery.

    Attributes:
        size: bytes that go with it, or that it keeps; of a body that another delivery has they stay, and of
            all while something is damaged.
        shared: bodies that stay because another delivery has them.
    """

    delivery: DeliveryId
    ruling: Ruling
    size: int
    shared: int = 0


@dataclass(frozen=True)
class Purged:
    """What one purge did. `waiting`: something was being pulled, so bodies go with the next purge."""

    items: tuple[Item, ...]
    erased: Erased
    waiting: bool


def plan(node: Node, datasets: Iterable[DatasetId], damaged: list[DamagedError] | None = None) -> list[Item]:
    """What a purge would do now to each delivery, and why; changes nothing.

    Args:
        damaged: gains what is wrong with datasets that are left out; no bytes of bodies go then, whosever
            they are. None: it is raised.

    Raises:
        DamagedError: a sidecar or the log of a table is damaged.
        RetryableError: a table or a sidecar cannot be read.
        ContractError: a contract is wrong.
    """
    wrong: list[DamagedError] = []
    now, every = node.clock(), _everything(node, wrong)
    rulings = [
        (standing, ruling)
        for dataset in datasets
        for standing in every.get(dataset, ())
        for ruling in judge(standing, node.federation.retention(dataset), now)
    ]
    going = {str(one.delivery) for one, ruling in rulings if ruling.goes and ruling.part == "snapshot"}
    gone = _bodies_that_go(node, going | _without_bytes(every), wrong)
    for error in wrong if damaged is None else ():
        raise error
    if damaged is not None:
        damaged += wrong
    return [_item(node, standing, ruling, gone) for standing, ruling in rulings]


def _everything(node: Node, damaged: list[DamagedError]) -> dict[DatasetId, list[Standing]]:
    """Every delivery as it stands, by dataset; without those of which something is damaged."""
    known, every = publications(node.settings), {}
    for dataset in node.federation.datasets:
        try:
            every[dataset] = standings(node, dataset, known)
        except DamagedError as error:
            log.error("failed what=purge dataset=%s error=%s", dataset, error)
            damaged.append(error)
    return every


def _bodies_that_go(node: Node, purged: set[str], damaged: list[DamagedError]) -> dict[str, int] | None:
    """Digest and size of the bodies that no other delivery has; None: of one nobody knows which it has."""
    gone = bodies_that_go(every_sidecar(node, damaged), purged)
    return None if damaged else gone


def _without_bytes(every: dict[DatasetId, list[Standing]]) -> set[str]:
    return {name for found in every.values() for name in without_bytes(found)}


def _item(node: Node, standing: Standing, ruling: Ruling, gone: dict[str, int] | None) -> Item:
    delivery = standing.delivery
    if ruling.part == "quarantine":
        files = node.quarantine.glob(f"{delivery.key}-*")
        return Item(delivery, ruling, sum(file.stat().st_size for file in files))
    bodies = {body.sha256: body.size for body in sidecar(node, delivery).bodies}
    if not ruling.goes:
        return Item(delivery, ruling, sum(bodies.values()))
    if gone is None:
        return Item(delivery, ruling, 0)
    own = [size for digest, size in bodies.items() if digest in gone]
    return Item(delivery, ruling, sum(own), shared=len(bodies) - len(own))


def purge(node: Node, datasets: Iterable[DatasetId]) -> Purged:
    """Carry out what retention says of these datasets, and finish what an earlier purge began.

    An entry `purge` is committed first: from then on the delivery cannot be staged again, so that what is
    removed afterwards can be removed at any time. It cannot be undone. A delivery whose files are damaged
    stops no other, and a dataset with a damaged sidecar or log none but for bodies, which may be its own as
    well: they wait. It is raised afterwards.

    Raises:
        BusyError: a build is under way, or others kept committing first.
        RetryableError: a table cannot be read or written. What a retry may cure is raised first.
        DamagedError: a file is not the one that was committed, and cannot be made again.
        MemoryLimitError: to make one again needs more than a session may use.
    """
    chosen, failures, damaged = list(datasets), dict[DeliveryId, ShanhaiError](), list[DamagedError]()
    # A build chooses the versions that it reads: while none does, nothing can come to rest on what goes.
    with one_at_a_time(node.settings):
        items = [item for item in plan(node, chosen, damaged) if item.ruling.goes]
        known = publications(node.settings)
        for dataset in dict.fromkeys(item.delivery.dataset for item in items):
            on_newest(node, dataset, partial(_note, node, dataset, known, failures))
    behind = {one.dataset: one.error for one in reconcile_as_far(node) if one.dataset in chosen}
    # What the quarantine table still names stays with it.
    erased = Erased()
    for dataset in (one for one in chosen if one not in behind):
        try:
            erased += erase(node, dataset)
        except DamagedError as error:
            damaged.append(error)
    forget_left_aside(node)
    waiting = False
    try:
        with bodies_may_go(node):
            gone = _bodies_that_go(node, _without_bytes(_everything(node, damaged)), damaged)
            erased += erase_bodies(node, gone or {})
    except BusyError:
        waiting = True
    log.info("purge entries=%d files=%d bytes=%d waiting=%s", len(items), erased.files, erased.size, waiting)
    if wrong := [*failures.values(), *behind.values(), *damaged]:
        raise next((error for error in wrong if isinstance(error, RetryableError)), wrong[0])
    return Purged(tuple(items), erased, waiting)


def _note(
    node: Node,
    dataset: DatasetId,
    known: list[Publication],
    failures: dict[DeliveryId, ShanhaiError],
    table: LakeTable,
) -> Entry | None:
    """One commit with an entry for each delivery of which something goes."""
    retention, now = node.federation.retention(dataset), node.clock()
    books = table_net(table)
    lines = []
    for standing in standings(node, dataset, known):
        rulings = [ruling for ruling in judge(standing, retention, now) if ruling.goes]
        net = books.get(str(standing.delivery))
        if rulings and net is not None:
            try:
                lines.append(_line(node, standing, net, rulings))
            except (StoreError, DamagedError, MemoryLimitError) as error:
                log.error("failed delivery=%s error=%s", standing.delivery.short, error)
                failures[standing.delivery] = error
    if not lines:
        return None
    numbers = {line.delivery: table.transaction(line.delivery) + 1 for line in lines}
    facts = {"entries": [line.model_dump() for line in lines]}
    table.commit(Change(transactions=numbers, facts=facts), at=now)
    return lines[-1]


def _line(node: Node, standing: Standing, net: Net, rulings: list[Ruling]) -> Entry:
    parts: tuple[Part, ...] = tuple(ruling.part for ruling in rulings)
    line = entry(
        str(standing.delivery),
        "purge",
        net.verdict,
        net.contract_version,
        Counts(),
        reason="; ".join(f"{ruling.part}: {ruling.why}" for ruling in rulings),
        scope=parts,
    )
    if net.staged is None:
        return line
    staged = redacted(node, standing.delivery, net.staged) if "quarantine" in parts else net.staged
    return line.model_copy(update={name: getattr(staged, name) for name in OF_STAGING})
