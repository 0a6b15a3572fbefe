"""Releases and ships in a child that kills itself at a named place, then once more in one that lives.

Run as a program: it forks before any library has threads. The order comes as JSON on standard input.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from shanhai.clock import system_clock
from shanhai.courier import outbox, partners, releasing, sets, shipping
from shanhai.courier.database import open_state
from shanhai.courier.desk import Desk
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.planning import Ask
from shanhai.courier.speaking import Speaker
from shanhai.exchange.secret import Secret
from shanhai.ingest.node import open_node
from shanhai.keyring.holdings import Holdings
from shanhai.settings import read_settings


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
        told.append({"place": place, "ended": [_child(home, order, place), _child(home, order, None)]})
    print(json.dumps(told))


def _child(home: Path, order: dict[str, Any], place: str | None) -> int:
    """How a child ended that works until it reaches the place: its exit code, or minus a signal."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        if place is not None:
            sys.setprofile(_killer(place))
        _work(home, order)
        code = 0
    except Exception:  # noqa: BLE001 -- told to the test, which asserts how the child ended
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(home: Path, order: dict[str, Any]) -> None:
    keyring = keyring_of(home)
    holdings = Holdings.read(Secret(base64.b64decode(order["holdings"])))
    now = system_clock().replace(microsecond=0)
    settings = read_settings(home=home, federation=order["federation"], free_disk_bytes=0)
    with contextlib.closing(open_state(home)) as connection:
        desk = Desk(home, connection, Speaker(keyring.keyset(), keyring.envelope, holdings, now), "Li Wei")
        releasing.release(desk, open_node(settings), Ask("acity.events", "longyou"))
        partner = partners.named(connection, "longyou")
    shipping.ship(home, settings, partner, now=now)


def _killer(place: str) -> Any:
    """Kills this process before or after a function: `<module>:<qualified name>:before|after`."""
    module, name, when = place.split(":")
    wanted = "call" if when == "before" else "return"

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == wanted and frame.f_code.co_qualname == name and frame.f_globals["__name__"] == module:
            os.kill(os.getpid(), signal.SIGKILL)

    return look


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
