"""The files of a set in cells: rows in their order, two at a time, and an end for all when one is bad."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from parsers import inside
from sealing import Sealed, sealed

from shanhai.courier.cell import Job, most_bytes
from shanhai.courier.cells import Room, batches_of
from shanhai.errors import DiskFullError
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile

ROWS = 5000
ROOM = Room(keep_free_bytes=0, bytes=1 << 34, seconds=600)


@pytest.fixture(scope="module")
def made() -> Sealed:
    """A set of several files."""
    table = pa.table({"a": [f"value {n}" for n in range(ROWS)], "n": list(range(ROWS))})
    some = sealed(table.to_batches(max_chunksize=500), most_bytes=20_000, group_bytes=16_000)
    assert len(some.files) > 4
    return some


def jobs_of(made: Sealed, folder: Path) -> list[tuple[SetFile, Job]]:
    jobs = []
    for file, content in zip(made.files, made.contents, strict=True):
        (folder / file.name).write_bytes(content)
        declared = Declared(file.rows, file.decoded, made.columns)
        jobs.append(
            (SetFile(file.sha256, file.size), Job(file.size, list(made.columns), made.keys, declared))
        )
    return jobs


def test_rows_come_in_the_order_of_the_files_and_leave_nothing(made: Sealed, tmp_path: Path):
    jobs = jobs_of(made, tmp_path)
    rows = pa.Table.from_batches(batches_of(jobs, tmp_path, ROOM))
    assert rows.column("c0001").to_pylist() == list(range(ROWS))
    assert {path.name for path in tmp_path.iterdir()} == {one.name for one, _ in jobs}
    assert inside() == []


@pytest.mark.parametrize("bad", [0, 1])
def test_one_bad_file_ends_the_cell_of_the_other_at_once(made: Sealed, tmp_path: Path, bad: int):
    jobs = jobs_of(made, tmp_path)
    together: list[int] = []

    def hit() -> None:
        found = sorted(inside(), key=lambda one: one.pid)
        together.extend(one.pid for one in found)
        found[1 - bad].send_signal(signal.SIGSTOP)
        found[bad].send_signal(signal.SIGABRT)

    once_two_run(hit)
    begun = time.monotonic()
    with pytest.raises(Refused, match="parser-abort"):
        list(batches_of(jobs, tmp_path, ROOM))
    assert len(together) == 2
    assert time.monotonic() - begun < 30
    assert inside() == []


def test_whoever_wants_no_more_ends_the_cells(made: Sealed, tmp_path: Path):
    with closing(batches_of(jobs_of(made, tmp_path), tmp_path, ROOM)) as batches:
        next(batches)
    assert inside() == []


def test_all_files_together_have_the_seconds(made: Sealed, tmp_path: Path):
    """Each of two lanes has half of them, so that two at a time are not twice as many."""
    stopped: list[float] = []

    def stop() -> None:
        for one in inside():
            one.send_signal(signal.SIGSTOP)
        stopped.append(time.monotonic())

    once_two_run(stop)
    begun = time.monotonic()
    with pytest.raises(Refused, match="parser-hang"):
        list(batches_of(jobs_of(made, tmp_path), tmp_path, replace(ROOM, seconds=14)))
    ended = time.monotonic()
    assert ended - begun > 6.9
    assert ended - stopped[0] < 13.5


def test_there_must_be_room_for_the_rows_of_two(made: Sealed, tmp_path: Path):
    jobs = [
        (one, replace(job, declared=replace(job.declared, decoded=1 << 30)))
        for one, job in jobs_of(made, tmp_path)
    ]
    free, most = shutil.disk_usage(tmp_path).free, most_bytes(jobs[0][1])
    with pytest.raises(DiskFullError):
        next(batches_of(jobs, tmp_path, replace(ROOM, keep_free_bytes=free - 3 * most // 2)))
    with closing(batches_of(jobs, tmp_path, replace(ROOM, keep_free_bytes=free - 3 * most))) as batches:
        assert next(batches).num_rows


def test_a_job_that_is_larger_than_a_pipe_reaches_cells_that_begin_late(made: Sealed, tmp_path: Path):
    """As of a set with hundreds of columns, at a node that has much else to do."""
    others = {f"other {number}": Secret.random() for number in range(2000)}
    jobs = [(one, replace(job, keys={**job.keys, **others})) for one, job in jobs_of(made, tmp_path)]
    late: list[psutil.Process] = []

    def keep_from_reading() -> None:
        late.extend(inside())
        for one in late:
            one.send_signal(signal.SIGSTOP)
        time.sleep(1)
        for one in late:
            one.send_signal(signal.SIGCONT)

    once_two_run(keep_from_reading)
    rows = pa.Table.from_batches(batches_of(jobs[:2], tmp_path, ROOM))
    assert rows.num_rows == sum(one.rows for one in made.files[:2])
    assert len(late) == 2


def once_two_run(call: Callable[[], None]) -> None:
    def wait() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if len(inside()) == 2:
                call()
                return
            time.sleep(0.005)

    threading.Thread(target=wait, daemon=True).start()
