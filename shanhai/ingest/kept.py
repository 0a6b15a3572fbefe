"""What is kept of a dataset's bodies: where their bytes lie, and which were the last of each name."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from shanhai.connect.protocol import Kept
from shanhai.ids import DeliveryId
from shanhai.ingest.files import in_turn
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import BodyRef, Sidecar, body_key
from shanhai.storage import ObjectStore


class KeptBodies:
    """Gives what was last kept of a body, by its name, for the window in `window`.

    A name stands for different bodies in different windows. They are sorted by it when the first body is
    asked for: most sources never ask.

    Args:
        snapshots: the store with the bytes.
        deliveries: all sidecars of the dataset, oldest first.
    """

    def __init__(self, snapshots: ObjectStore, deliveries: Iterable[Sidecar]) -> None:
        self.window: str | None = None
        self._snapshots = snapshots
        self._deliveries = deliveries
        self._last: dict[tuple[str | None, str], BodyRef] | None = None
        self._of_bytes: dict[str, DeliveryId] | None = None
        self.brought_back: dict[str, DeliveryId] = {}
        """By digest bodies that were stored anew, and the delivery that had them before."""

    def __call__(self, name: str) -> Kept | None:
        """What was last kept under `name`; None when nothing was, or its bytes are gone."""
        if self._last is None:
            self._last = {
                (delivery.window, body.name): body
                for delivery in self._deliveries
                for body in delivery.bodies
                if body.request
            }
        last = self._last.get((self.window, name))
        if last is None or not self._snapshots.exists(body_key(last.sha256)):
            return None
        return Kept(
            sha256=last.sha256,
            size=last.size,
            request=last.request,
            media_type=last.media_type,
            open=lambda: self._snapshots.open(body_key(last.sha256)),
            facts=last.facts,
        )

    def of_bytes(self, sha256: str) -> DeliveryId | None:
        """The first delivery that was pulled with a body of this digest, in hex; be it there or not."""
        if self._of_bytes is None:
            self._of_bytes = {}
            for delivery in self._deliveries:
                known = delivery.id
                for body in delivery.bodies:
                    self._of_bytes.setdefault(body.sha256, known)
        return self._of_bytes.get(sha256)


def bodies_stay(node: Node) -> AbstractContextManager[None]:
    """While it is held, no body goes that is kept: a pull may find its bytes there and refer to them."""
    return in_turn(node.home / "snapshots", shared=True)


def bodies_may_go(node: Node) -> AbstractContextManager[None]:
    """Held by whoever removes bodies, while nothing is being pulled.

    Raises:
        BusyError: something is.
    """
    return in_turn(node.home / "snapshots", wait=False)
