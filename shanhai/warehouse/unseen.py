"""Whether the lake has commits that no build has tried: then the marts have to follow."""

from __future__ import annotations

import json
import os
from pathlib import Path

from shanhai.contracts.federation import Federation
from shanhai.settings import Settings
from shanhai.warehouse.sources import LEDGER, Pins, pin


def keep_attempt(settings: Settings, pins: Pins) -> None:
    """Remember the versions that a build begins with, whatever becomes of it."""
    file = _file(settings)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(dict(pins), indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)


def unseen(settings: Settings, federation: Federation) -> list[str]:
    """The datasets whose table is at a version that no build has begun with.

    A build that failed has seen its versions too: trying the same again is left to a person.

    Raises:
        StoreError: a table cannot be read.
    """
    try:
        seen: Pins = json.loads(_file(settings).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        seen = {}
    present = pin(settings, federation)
    return [table for table, version in present.items() if table != LEDGER and version > seen.get(table, 0)]


def _file(settings: Settings) -> Path:
    return settings.home / "scratch" / "attempt.json"
