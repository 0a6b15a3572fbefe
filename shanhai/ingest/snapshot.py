"""Pull and snapshot: a source's bytes are kept once under their SHA-256, and each delivery gets a sidecar."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from shanhai.connect.protocol import Body, ConnectContext, Connector, Kept
from shanhai.connect.registry import connector as find_connector
from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import asks_for_windows, partition_of, windows
from shanhai.contracts.window_keys import is_key
from shanhai.errors import ConfigurationError, DataError, as_typed
from shanhai.ids import PARTITION_FORM, DatasetId, DeliveryId, is_partition
from shanhai.ingest.books import table_net
from shanhai.ingest.cursors import last_cursor
from shanhai.ingest.kept import KeptBodies, bodies_stay
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.returned import tell_returned
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key, sidecar_key, sidecars
from shanhai.storage.protocol import Stored

log = logging.getLogger(__name__)

_A_DAY = date(2024, 3, 1)
"""Shows what a key looks like."""

OPENED_PARCELS = "home://exchange/opened"
"""The one endpoint in the home itself: what partners sent, verified and opened."""


def pull(
    node: Node, dataset: DatasetId, window: str | None = None, *, full: bool = False
) -> list[DeliveryId]:
    """Fetch what a source has and keep it; returns the deliveries that were not known before.

    Without a window, a dataset with a closed calendar is asked for every window of it. An incremental
    source is read on from the last delivery that was kept.

    Args:
        full: read an incremental source from its beginning; later pulls continue from this one.

    Raises:
        ConfigurationError: the contract, the endpoint or a secret is wrong, a window is needed, or the one
            that is given is not of the contract's form; then nothing was asked for.
        RetryableError: the source or the store failed. Files that came whole before it are deliveries, where
            each file is one; of a pull that is one delivery nothing is registered.
        DataError: a body's name tells no partition, or what can be none; all other bodies were kept.
    """
    contract = node.federation.contract(dataset)
    before = sidecars(node, dataset)
    kept = KeptBodies(node.snapshots, before)
    since = None if full else last_cursor(node, dataset, before)
    source = _connector(node, contract, kept, since)
    new: list[DeliveryId] = []
    strangers: list[str] = []
    shown: set[DeliveryId] = set()
    last = max((record.number for record in before), default=0)
    for number, asked in enumerate(_windows(contract, window), start=last + 1):
        log.info("pull dataset=%s window=%s", dataset, asked)
        kept.window = asked
        with bodies_stay(node):
            for delivery, created in _pull_window(
                node, contract, source, _Asked(asked, since, number, node.clock(), kept), strangers
            ):
                shown.add(delivery)
                new += [delivery] if created else []
    tell_returned(node, contract, before, shown)
    _tell_brought_back(node, contract, kept)
    if strangers:
        raise DataError(
            "a file's name does not tell its partition",
            given=", ".join(strangers[:5]),
            allowed=f"{contract.delivery.partition.pattern}, whose partition is {PARTITION_FORM}",
            hint="narrow the path of the source, change the pattern, or have the file renamed at its source",
        )
    return new


def _tell_brought_back(node: Node, contract: Contract, kept: KeptBodies) -> None:
    """Say that bytes were lost and are there again; what was purged comes as long as the source has it."""
    if not kept.brought_back:
        return
    nets = table_net(open_table(node, contract.dataset))
    for sha256, delivery in kept.brought_back.items():
        net = nets.get(str(delivery))
        if net is None or "snapshot" not in net.purged:
            log.warning("brought back delivery=%s sha256=%s", delivery.short, sha256)


@dataclass(frozen=True)
class _Asked:
    """What one pull asked for, and when; `kept` is what was there before it."""

    window: str | None
    since: str | None
    number: int
    at: datetime
    kept: KeptBodies


def _windows(contract: Contract, window: str | None) -> tuple[str | None, ...]:
    form = contract.schedule.window
    if window is not None and not is_key(form, window):
        raise ConfigurationError(
            f"{contract.dataset}: not the key of a window",
            given=as_typed(window[:100]),
            allowed=f"a key of the form {form}, such as {_A_DAY.strftime(form)}",
            hint="nothing was pulled; name the window as schedule.window of the contract writes it",
        )
    if window is not None or not asks_for_windows(contract):
        return (window,)
    closed = windows(contract)
    if not closed:
        raise ConfigurationError(
            "the dataset has an open calendar: say which window to pull",
            given=contract.dataset,
            allowed=f"a key of the form {form}",
        )
    return closed


def _connector(node: Node, contract: Contract, kept: KeptBodies, since: str | None) -> Connector:
    district = node.federation.districts[contract.dataset.district]
    name = f"{contract.dataset.district}.{contract.source.endpoint}"
    endpoint = node.settings.endpoint_overrides().get(name, district.endpoints[contract.source.endpoint])
    roots: tuple[Path, ...] = ()
    if endpoint == OPENED_PARCELS:
        folder = node.home.resolve() / "exchange" / "opened"
        endpoint, roots = folder.as_posix(), (folder,)
    elif "://" not in endpoint:
        folder = (node.federation.root / endpoint).resolve()
        endpoint, roots = folder.as_posix(), (folder,)
    context = ConnectContext(
        endpoint=endpoint,
        secret=node.settings.secret,
        kept=kept,
        cursor=since,
        allowed_roots=roots,
        timeout_seconds=node.settings.http_timeout_seconds,
        attempts=node.settings.http_attempts,
        max_body_bytes=node.settings.max_body_bytes,
        clock=node.clock,
    )
    return find_connector(contract.source.connector)(contract.source.options, context)


def _pull_window(
    node: Node, contract: Contract, source: Connector, asked: _Asked, strangers: list[str]
) -> list[tuple[DeliveryId, bool]]:
    """The deliveries that the source has, each with whether it is new.

    Args:
        strangers: gains the names of bodies that tell no partition, or what can be none.
    """
    window = asked.window
    kept: list[BodyRef] = []
    found: list[tuple[DeliveryId, bool]] = []
    for body in source.pull(window):
        partition = partition_of(contract, body.name, window)
        if partition is None or not is_partition(partition):
            strangers.append(body.name)
            continue
        kept.append(_keep(node, asked.kept, body, f"{contract.dataset}, bytes of body {len(kept) + 1}"))
        if contract.delivery.per == "file":
            found.append(_register(node, contract, partition, kept[-1:], asked, len(kept)))
    if contract.delivery.per == "pull" and kept:
        partition = partition_of(contract, kept[0].name, window) or ""
        found.append(_register(node, contract, partition, kept, asked, 0))
    return found


def _keep(node: Node, known: KeptBodies, body: Body, what: str) -> BodyRef:
    same: Kept | Stored | None = body.unchanged
    if same is None:
        same = stored = node.snapshots.put(body_key, _told(node, body, what), if_absent=True)
        if stored.created and (lost := known.of_bytes(stored.sha256)) is not None:
            known.brought_back[stored.sha256] = lost
    return BodyRef(
        name=body.name,
        sha256=same.sha256,
        size=same.size,
        origin=body.origin,
        media_type=body.media_type,
        facts=dict(body.facts),
        request=body.request,
    )


def _told(node: Node, body: Body, what: str) -> Iterator[bytes]:
    """The chunks of a body; how many bytes came is told, of how many no source says for certain.

    In the end nothing is awaited of it any more, whether it came whole, was empty, or broke off.
    """
    came = 0
    try:
        for chunk in body.chunks:
            came += len(chunk)
            node.progress(what, came, 0)
            yield chunk
    finally:
        node.progress(what, 1, 1)


def _register(
    node: Node,
    contract: Contract,
    partition: str,
    bodies: list[BodyRef],
    asked: _Asked,
    order: int,
) -> tuple[DeliveryId, bool]:
    delivery = DeliveryId(contract.dataset, partition, _digest(contract, bodies))
    record = Sidecar(
        delivery=str(delivery),
        bodies=tuple(bodies),
        window=asked.window,
        pulled_at=asked.at,
        order=order,
        number=asked.number,
        contract_version=contract.version,
        licence=contract.licence,
        since=asked.since if any("cursor" in body.facts for body in bodies) else None,
    )
    text = record.model_dump_json(indent=1).encode()
    stored = node.snapshots.put(sidecar_key(delivery), [text], if_absent=True)
    if stored.created:
        log.info("snapshot delivery=%s bytes=%d bodies=%d", delivery.short, record.size, len(bodies))
    return delivery, stored.created


def _digest(contract: Contract, bodies: list[BodyRef]) -> str:
    """One file is known by its own digest; many pages of one pull by that of the list of theirs."""
    if contract.delivery.per == "file":
        return bodies[0].sha256
    manifest = [{"name": body.name, "sha256": body.sha256} for body in bodies]
    return hashlib.sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()
