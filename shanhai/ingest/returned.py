"""Sources that go back to bytes which a newer edition had replaced: a person has to say what is meant."""

from __future__ import annotations

from collections.abc import Iterable

from shanhai.contracts.model import Contract
from shanhai.ids import DeliveryId
from shanhai.ingest.books import table_net
from shanhai.ingest.editions import rank
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import Sidecar
from shanhai.notify import notify

_DROPPED = ("refused", "withdrawn")


def tell_returned(node: Node, contract: Contract, before: Iterable[Sidecar], shown: set[DeliveryId]) -> None:
    """Tell people of known deliveries that a source shows again while a newer one holds their partition.

    The same bytes are no new delivery, so under `replace` the newer one keeps the partition until a person
    withdraws it.

    Args:
        before: the sidecars that were there before the pull.
        shown: every delivery that the source has given in it.
    """
    if contract.versions.rule != "replace":
        return
    newest: dict[str, Sidecar] = {}
    for record in sorted(before, key=lambda record: rank(contract, record)):
        newest[record.id.partition] = record
    again = {delivery.partition: delivery for delivery in sorted(shown)}
    # Where the newest is among them, or something came that was not known, the partition is as it should be.
    known = {str(record.id) for record in before}
    fresh = {delivery.partition for delivery in shown if str(delivery) not in known}
    current = {partition for partition, record in newest.items() if record.id in shown}
    suspects = again.keys() & newest.keys() - fresh - current
    verdicts = table_net(open_table(node, contract.dataset)) if suspects else {}
    for partition in sorted(suspects):
        net = verdicts.get(newest[partition].delivery)
        if net is None or net.verdict not in _DROPPED:
            facts = {"delivery": again[partition].short, "newer": newest[partition].id.short}
            notify(node.settings, "returned", **facts)
