"""A run that Airflow ends because it took too long leaves a state from which the next one finishes."""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa
import pytest
from received_parcels import left_by_receiving, rows
from sent_parcels import grant_of, parcel_of, received, say, seal, upload
from two_nodes import NodeHome, Two, confirmed, copied

from shanhai.audit.database import transaction

PARTS = 4
ROWS = 50_000


@pytest.fixture
def sent(nodes: Two, tmp_path: Path) -> Two:
    """A grant, and two parcels of one set, are at the relay."""
    two = copied(nodes, tmp_path)
    confirmed(two)
    grant = grant_of(two)
    columns = {name: list(range(ROWS)) for name in ("id", "n", "note")}
    sealed = seal(two.longyou, pa.table(columns))
    say(two.longyou, "gongshu", grant)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    for _ in range(2):
        say(two.longyou, "gongshu", *parcel_of(sealed, grant))
    upload(two.longyou, "gongshu", sealed)
    return two


def outcome(node: NodeHome) -> dict[str, Any]:
    found = [(row.digest, row.state, row.code, row.opened_file, row.opened_sha256) for row in rows(node)]
    return {"rows": found, **left_by_receiving(node)}


class TimedOutError(BaseException):
    """As `AirflowTaskTimeout`, no `Exception`: who catches all of those does not catch it."""


def timed_out(seconds: float, run: Callable[[], object]) -> bool:
    """Whether an alarm ended a run, as Airflow ends a task: wherever its main thread is just then."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise TimedOutError

    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        run()
    except TimedOutError:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return False


def test_receiving_that_took_too_long_is_finished_by_the_next_run(sent: Two, tmp_path: Path):
    took, expected = math.inf, {}
    # The first one imports, and either may be held up by what else the machine does.
    for number in range(2):
        node = copied(sent, tmp_path / f"clean_{number}").gongshu
        began = time.monotonic()
        received(node, "longyou")
        took, expected = min(took, time.monotonic() - began), outcome(node)
    assert [row[1].value for row in expected["rows"]] == ["taken", "taken", "opened", "opened"]
    for part in range(1, PARTS):
        node = ended_at(part, took, sent, tmp_path)
        assert received(node, "longyou").stopped is None, part
        assert outcome(node) == expected, part


def ended_at(part: int, took: float, sent: Two, folder: Path) -> NodeHome:
    """A node whose receiving was ended after a part of the time that it takes.

    What was done before its time was up is a measure of how quick the machine is by now.
    """
    for number in itertools.count():
        node = copied(sent, folder / f"ended_{part}_{number}").gongshu
        began = time.monotonic()
        if timed_out(took * part / PARTS, lambda node=node: received(node, "longyou")):
            return node
        took = time.monotonic() - began
    raise AssertionError("it counts on")
