"""Everything that runs for one home, started and stopped together."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from infra.local import sources
from infra.local.airflow import Airflow, prepare, start_airflow
from infra.local.api import Api
from infra.local.configuration import password
from infra.local.keeper import start_keeper
from infra.local.layout import Layout
from infra.local.lock import clear_record, write_record
from infra.local.processes import Started, stop
from infra.local.progress import Progress
from shanhai.errors import BusyError


class Running:
    """The processes of one home, stopped together whatever happens."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._mode = "run"
        self.address = ""
        self.processes: list[Started] = []

    def start(
        self,
        data: Path | None,
        progress: Progress,
        *,
        parse_every: int,
        mode: str = "run",
        meanwhile: Callable[[], None] = lambda: None,
    ) -> tuple[Airflow, Api]:
        """Start Airflow, and the simulated districts when there is no folder of `data`; record them.

        `meanwhile` is called beside the slow beginning, and has returned before any DAG is read.
        """
        self._mode = mode
        if data is None:
            simulator = self._add(sources.start_simulator(self._layout))
            progress.say("simulated districts start")
        progress.show("metadata database")
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(meanwhile)
            prepare(self._layout)
            beside.result()
        airflow = start_airflow(self._layout, parse_every=parse_every, started=self._add)
        self.address = airflow.address
        self._record()
        if data is None:
            sources.use_simulator(self._layout, simulator)
        else:
            sources.use_folder(self._layout, data)
        progress.say(f"Airflow starts at {airflow.address}")
        return airflow, Api(airflow.address, password(self._layout))

    def keep(self) -> None:
        """Let a keeper look after all that was started, from now on."""
        self._add(start_keeper(self._layout))

    @contextmanager
    def guarded(self) -> Iterator[Running]:
        """Stop all processes at the end, also after Ctrl-C or SIGTERM.

        Raises:
            BusyError: a process could not even be killed.
        """
        with _signals_as_interrupt():
            try:
                yield self
            finally:
                self.stop()

    def stop(self) -> None:
        """Stop what was started; nothing interrupts this."""
        with _signals_ignored():
            left = stop(self.processes)
            clear_record(self._layout)
        if left:
            raise BusyError(
                "processes are left", given=", ".join(str(one.pid) for one in left), hint="end them by hand"
            )

    def _add(self, process: Started) -> Started:
        self.processes.append(process)
        self._record()
        return process

    def _record(self) -> None:
        write_record(self._layout, self._mode, self.address, self.processes)


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    def interrupt(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handling(interrupt):
        yield


@contextmanager
def _signals_ignored() -> Iterator[None]:
    with _handling(signal.SIG_IGN):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
