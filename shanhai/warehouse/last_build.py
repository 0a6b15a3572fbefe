"""The record of the last build that succeeded, so that another process can publish it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from shanhai.errors import NotFoundError
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.build import BuildResult
from shanhai.warehouse.runner import NodeResult


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
