"""What keeps Airflow up while nobody looks: one of its processes that has died is started again, and told.

It lives beside Airflow between `up` and `down`, which ends it first. Nobody keeps the keeper itself: where it
has died, `up` starts another one.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from infra.local.airflow import NAMES, previous_log, start_process
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import read_record, write_record
from infra.local.processes import DEATH_SECONDS, Started, start, stop
from shanhai.errors import ConfigurationError
from shanhai.notify import notify
from shanhai.settings import load_settings

NAME = "keeper"
LOOK_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 600.0
STEADY_SECONDS = 600.0
"""What has lived so long before it died is started after the first pause again."""
_MOST_DOUBLED = 20
_GRACE_SECONDS = 5.0
END_SECONDS = _GRACE_SECONDS + DEATH_SECONDS + 10.0
"""How long the keeper may take to end: no step of a look ends halfway, and what it started is recorded."""
_NAP_SECONDS = 0.1
_log = logging.getLogger("infra.local.keeper")


@dataclass
class _Falls:
    """How often a process died without having lived long, and when it may be started again.

    Both times are those of a clock that never goes back, in seconds.
    """

    count: int = 0
    began: float = float("-inf")
    due: float | None = None

    def fell(self, now: float) -> float:
        """When to start it again: after a pause that doubles each time."""
        if self.due is None:
            self.count = 1 if now - self.began > STEADY_SECONDS else self.count + 1
            doubled = min(self.count - 1, _MOST_DOUBLED)
            self.due = now + min(FIRST_PAUSE_SECONDS * 2**doubled, LONGEST_PAUSE_SECONDS)
        return self.due

    def begin(self, now: float) -> None:
        self.began, self.due = now, None


class Keeper:
    """Looks after the processes that the record of a home names.

    Args:
        layout: the home.
        start_again: starts one of Airflow's processes by its name, as it was started at first.
        tell: is given each that was dead and has been started again.
        asked: no longer empty once somebody asked for the end: nothing is begun then.
    """

    def __init__(
        self,
        layout: Layout,
        start_again: Callable[[str], Started],
        tell: Callable[[Started], object],
        asked: Sequence[int] = (),
    ) -> None:
        self._layout, self._start_again, self._tell, self._asked = layout, start_again, tell, asked
        self._falls = {name: _Falls() for name in NAMES}

    def look(self) -> None:
        """Start again what has died and whose pause is over.

        What the dead one left running ends at once: its tasks are tried again by Airflow.

        Raises:
            OSError: there is no room, or no process could be made. What the record does not name was stopped.
        """
        record = read_record(self._layout)
        for process in record.processes if record else ():
            if self._asked:
                return
            falls = self._falls.get(process.name)
            if falls is None or process.alive():
                continue
            if falls.due is None:
                # Not after the pause: the session may be of somebody else by then.
                stop([process], grace=_GRACE_SECONDS)
            if time.monotonic() >= falls.fell(time.monotonic()):
                self._replace(process)
                falls.begin(time.monotonic())
                self._tell(process)

    def _replace(self, dead: Started) -> None:
        record = read_record(self._layout)
        if record is None:
            return
        fresh = self._start_again(dead.name)
        processes = [fresh if one == dead else one for one in record.processes]
        try:
            write_record(self._layout, record.mode, record.address, processes)
        except OSError:
            stop([fresh], grace=_GRACE_SECONDS)
            raise


def start_keeper(layout: Layout) -> Started:
    """Start a keeper of what the record names."""
    return start(
        NAME,
        [sys.executable, "-m", "infra.local.keeper"],
        environment=environment(layout),
        folder=REPOSITORY,
        log=layout.logs / f"{NAME}.log",
    )


def main() -> int:
    """Keep what the record of `SHANHAI_HOME` names, until SIGTERM.

    Raises:
        ConfigurationError: nothing is up there.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    layout = Layout(home=settings.home, federation=settings.federation)
    # No event: its handler would wait for a lock that the thread that it interrupts holds.
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    record = read_record(layout)
    port = urlsplit(record.address).port if record else None
    if port is None:
        raise ConfigurationError("nothing is up in this home", given=layout.home, hint="make up")
    keeper = Keeper(
        layout,
        lambda name: start_process(layout, name, port),
        lambda dead: notify(settings, "restarted", process=dead.name, log=previous_log(dead.log).as_posix()),
        asked,
    )
    while _waited(asked) and _looked(layout, keeper):
        pass
    return 0


def _waited(asked: Sequence[int]) -> bool:
    """Wait from one look to the next; returns whether nobody has asked for the end."""
    until = time.monotonic() + LOOK_SECONDS
    while not asked and time.monotonic() < until:
        time.sleep(_NAP_SECONDS)
    return not asked


def _looked(layout: Layout, keeper: Keeper) -> bool:
    """Look; returns whether there is anything to keep, as far as it is known.

    What fails is tried again by the next look, since nobody keeps the keeper.
    """
    try:
        record = read_record(layout)
        if record is None:
            return False
        # `up` records it after it has begun: until then the record would lose it again.
        if any(process.pid == os.getpid() for process in record.processes):
            keeper.look()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error) as error:
        _log.error("look_failed error=%s: %s", type(error).__name__, error)
    return True


if __name__ == "__main__":
    sys.exit(main())
