"""A node as values: its settings, its federation, its snapshots and its clock, handed to every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.clock import Clock, system_clock
from shanhai.contracts.federation import Federation, open_federation
from shanhai.errors import NotFoundError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.stores import snapshot_store
from shanhai.settings import Settings, load_settings
from shanhai.storage import ObjectStore
from shanhai.storage.disk import disk_errors

if TYPE_CHECKING:
    from shanhai.ingest.known_files import KnownFiles
    from shanhai.ingest.sidecar import Sidecar
    from shanhai.warehouse.log import Log

_FOLDERS = (
    "snapshots",
    "contracts",
    "staged",
    "quarantine",
    "lake",
    "scratch",
    "marts",
    "logs",
    "report",
)
_MARKS = ("lake", "snapshots", "keyring", "exchange")
"""What lies in every home, or in that of a node that has only keys yet."""
_CLOSED = ("snapshots", "staged", "quarantine", "lake", "scratch")
"""May hold personal values: what others put or leave open there, such as a library's files, stays hidden."""


Progress = Callable[[str, int, int], None]
"""Told what is worked at, how much of it is done, and of how much; 0: nobody knows."""


def silent(_what: str, _done: int, _of: int) -> None:
    """Nobody looks how far a step has come."""


@dataclass(frozen=True)
class Node:
    """Everything a step of the walk needs, where it keeps what it makes, and who is told how far it is.

    `pulled` are the deliveries, by name, of datasets whose sidecars were read already, `logs` what was
    read of the logs of their tables (`sidecar.at_hand`), `known` what was learnt of their data files.
    """

    settings: Settings
    federation: Federation
    snapshots: ObjectStore
    clock: Clock
    progress: Progress = silent
    pulled: Mapping[DatasetId, Mapping[str, Sidecar]] = field(default_factory=dict, compare=False)
    logs: Mapping[DatasetId, Log] = field(default_factory=dict, compare=False)
    known: Mapping[DatasetId, KnownFiles] = field(default_factory=dict, compare=False)

    @property
    def home(self) -> Path:
        """The folder of the node's state."""
        return self.settings.home

    def table(self, dataset: DatasetId) -> Path:
        """The folder of a dataset's lake table."""
        return self.home / "lake" / dataset.district / dataset.name

    def books(self, name: str) -> Path:
        """The folder of one of the projections: ledger, quarantine, publications."""
        return self.home / "lake" / "_system" / name

    def staged(self, delivery: DeliveryId) -> Path:
        """The folder of all stagings of a delivery; whoever stages or checks it holds it meanwhile."""
        return self.home / "staged" / delivery.key

    def staging(self, delivery: DeliveryId, staging: str) -> Path:
        """The folder of what was staged and checked for a delivery on certain terms (`Terms.id`)."""
        return self.staged(delivery) / staging

    def with_logs(self, *datasets: DatasetId) -> Node:
        """The same node, which reads each commit of these datasets' tables once; for one thread."""
        from shanhai.warehouse.log import Log

        new = {dataset: Log(self.table(dataset)) for dataset in datasets if dataset not in self.logs}
        return replace(self, logs={**self.logs, **new})

    @property
    def quarantine(self) -> Path:
        """The folder of the files of quarantined rows, named from delivery and staging."""
        return self.home / "quarantine"


def is_home(folder: Path) -> bool:
    """Whether a folder is the home of a node: something that a node makes is there.

    Raises:
        StoreError: it cannot be looked at.
    """
    with disk_errors(folder):
        return any((folder / name).is_dir() for name in _MARKS)


def check_home(folder: Path) -> None:
    """See that a folder is the home of a node, before what is not in it is told as nothing.

    Raises:
        NotFoundError: it is none.
        StoreError: it cannot be looked at.
    """
    if not is_home(folder):
        raise NotFoundError(
            "there is no home of a node",
            given=folder,
            allowed="a folder that a node has made",
            hint="look at --home and SHANHAI_HOME; make run, shanhai walk or shanhai node init make one",
        )


def open_node(
    settings: Settings | None = None,
    *,
    clock: Clock = system_clock,
    progress: Progress = silent,
    make: bool = True,
) -> Node:
    """The node that the settings describe; its home is made if it is not there, for the owner alone.

    Folders that may hold personal values are closed to others, whoever made them.

    Args:
        make: whether there may be no home yet; whoever only reads would make one at a path mistyped.

    Raises:
        ConfigurationError: the federation folder is none, or the store of snapshots is not described.
        NotFoundError: there is no home, and none is to be made.
        StoreError: the home cannot be written.
    """
    settings = settings or load_settings()
    federation = open_federation(settings.federation)
    if not make:
        check_home(settings.home)
    with disk_errors(settings.home):
        settings.home.parent.mkdir(parents=True, exist_ok=True)
        for folder in (settings.home, *(settings.home / name for name in _FOLDERS)):
            folder.mkdir(exist_ok=True, mode=0o700)
        for folder in (settings.home / name for name in _CLOSED):
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
    return Node(settings, federation, snapshot_store(settings, clock), clock, progress)
