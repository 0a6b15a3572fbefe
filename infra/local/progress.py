"""Watching the scheduler work until nothing is left to do, and saying so meanwhile."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from infra.local.airflow import Airflow
from infra.local.api import UNFINISHED, Api, Run
from infra.local.books import deliveries_by_verdict
from infra.local.problems import OutOfTimeError, ParsingError, ProcessDiedError
from shanhai.ingest.node import Node

_POLL_SECONDS = 1.0
_RARELY_SECONDS = 4.0
_LOOK_SECONDS = 5.0
_QUIET_POLLS = 2


@dataclass
class Progress:
    """One line about the state of affairs; rewritten on a terminal, printed on change elsewhere."""

    began: float = field(default_factory=time.monotonic)
    _shown: str = ""
    _at: float = 0.0

    @property
    def seconds(self) -> float:
        """Since the runner began."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(f"{self.seconds:6.1f} s  {text}", flush=True)

    def show(self, text: str) -> None:
        """The line that changes."""
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\x1b[2K{self.seconds:6.1f} s  {text}")
            sys.stdout.flush()
            self._shown = text
        elif text != self._shown and time.monotonic() - self._at >= _LOOK_SECONDS:
            print(f"{self.seconds:6.1f} s  {text}", flush=True)
            self._shown, self._at = text, time.monotonic()

    def _clear(self) -> None:
        if sys.stdout.isatty() and self._shown:
            sys.stdout.write("\r\x1b[2K")
            self._shown = ""


@dataclass
class Patience:
    """For how many minutes to wait while nothing ends; however long all of it takes."""

    minutes: float
    _moved: float = field(default_factory=time.monotonic)
    _seen: int | None = None

    def see(self, done: int) -> None:
        """Begin to wait anew when what is done, or what is left, is another number than before."""
        if done != self._seen:
            self._moved, self._seen = time.monotonic(), done

    def check(self) -> None:
        """Raises OutOfTimeError when it is over."""
        if time.monotonic() > self._moved + 60 * self.minutes:
            raise OutOfTimeError(self.minutes)


def wait_until_ready(
    airflow: Airflow, api: Api, expected: frozenset[str], progress: Progress, patience: Patience
) -> None:
    """Wait until Airflow is healthy and knows every DAG.

    Raises:
        ProcessDiedError: one of its processes ended.
        ParsingError: a DAG file does not parse.
        OutOfTimeError: for too long nothing ended.
    """
    while not api.healthy():
        _look_after(airflow, patience)
        progress.show("Airflow starts")
        time.sleep(0.3)
    api.log_in()
    while missing := expected - api.dags().keys():
        _look_after(airflow, patience)
        if errors := api.import_errors():
            raise ParsingError(errors)
        patience.see(len(missing))
        progress.show(f"{len(missing)} of {len(expected)} DAGs still to be read")
        time.sleep(0.5)


def wait_until_idle(
    airflow: Airflow, api: Api, node: Node, since: datetime, progress: Progress, patience: Patience
) -> list[Run]:
    """Wait until no run is queued or running, no calendar has a run due and no asset event is pending.

    Returns:
        The runs since `since` that failed.

    Raises:
        ProcessDiedError: one of Airflow's processes ended.
        OutOfTimeError: for too long nothing ended.
    """
    deliveries: Mapping[str, int] = Counter()
    looked, quiet = 0.0, 0
    while quiet < _QUIET_POLLS:
        _look_after(airflow, patience)
        counts = _counts(api, since)
        if "ended" in counts:
            patience.see(counts["ended"])
        busy = counts["queued"] + counts["running"] + counts["due"] + counts["events"]
        quiet = 0 if busy else quiet + 1
        if time.monotonic() - looked > _LOOK_SECONDS:
            deliveries, looked = deliveries_by_verdict(node), time.monotonic()
        progress.show(_line(counts, deliveries))
        # Each look keeps the API server busy, and a long run has better use for the processor.
        patient = min(_POLL_SECONDS + progress.seconds / 60, _RARELY_SECONDS)
        time.sleep(patient if busy else 0.3)
    return api.runs(state=["failed"], start_date_gte=since.isoformat())


def _counts(api: Api, since: datetime) -> Counter[str]:
    """Numbers of runs by state, of DAGs with a run due now (`due`), of events without a run (`events`).

    Of tasks that ended (`ended`) as well, which nobody knows while the API server does not answer.
    """
    try:
        counts = Counter({state: api.count(state=[state]) for state in UNFINISHED})
        for state in ("success", "failed"):
            counts[state] = api.count(state=[state], start_date_gte=since.isoformat())
        counts["events"] = api.pending_events()
        counts["ended"] = api.ended_tasks(since)
        counts["due"] = 0 if counts["queued"] + counts["running"] else len(api.due(datetime.now(UTC)))
    except httpx.HTTPError:
        return Counter({"running": 1})
    return counts


def _line(counts: Mapping[str, int], deliveries: Mapping[str, int]) -> str:
    runs = ", ".join(
        f"{counts[state]} {word}"
        for state, word in (
            ("success", "done"),
            ("running", "running"),
            ("queued", "queued"),
            ("failed", "failed"),
        )
        if counts[state] or state != "failed"
    )
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(deliveries.items()))
    return f"runs: {runs} · deliveries: {verdicts or 'none yet'}"


def _look_after(airflow: Airflow, patience: Patience) -> None:
    if dead := airflow.dead():
        raise ProcessDiedError(dead)
    patience.check()
