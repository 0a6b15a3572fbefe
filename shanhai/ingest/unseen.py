"""Whether the lake has commits that no build has seen: then the marts have to follow."""

from __future__ import annotations

from shanhai.contracts.federation import Federation
from shanhai.errors import NotFoundError
from shanhai.settings import Settings
from shanhai.warehouse.failed_build import failed_pins
from shanhai.warehouse.last_build import last_build
from shanhai.warehouse.sources import LEDGER, Pins, pin


def unseen(settings: Settings, federation: Federation) -> list[str]:
    """The datasets whose table is at a version that no build has come to an end with.

    A build that failed has seen its versions too: trying the same again is left to a person. One that was
    killed has not.

    Raises:
        StoreError: a table cannot be read.
    """
    built, failed = _built(settings), failed_pins(settings)
    return [
        table
        for table, version in pin(settings, federation).items()
        if table != LEDGER and version > max(built.get(table, 0), failed.get(table, 0))
    ]


def _built(settings: Settings) -> Pins:
    try:
        return last_build(settings).pins
    except NotFoundError:
        return {}
