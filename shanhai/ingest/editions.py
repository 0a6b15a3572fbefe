"""Which delivery of a partition is the newest: told by themselves, and not by when they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import edition_of
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import Sidecar, sidecar

Rank = tuple[object, ...]


def rank(contract: Contract, record: Sidecar) -> Rank:
    """What orders the deliveries of a partition, oldest first.

    By the edition that the name of the file tells, else by when it was pulled. Both stand in the sidecar,
    so retries, holds, approvals and withdrawals change nothing.
    """
    return (edition_of(contract, record.bodies[0].name), *record.place)


def is_outdated(node: Node, delivery: DeliveryId, books: Mapping[str, Net]) -> bool:
    """Whether a newer delivery of the same partition is accepted, which then holds it under `replace`."""
    if not _replaces(node.federation.contract(delivery.dataset)):
        return False
    accepted = (DeliveryId.parse(known) for known, net in books.items() if net.verdict == "accepted")
    others = [known for known in accepted if known.partition == delivery.partition and known != delivery]
    return bool(others) and _rank(node, delivery) < max(_rank(node, known) for known in others)


def in_order(node: Node, deliveries: Iterable[str], books: Mapping[str, Net]) -> list[str]:
    """Deliveries of one dataset in the order in which a table is made of them.

    Under `replace` the newest of a partition comes last. Otherwise it is the order of loading, by which
    the first of two equal rows stays with the delivery that brought it.
    """
    listed = list(deliveries)
    if listed and _replaces(node.federation.contract(DeliveryId.parse(listed[0]).dataset)):
        return sorted(listed, key=lambda known: _rank(node, DeliveryId.parse(known)))
    return sorted(listed, key=lambda known: books[known].loaded_version)


def _rank(node: Node, delivery: DeliveryId) -> Rank:
    return rank(node.federation.contract(delivery.dataset), sidecar(node, delivery))


def _replaces(contract: Contract) -> bool:
    return contract.versions.rule == "replace"
