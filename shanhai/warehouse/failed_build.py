"""The versions on which a model or a test failed last, so that nothing but a person tries them again."""

from __future__ import annotations

import json
import os
from pathlib import Path

from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.sources import Pins


def keep_failed(settings: Settings, pins: Pins) -> None:
    """Remember what a build read that failed.

    Raises:
        StoreError: the home cannot be written, or the disk is full.
    """
    file = _file(settings)
    fresh = file.with_suffix(f".{os.getpid()}")
    with disk_errors(file.parent):
        try:
            fresh.write_text(json.dumps(dict(pins), indent=1) + "\n", encoding="utf-8")
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)


def failed_pins(settings: Settings) -> Pins:
    """The versions by table, as they were kept; none where no build has failed."""
    try:
        found: dict[str, int] = json.loads(_file(settings).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _file(settings: Settings) -> Path:
    return settings.home / "scratch" / "failed.json"
