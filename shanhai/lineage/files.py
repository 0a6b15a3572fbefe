"""The events as files: one a delivery and one a publication, where each event is added once and none goes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from shanhai.ingest.books import NOTES, Entry
from shanhai.ingest.files import in_turn, write_whole
from shanhai.ingest.node import Node
from shanhai.ingest.records import Record, Staging, Validation, read_record
from shanhai.ingest.sidecar import Sidecar
from shanhai.lineage.events import Event, key_of, of_delivery, of_publication
from shanhai.lineage.trace import Booking, Tracer

log = logging.getLogger(__name__)


def folder(node: Node) -> Path:
    """Where the events of a node lie, as lines of JSON."""
    return node.home / "lineage"


def keep_lineage(node: Node, tracer: Tracer | None = None) -> int:
    """Bring the files up to the books; returns how many events were added.

    Like the ledger they are a projection: killed anywhere and done again, each event stands in them once,
    and files that are lost are written again.

    Raises:
        RetryableError: a table or a sidecar cannot be read, or the home cannot be written.
    """
    tracer = tracer or Tracer(node)
    with in_turn(folder(node)):
        added = sum(_add(folder(node) / name, events) for name, events in _derived(node, tracer))
    if added:
        log.info("lineage events=%d", added)
    return added


def read_events(node: Node) -> Iterator[Event]:
    """Every event that is kept, by time."""
    files = sorted(folder(node).rglob("*.ndjson"))
    events = [event for file in files for event in _lines(file)]
    yield from sorted(events, key=lambda event: (event["eventTime"], event["eventType"] != "START"))


def _derived(node: Node, tracer: Tracer) -> Iterator[tuple[str, list[Event]]]:
    """The name of each file, and the events that belong into it."""
    for dataset in node.federation.datasets:
        own = sorted(
            (booking for booking in tracer.bookings(dataset) if _is_of_a_run(booking.entry)), key=_delivery_of
        )
        bookings = {delivery: list(found) for delivery, found in groupby(own, key=_delivery_of)}
        for source in tracer.sidecars(dataset).values():
            booked = bookings.get(source.delivery, [])
            stagings = dict.fromkeys(one.entry.staging for one in booked if one.entry.staging)
            events = of_delivery(
                source,
                _records(node, source, stagings, Staging),
                _records(node, source, stagings, Validation),
                booked,
            )
            yield f"{dataset.district}/{dataset.name}/{source.id.key}.ndjson", list(events)
    before: set[tuple[str, int]] = set()
    for publication in tracer.publications:
        fresh = [mart for mart in publication.marts if (mart.name, mart.version) not in before]
        before |= {(mart.name, mart.version) for mart in publication.marts}
        yield f"publications/{publication.number:06d}.ndjson", list(of_publication(publication, fresh))


def _records(node: Node, source: Sidecar, stagings: Iterable[str], kind: type[Record]) -> list[Record]:
    found = (read_record(node, source.id, staging, kind) for staging in stagings)
    return [record for record in found if record is not None]


def _is_of_a_run(entry: Entry) -> bool:
    """Whether an entry is its delivery's own, and more than a note."""
    return not entry.cause and entry.kind not in NOTES


def _delivery_of(booking: Booking) -> str:
    return booking.entry.delivery


def _add(file: Path, events: Iterable[Event]) -> int:
    kept = list(_lines(file)) if file.is_file() else []
    known = {key_of(event) for event in kept}
    new = [event for event in events if key_of(event) not in known]
    if new:
        lines = (json.dumps(event, ensure_ascii=False, sort_keys=True) + "\n" for event in (*kept, *new))
        write_whole(file, "".join(lines))
    return len(new)


def _lines(file: Path) -> Iterator[Event]:
    """The events of a file; a line that is none is left out, and written anew if its event is still known."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
            key_of(event)
        except (ValueError, KeyError, TypeError):
            log.warning("not an event file=%s", file.name)
            continue
        yield event
