"""The walk as steps: each works through a dataset's pending deliveries, and one bad one stops no other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shanhai.errors import DamagedError, RetryableError, ShanhaiError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.check import check
from shanhai.ingest.known_files import KnownFiles
from shanhai.ingest.load import load
from shanhai.ingest.node import Node
from shanhai.ingest.pending import Late, late, pending, read_told, write_told
from shanhai.ingest.records import read_staging, read_validation
from shanhai.ingest.sidecar import at_hand
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.ingest.told import tell_verdicts
from shanhai.notify import Event, notify

log = logging.getLogger(__name__)

Result = dict[str, Any]
_TOLD = 3
"""Differences that a notification tells; `shanhai delivery show` has all."""
_EVENTS: Mapping[str, Event] = {"accepted": "differs", "held": "held", "refused": "refused"}
"""What people are told, by the verdict of the gate."""


def pull_step(node: Node, dataset: DatasetId, window: str | None, *, full: bool = False) -> Result:
    """Pull one window, or everything; tells the deliveries that are new.

    Args:
        full: read an incremental source from its beginning.

    Raises:
        ShanhaiError: as `shanhai.ingest.snapshot.pull`.
    """
    return {"new": [delivery.short for delivery in pull(node, dataset, window, full=full)]}


def stage_step(node: Node, dataset: DatasetId) -> Result:
    """Stage every pending delivery.

    Raises:
        ShanhaiError: one could not be staged; raised after the others were.
    """
    node = at_hand(node, dataset)
    return _each(node, dataset, pending(node, dataset), lambda delivery: stage(node, delivery), "staged")


def check_step(node: Node, dataset: DatasetId) -> Result:
    """Check every pending delivery that is staged.

    Raises:
        ShanhaiError: one could not be checked; raised after the others were.
    """
    node = at_hand(node, dataset)
    ready = [known for known in pending(node, dataset) if read_staging(node, known) is not None]
    return _each(node, dataset, ready, lambda delivery: check(node, delivery), "checked")


def load_step(node: Node, dataset: DatasetId) -> Result:
    """Commit every pending delivery that is checked, and tell people what was held, refused or differs.

    Returns:
        loaded rows, and the deliveries by what became of them.

    Raises:
        ShanhaiError: one could not be loaded; raised after the others were.
    """
    node = at_hand(node, dataset)
    ready = [known for known in pending(node, dataset) if read_validation(node, known) is not None]
    node = replace(node, known={dataset: KnownFiles(remembers=len(ready) > 1)})
    entries: list[Entry] = []
    try:
        _each(node, dataset, ready, lambda delivery: entries.append(load(node, delivery)), "loaded")
    finally:
        tell_verdicts(node, dataset, lambda entry: _tell_loaded(node, entry))
    return {
        "loaded": sum(entry.loaded for entry in entries),
        **{
            verdict: [DeliveryId.parse(e.delivery).short for e in entries if e.verdict == verdict]
            for verdict in ("accepted", "held", "refused")
        },
    }


def _tell_loaded(node: Node, entry: Entry) -> bool:
    """Tell people of a delivery that needs them, or that was accepted and is not as it used to be."""
    delivery = DeliveryId.parse(entry.delivery)
    validation = read_validation(node, delivery)
    differences = validation.differences if validation else ()
    if entry.verdict == "accepted" and not differences:
        return True
    told = [difference.text for difference in differences[:_TOLD]]
    more = [f"and {len(differences) - _TOLD} more"] if len(differences) > _TOLD else []
    return notify(
        node.settings,
        _EVENTS[entry.verdict],
        delivery=delivery.short,
        rows_in=entry.rows_in,
        quarantined=entry.quarantined,
        reason=entry.reason,
        difference="; ".join((*told, *more)),
    )


def late_step(node: Node) -> Result:
    """Tell people which windows are late, of each window once.

    A window is told again only when nobody could be told, or when it had come meanwhile.

    Returns:
        all windows that are late, and those among them that were told now. Of a dataset with a damaged
        sidecar nobody knows what is late.

    Raises:
        DamagedError: there is such a dataset; after all others were told.
    """
    left_out: dict[DatasetId, DamagedError] = {}
    found = late(node, left_out)
    known = read_told(node)
    told = [item for item in found if item.name not in known and _tell_late(node, item)]
    unreadable = {str(dataset) for dataset in left_out}
    unknown = [name for name in known if name.partition("/")[0] in unreadable]
    write_told(node, [*unknown, *(item.name for item in found if item.name in known or item in told)])
    for error in left_out.values():
        raise error
    return {"late": [item.name for item in found], "told": [item.name for item in told]}


def _tell_late(node: Node, item: Late) -> bool:
    facts = {"dataset": str(item.dataset), "window": item.window, "due": item.due.isoformat()}
    return notify(node.settings, "late", **facts)


def walk(node: Node, dataset: DatasetId, window: str | None = None) -> Result:
    """Pull, stage, check and load one dataset in this process.

    Raises:
        ShanhaiError: a step failed; what the steps before it made stays valid.
    """
    pulled = pull_step(node, dataset, window)
    stage_step(node, dataset)
    check_step(node, dataset)
    return {**pulled, **load_step(node, dataset)}


def _each(
    node: Node,
    dataset: DatasetId,
    deliveries: list[DeliveryId],
    work: Callable[[DeliveryId], object],
    done: str,
) -> Result:
    """Work through all deliveries; afterwards raise what a retry may cure, else the first failure.

    A failure that nobody foresaw stops the others as little; of it the log has the class only, since its
    text may quote data. It is told at once, since whoever is killed tells nothing at the end. What many fail
    of, such as a wrong contract, is told of the first one, and at the end with the number of the others.
    """
    finished: list[str] = []
    failures: list[Exception] = []
    waiting: Counter[str] = Counter()
    for place, delivery in enumerate(deliveries):
        node.progress(f"{dataset}, deliveries {done}", place, len(deliveries))
        try:
            work(delivery)
            finished.append(delivery.short)
        except Exception as error:  # noqa: BLE001 - raised below, after the others had their turn
            told = str(error) if isinstance(error, ShanhaiError) else type(error).__name__
            if told not in waiting:
                log.error("failed dataset=%s delivery=%s error=%s", dataset, delivery.short, told)
            waiting[told] += 1
            failures.append(error)
    node.progress(f"{dataset}, deliveries {done}", len(deliveries), len(deliveries))
    for told, number in waiting.items():
        if number > 1:
            log.error("failed dataset=%s more=%d error=%s", dataset, number - 1, told)
    if failures:
        raise next((error for error in failures if isinstance(error, RetryableError)), failures[0])
    return {done: finished}
