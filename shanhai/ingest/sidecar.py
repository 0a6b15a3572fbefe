"""The sidecar of a delivery: its bodies by digest, and where, when and under which contract they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from shanhai.contracts.since import Age
from shanhai.errors import DamagedError, NotFoundError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.node import Node
from shanhai.storage import LocalStore
from shanhai.warehouse.log import Log


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class BodyRef:
    """One body of a snapshot: what the source called it, and the bytes by their digest.

    A pull of a hundred thousand pages holds as many of these: they are kept small.
    """

    name: str
    sha256: str
    size: int
    origin: str
    media_type: str = ""
    facts: dict[str, str] = Field(
        default_factory=dict, description="what the source says of it, such as its etag; never in the digest"
    )
    request: str = Field(default="", description="digest of what was asked, to ask later whether it changed")


class Sidecar(BaseModel):
    """What is known of a delivery when it is pulled; it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: str
    bodies: tuple[BodyRef, ...]
    window: str | None
    pulled_at: datetime
    order: int
    number: int = Field(description="of the pull among those of its dataset, from 1: their order by no clock")
    contract_version: str
    licence: str
    since: str | None = Field(
        default=None, description="the cursor from which an incremental pull continued; None: from the start"
    )

    @property
    def cursor(self) -> str | None:
        """How far it reads an incremental source, in the connector's own form; None of any other."""
        return next((body.facts["cursor"] for body in reversed(self.bodies) if "cursor" in body.facts), None)

    @property
    def place(self) -> tuple[int, datetime, int, str]:
        """What orders the deliveries of a dataset as they were pulled, also where a clock was set back."""
        return (self.number, self.pulled_at, self.order, self.delivery)

    @property
    def age(self) -> Age:
        """What tells how old it is."""
        return Age(self.id.partition, self.window, self.pulled_at)

    @property
    def id(self) -> DeliveryId:
        """The delivery it describes."""
        return DeliveryId.parse(self.delivery)

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(body.size for body in self.bodies)


def body_key(sha256: str) -> str:
    """The key of a body's bytes in the snapshot store."""
    return f"sha256/{sha256[:2]}/{sha256}"


def sidecar_key(delivery: DeliveryId) -> str:
    """The key of a delivery's sidecar in the snapshot store."""
    return f"deliveries/{delivery.dataset.district}/{delivery.dataset.name}/{delivery.key}.json"


def place_of(node: Node, key: str) -> str:
    """Where a person finds an object of the snapshot store, also for a node whose home is aside."""
    if isinstance(node.snapshots, LocalStore):
        return str(node.snapshots.root / key)
    return f"{node.settings.snapshots}/{key}"


def sidecars(node: Node, dataset: DatasetId, damaged: list[DamagedError] | None = None) -> list[Sidecar]:
    """Every delivery pulled of a dataset, in the order in which they were.

    Args:
        damaged: gains what is wrong with those that are left out; None: the first of it is raised. What is
            pulled, loaded or purged follows from all of them: whoever leaves some out only tells of the rest.

    Raises:
        DamagedError: a sidecar is damaged.
        StoreError: the store failed.
    """
    if dataset in node.pulled:
        return list(node.pulled[dataset].values())
    found = _below(node, f"deliveries/{dataset.district}/{dataset.name}", damaged)
    return sorted(found, key=lambda sidecar: sidecar.place)


def at_hand(node: Node, dataset: DatasetId) -> Node:
    """The same node for one step, which reads each sidecar of the dataset and each commit of its table once.

    What is pulled after this waits for the next step. What is committed after this, by whomever, is seen
    whenever the table is opened.
    """
    pulled = {one.delivery: one for one in sidecars(node, dataset)}
    return replace(node, pulled={dataset: pulled}, logs={dataset: Log(node.table(dataset))})


def every_sidecar(node: Node, damaged: list[DamagedError] | None = None) -> Iterator[Sidecar]:
    """Every delivery that was ever pulled, also of datasets that no contract declares any more.

    Args:
        damaged: as of `sidecars`.

    Raises:
        DamagedError: a sidecar is damaged.
        StoreError: the store failed.
    """
    return _below(node, "deliveries", damaged)


def _below(node: Node, prefix: str, damaged: list[DamagedError] | None = None) -> Iterator[Sidecar]:
    for key in node.snapshots.list(prefix):
        try:
            yield _read(node, key)
        except DamagedError as error:
            if damaged is None:
                raise
            damaged.append(error)


def _read(node: Node, key: str) -> Sidecar:
    with node.snapshots.open(key) as file:
        text = file.read()
    try:
        return Sidecar.model_validate_json(text)
    except ValidationError:
        # Not its cause: it quotes what it read.
        folders = ".".join(key.split("/")[1:-1])
        raise DamagedError(
            f"a sidecar of {folders or 'no dataset'} is damaged: nobody knows what was pulled as it",
            given=place_of(node, key),
            allowed="JSON of the form that a pull writes",
            hint="restore the file from a copy of the home; until then its dataset is not pulled or loaded",
        ) from None


def sidecar(node: Node, delivery: DeliveryId) -> Sidecar:
    """The sidecar of one delivery.

    Raises:
        NotFoundError: it was never pulled.
        DamagedError: its sidecar is damaged.
        StoreError: the store failed.
    """
    known = node.pulled.get(delivery.dataset, {}).get(str(delivery))
    if known is not None:
        return known
    key = sidecar_key(delivery)
    if not node.snapshots.exists(key):
        raise NotFoundError("no such delivery", given=delivery, hint="shanhai delivery list")
    return _read(node, key)


def find_delivery(node: Node, text: str) -> DeliveryId:
    """The one delivery whose id begins with `text`.

    Raises:
        NotFoundError: none does, or several do.
    """
    dataset, slash, _ = text.partition("/")
    datasets = [DatasetId.parse(dataset)] if slash else node.federation.datasets
    found = [
        record.id
        for known in datasets
        for record in sidecars(node, known)
        if record.delivery.startswith(text)
    ]
    if len(found) != 1:
        raise NotFoundError(
            "no such delivery" if not found else "several deliveries begin so",
            given=text,
            allowed=[delivery.short for delivery in found[:10]] or None,
            hint="shanhai delivery list",
        )
    return found[0]
