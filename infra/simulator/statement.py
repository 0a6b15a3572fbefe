"""The simulator's statement: the truth of every delivery, with the digest of its file where it is one."""

from __future__ import annotations

import hashlib
from typing import Any

from infra.simulator import catalogue, systems
from infra.simulator.deliveries import SEED, WINDOWS


def statement() -> dict[str, Any]:
    """`{"generated": …, "windows": […], "totals": {…}, "deliveries": […]}`.

    Each delivery is an `Expectation` as a mapping, with `file` and `sha256` added: the path and the digest
    of the bytes, both None for a delivery of several pages.
    """
    deliveries = []
    for line in catalogue.truth():
        file = systems.file_of(line.dataset, line.name)
        digest = hashlib.sha256(systems.file_bytes(line.dataset, line.name)).hexdigest() if file else None
        deliveries.append({**line.as_dict(), "file": file, "sha256": digest})
    counts = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")
    return {
        "generated": "invented data; no person, firm or event in it is real",
        "seed": SEED,
        "windows": list(WINDOWS),
        "totals": {name: sum(line[name] for line in deliveries) for name in counts},
        "deliveries": deliveries,
    }
