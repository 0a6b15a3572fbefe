"""Releases and ships in a child that kills itself at a named place, then once more in one that lives.

Run as a program: it forks before any library has threads. The order comes as JSON on standard input.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from killed_in import ended
from killed_orders import ordered

from shanhai.courier import outbox, partners, releasing, sets, shipping
from shanhai.courier.database import open_state
from shanhai.courier.planning import Ask
from shanhai.ingest.node import open_node


def main() -> None:
    """For each place: copy the home, be killed there, run again; print how each run ended."""
    order = json.load(sys.stdin)
    told = []
    for number, place in enumerate(order["places"]):
        home = Path(order["folder"]) / str(number)
        shutil.copytree(order["home"], home)
        relay = home.with_name(f"{number}-relay")
        relay.mkdir()
        with contextlib.closing(open_state(home)) as connection:
            connection.execute("UPDATE partner SET relay = ?", (relay.as_uri(),))
        work = functools.partial(_work, home, order)
        told.append({"place": place, "ended": [ended(work, place), ended(work, None)]})
    print(json.dumps(told))


def _work(home: Path, order: dict[str, Any]) -> None:
    node, settings = ordered(order, home)
    with node.desk() as desk:
        releasing.release(desk, open_node(settings), Ask("acity.events", "longyou"))
        partner = partners.named(desk.connection, "longyou")
    shipping.ship(home, settings, partner, now=desk.now)


def left(home: Path) -> dict[str, Any]:
    """What a home holds of its releases, for a test to judge."""
    with contextlib.closing(open_state(home)) as connection:
        (partner,) = partners.every(connection)
        messages = outbox.of_pairing(connection, partner.pairing)
        kept = sets.sealed(connection)
        unfinished = sets.unfinished(connection)
    return {"partner": partner, "messages": messages, "sets": kept, "unfinished": unfinished}


if __name__ == "__main__":
    main()
