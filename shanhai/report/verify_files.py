"""Verify files: the ledger against the commits, tables and quarantine against their logs, snapshots."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from shanhai.errors import DamagedError, DeniedError, ShanhaiError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry, entries, net, table_net
from shanhai.ingest.files import sha256_of
from shanhai.ingest.ledger import ledger_as_it_is
from shanhai.ingest.node import Node
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.recount import recount
from shanhai.ingest.sidecar import Sidecar, body_key, sidecars
from shanhai.report.booked import booked, datasets
from shanhai.report.differences import Difference, Progress, unreadable
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.sources import open_version

BOOKS = (LEDGER, QUARANTINE, "publications")


def books(node: Node, progress: Progress) -> Iterator[Difference | None]:
    """The ledger against the commits that it was projected from, in both directions."""
    told = {str(row.delivery): row.counts for row in ledger_as_it_is(node)}
    for dataset in datasets(node):
        try:
            committed = net(booked(node, LEDGER, dataset))
        except ShanhaiError as error:
            yield unreadable(f"log of {dataset}", error)
            committed = {}
        for delivery, stands in committed.items():
            progress("ledger rows", 1, 1)
            given = told.pop(delivery, None)
            same = given == stands.counts
            yield None if same else Difference(f"ledger {delivery}", str(given), str(stands.counts))
    for delivery, counts in told.items():
        yield Difference(f"ledger {delivery}", str(counts), "no commit of its table says so")


def files(node: Node, progress: Progress) -> Iterator[Difference | None]:
    """The files of the newest version of each table: there, as large as its log says, and of the same bytes.

    Of marts and publications the log tells sizes alone; a mart has a digest of its content. So it does of a
    table none of whose commits tells a digest, as none did once.
    """
    tables = [node.table(dataset) for dataset in datasets(node)]
    told = {*tables, node.books(LEDGER), node.books(QUARANTINE)}
    tables += [path for path in (node.books(name) for name in BOOKS) if exists(path)]
    tables += [path for path in sorted((node.home / "marts").glob("*")) if exists(path)]
    for done, path in enumerate(tables, start=1):
        progress("tables", done, len(tables))
        try:
            actions = open_version(path).get_add_actions()
            digests = LakeTable.open(path).digests()
        except ShanhaiError as error:
            yield unreadable(f"log of {path.relative_to(node.home).as_posix()}", error)
            continue
        sizes = actions.column("size_bytes").to_pylist()
        for name, size in zip(actions.column("path").to_pylist(), sizes, strict=True):
            file = path / str(name)
            given = f"{file.stat().st_size} bytes" if file.is_file() else "missing"
            shown = file.relative_to(node.home).as_posix()
            if given != f"{size} bytes":
                yield Difference(shown, given, f"{size} bytes")
            else:
                has_digests = path in told and digests
                yield _other_bytes(shown, file, digests.get(file.name)) if has_digests else None
    for dataset in datasets(node):
        yield from _quarantine_files(node, dataset, progress)


def _other_bytes(shown: str, file: Path, digest: str | None) -> Difference | None:
    given = sha256_of(file)
    if given == digest:
        return None
    return Difference(shown, f"sha256 {given}", f"sha256 {digest}" if digest else "told by no commit")


def _quarantine_files(node: Node, dataset: DatasetId, progress: Progress) -> Iterator[Difference | None]:
    try:
        lines = [line for _, line in entries(LakeTable.open(node.table(dataset)))]
        projected = [line for _, line in booked(node, QUARANTINE, dataset)]
    except ShanhaiError:
        return
    purged = _purged_files(lines)
    newest = {line.delivery: line.quarantine_file for line in projected if line.staging}
    for done, line in enumerate(lines, start=1):
        progress(f"quarantine of {dataset}", done, len(lines))
        name, digest = line.quarantine_file, line.quarantine_sha256
        if name in purged:
            left = any((room / name).exists() for room in (node.quarantine, node.books("quarantine")))
            yield Difference(f"quarantine {name}", "still there", "purged") if left else None
        elif name:
            # The table may never have had a file that was followed by another one before it was brought up.
            stands = name == newest.get(line.delivery) or (node.books("quarantine") / name).exists()
            file = (node.books("quarantine") if stands else node.quarantine) / name
            given = sha256_of(file) if file.is_file() else "missing"
            yield None if given == digest else Difference(f"quarantine {name}", given, str(digest))


def _purged_files(lines: Iterable[Entry]) -> set[str]:
    """The quarantine files that a purge has put others in the place of."""
    named: dict[str, set[str]] = defaultdict(set)
    purged: set[str] = set()
    for line in lines:
        if line.kind == "purge" and "quarantine" in line.scope:
            purged |= named[line.delivery] - {line.quarantine_file}
        if line.quarantine_file:
            named[line.delivery].add(line.quarantine_file)
    return purged


def names(node: Node, pulled: list[Sidecar]) -> Iterator[Difference | None]:
    """Each sidecar with its delivery's name; those that can be read are added to `pulled`."""
    damaged: list[DamagedError] = []
    for dataset in node.federation.datasets:
        pulled += sidecars(node, dataset, damaged)
    for error in damaged:
        yield Difference(f"sidecar {error.given}", "damaged", str(error.allowed))
    for one in pulled:
        yield _manifest_digest(one.id, [(body.name, body.sha256) for body in one.bodies])


def snapshots(
    node: Node, pulled: Sequence[Sidecar], deep: bool, progress: Progress
) -> Iterator[Difference | None]:
    """Each snapshot that a sidecar names with its size, and deep with its digest."""
    bodies = {body.sha256: body for one in pulled for body in one.bodies}
    purged = _without_bytes(node)
    needed = {body.sha256 for one in pulled if one.delivery not in purged for body in one.bodies}
    for done, (digest, body) in enumerate(bodies.items(), start=1):
        progress("snapshots", done, len(bodies))
        name = f"snapshot {digest}"
        if not node.snapshots.exists(body_key(digest)):
            yield Difference(name, "missing", f"{body.size} bytes") if digest in needed else None
            continue
        with node.snapshots.local_path(body_key(digest)) as file:
            size = file.stat().st_size
            given = sha256_of(file) if deep and size == body.size else digest
        if size != body.size:
            yield Difference(name, f"{size} bytes", f"{body.size} bytes")
        else:
            yield None if given == digest else Difference(name, f"sha256 {given}", f"sha256 {digest}")


def _without_bytes(node: Node) -> set[str]:
    """The deliveries whose bytes were purged, by the commits."""
    found: set[str] = set()
    for dataset in datasets(node):
        with contextlib.suppress(ShanhaiError):
            nets = table_net(LakeTable.open(node.table(dataset)))
            found |= {name for name, stands in nets.items() if "snapshot" in stands.purged}
    return found


def _manifest_digest(delivery: DeliveryId, bodies: list[tuple[str, str]]) -> Difference | None:
    """A delivery is called by the digest of its one body, or by that of the list of names and digests."""
    listed = [{"name": name, "sha256": digest} for name, digest in bodies]
    joined = hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()
    allowed = {joined, *([bodies[0][1]] if len(bodies) == 1 else [])}
    if delivery.snapshot in allowed:
        return None
    return Difference(f"sidecar of {delivery.short}", joined, delivery.snapshot)


def recounts(node: Node, progress: Progress, left_out: list[DeliveryId]) -> Iterator[Difference | None]:
    """Each delivery staged again from its bytes; those of which they or the contract are gone: `left_out`."""
    rows = ledger_as_it_is(node)
    for done, row in enumerate(rows, start=1):
        progress("deliveries staged again", done, len(rows))
        try:
            outcome = recount(node, row.delivery)
        except DeniedError:
            left_out.append(row.delivery)
            continue
        except ShanhaiError as error:
            yield Difference(f"{row.delivery.short} staged again", error.message, "the numbers of the books")
            continue
        if not outcome.comparable:
            left_out.append(row.delivery)
        for line in outcome.lines:
            name = f"{row.delivery.short} staged again: {line.name}"
            yield None if line.agrees else Difference(name, str(line.again), str(line.kept))
