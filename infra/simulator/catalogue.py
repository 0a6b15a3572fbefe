"""All simulated datasets, generated when first asked for and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from infra.simulator.datasets import (
    gongshu_catalogue,
    gongshu_events,
    gongshu_grids,
    gongshu_heartbeats,
    gongshu_noise,
    longyou_events,
    longyou_hazards,
    longyou_water,
    zhaohua_buildings,
    zhaohua_events,
    zhaohua_villages,
)
from infra.simulator.deliveries import Dataset
from infra.simulator.truth import Expectation, expectations

_MAKERS: Mapping[str, Callable[[], Dataset]] = MappingProxyType(
    {
        module.NAME: module.dataset
        for module in (
            gongshu_events,
            gongshu_noise,
            gongshu_heartbeats,
            gongshu_grids,
            gongshu_catalogue,
            longyou_events,
            longyou_water,
            longyou_hazards,
            zhaohua_events,
            zhaohua_villages,
            zhaohua_buildings,
        )
    }
)
NAMES = tuple(_MAKERS)

_made: dict[str, Dataset] = {}
_lock = threading.Lock()


def dataset(name: str) -> Dataset:
    """One dataset; the same object at every call.

    Raises:
        KeyError: no such dataset.
    """
    with _lock:
        if name not in _made:
            _made[name] = _MAKERS[name]()
        return _made[name]


def generate(name: str) -> Dataset:
    """One dataset, generated anew."""
    return _MAKERS[name]()


def truth() -> list[Expectation]:
    """What the ledger must say of every delivery, datasets in the order of `NAMES`."""
    return [line for name in NAMES for line in expectations(dataset(name))]
