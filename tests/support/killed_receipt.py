"""Receives or admits in a child that kills itself at a named place, then once more in one that lives.

Run as a program: it forks before any library has threads. The order comes as JSON on standard input.
"""

from __future__ import annotations

import functools
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from killed_in import ended
from killed_orders import ordered

from shanhai.courier.admitting import admit
from shanhai.courier.receiving import receive_from
from shanhai.ingest.node import open_node

_IMPORTED = ("deltalake", "duckdb", "great_expectations", "pyarrow.dataset")
"""Once, by the process that all others are copies of."""


def main() -> None:
    """For each place, and for none: copy the home, be killed there, run again; print how each run ended."""
    order = json.load(sys.stdin)
    for name in _IMPORTED:
        importlib.import_module(name)
    told = []
    for number, place in enumerate([None, *order["places"]]):
        home = Path(order["folder"]) / str(number)
        shutil.copytree(order["home"], home)
        work = functools.partial(_work, home, order)
        killed = [] if place is None else [ended(work, place)]
        told.append({"place": place, "home": str(home), "ended": [*killed, ended(work, None)]})
    print(json.dumps(told))


def _work(home: Path, order: dict[str, Any]) -> None:
    node, settings = ordered(order, home)
    with node.desk("system") as desk:
        if order["work"] == "receive":
            done = receive_from(desk, settings, "longyou")
            if done.stopped is not None:
                raise done.stopped
        else:
            admit(desk, open_node(settings))


if __name__ == "__main__":
    main()
