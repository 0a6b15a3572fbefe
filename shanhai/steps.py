"""One function a task, called by name: what a scheduler runs. Arguments and results are plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.already import AlreadySoError
from shanhai.ingest.build import build_marts
from shanhai.ingest.decisions import Decision, carry_out
from shanhai.ingest.node import open_node
from shanhai.ingest.reconcile import reconcile_for_build
from shanhai.ingest.sidecar import find_delivery
from shanhai.ingest.unseen import is_ahead, unseen
from shanhai.settings import load_settings

if TYPE_CHECKING:
    from shanhai.courier.served import Served
    from shanhai.errors import ShanhaiError
    from shanhai.ingest.node import Node

Result = dict[str, Any]


def pull_step(dataset: str, window: str | None) -> Result:
    """Pull one window of a dataset, or everything."""
    return walk.pull_step(open_node(), DatasetId.parse(dataset), window)


def stage_step(dataset: str) -> Result:
    """Stage every pending delivery of a dataset."""
    return walk.stage_step(open_node(), DatasetId.parse(dataset))


def check_step(dataset: str) -> Result:
    """Check every pending delivery of a dataset."""
    return walk.check_step(open_node(), DatasetId.parse(dataset))


def load_step(dataset: str) -> Result:
    """Load every pending delivery of a dataset; `changed` tells whether the marts have to follow."""
    node, name = open_node(), DatasetId.parse(dataset)
    loaded = walk.load_step(node, name)
    return {**loaded, "changed": is_ahead(node, name)}


def decide_step(
    delivery: str,
    action: Decision,
    by: str,
    reason: str,
    rules: list[str] | None = None,
    *,
    idempotency_key: str = "",
) -> Result:
    """Carry out a person's decision on the delivery that begins so; `changed` as of a load.

    Args:
        idempotency_key: names the request: made again, it is found done.

    Returns:
        also what the entry says, or as `already` that somebody had decided so before.
    """
    node = open_node()
    chosen = find_delivery(node, delivery)
    told: Result = {}
    try:
        entry = carry_out(
            node,
            chosen,
            action,
            by=by,
            reason=reason,
            rules=tuple(rules or ()),
            idempotency_key=idempotency_key,
        )
        told = {"verdict": entry.verdict, "loaded": entry.loaded} if entry else {}
    except AlreadySoError as error:
        told = {"already": error.message}
    return {"delivery": chosen.short, "action": action, "changed": is_ahead(node, chosen.dataset), **told}


def late_step() -> Result:
    """Tell people which windows are late."""
    return walk.late_step(open_node())


def purge_step() -> Result:
    """Remove what retention lets go, and finish what an earlier purge began."""
    from shanhai.ingest.purge import purge

    node = open_node()
    done = purge(node, node.federation.datasets)
    return {
        "purged": [f"{item.delivery.short} {item.ruling.part}" for item in done.items],
        "files": done.erased.files,
        "bytes": done.erased.size,
        "waiting": done.waiting,
    }


def build_step() -> Result:
    """Build and test every mart on versions pinned now."""
    result, behind = build_marts(open_node())
    return {
        "identity": result.identity,
        "marts": list(result.marts),
        "seconds": result.seconds,
        "behind": [str(error) for error in behind],
    }


def publish_step() -> Result:
    """Publish what the last build made, where it changed."""
    from shanhai.warehouse.last_build import last_build
    from shanhai.warehouse.publish import publish

    node = open_node()
    published = publish(node.settings, last_build(node.settings), node.clock)
    if published is None:
        return {"publication": None, "marts": []}
    return {"publication": published.publication_id, "marts": [mart.name for mart in published.marts]}


def unseen_step() -> Result:
    """Which datasets have rows that no build has seen, as after a decision at the command line."""
    return {"unseen": [str(dataset) for dataset in unseen(open_node())]}


def stale_report_step() -> Result:
    """Write the report if it is not of the books as they are now: one that failed is made up for.

    Raises:
        ShanhaiError: as `report_step`.
    """
    from shanhai.report.write import is_behind

    node = open_node()
    reconcile_for_build(node)
    return _reported(node) if is_behind(node) else {"report": None}


def report_step() -> Result:
    """Write the report anew.

    Raises:
        ShanhaiError: something is damaged; the report is written of all else.
    """
    return _reported(open_node())


def _reported(node: Node) -> Result:
    """Of what is damaged in one dataset somebody is told, by a task that fails after all else is written.

    Raises:
        ShanhaiError: why something is left out: what a retry may cure, else the first.
    """
    from shanhai.errors import RetryableError
    from shanhai.report.write import write_report

    left_out: list[ShanhaiError] = []
    index = write_report(node, None, left_out=left_out)
    if left_out:
        raise next((error for error in left_out if isinstance(error, RetryableError)), left_out[0])
    return {"report": index.as_posix()}


def due_step(node: str) -> Result:
    """Whether something may leave a node: by a grant in force, or because it is signed and not shipped."""
    from shanhai.courier import scheduled

    return {"due": scheduled.has_work(_served(node))}


def release_step(node: str, partner: str) -> Result:
    """Release to a partner what grants in force name and did not leave under them yet."""
    from shanhai.courier import scheduled

    return scheduled.release(_served(node), partner).as_dict()


def ship_step(node: str, partner: str) -> Result:
    """Take to the relay what was signed for a partner: parcels, grants and receipts."""
    from shanhai.courier import scheduled

    return scheduled.ship(_served(node), partner).as_dict()


def receive_step(node: str, partner: str) -> Result:
    """Verify and open what a partner left at the relay."""
    from shanhai.courier import scheduled

    return scheduled.receive(_served(node), partner).as_dict()


def admit_step(node: str, partner: str) -> Result:
    """Walk the contracts that take what was opened; `changed` tells whether the marts have to follow."""
    from shanhai.courier import scheduled

    return scheduled.admit(_served(node), partner).as_dict()


def _served(name: str) -> Served:
    from shanhai.courier.served import node_named

    return node_named(load_settings(), name)
