"""The record of the last build that succeeded, so that another process can publish it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from shanhai.errors import NotFoundError
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.runner import NodeResult
from shanhai.warehouse.sources import Pins


@dataclass(frozen=True)
class BuildResult:
    """A build that succeeded: the versions it read, what dbt did, and the scratch file with the marts.

    The scratch file is this build's until the next one starts; `identity` tells them apart.
    """

    identity: str
    pins: Pins
    results: tuple[NodeResult, ...]
    database: Path
    seconds: float

    @property
    def marts(self) -> tuple[str, ...]:
        """The tables to publish: models whose access is public, in alphabetical order."""
        return tuple(sorted(result.name for result in self.results if result.public))

    @property
    def warnings(self) -> tuple[NodeResult, ...]:
        """Tests that found something that does not end a build."""
        return tuple(result for result in self.results if result.status == "warn")


def keep_build(settings: Settings, result: BuildResult) -> None:
    """Replace the record by this build's.

    Raises:
        StoreError: the home cannot be written, or the disk is full.
    """
    record = {
        "identity": result.identity,
        "pins": dict(result.pins),
        "results": [asdict(node) for node in result.results],
        "database": result.database.as_posix(),
        "seconds": result.seconds,
    }
    file = _file(settings)
    fresh = file.with_suffix(f".{os.getpid()}")
    with disk_errors(file.parent):
        try:
            fresh.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)


def last_build(settings: Settings) -> BuildResult:
    """The last build that succeeded.

    Raises:
        NotFoundError: there is none in this home.
    """
    file = _file(settings)
    if not file.is_file():
        raise NotFoundError("nothing was built yet", given=settings.home, hint="shanhai build")
    record = json.loads(file.read_text(encoding="utf-8"))
    return BuildResult(
        identity=record["identity"],
        pins=record["pins"],
        results=tuple(
            NodeResult(**{**node, "reads": tuple(node.get("reads", ()))}) for node in record["results"]
        ),
        database=Path(record["database"]),
        seconds=record["seconds"],
    )


def _file(settings: Settings) -> Path:
    return settings.home / "scratch" / "build.json"
