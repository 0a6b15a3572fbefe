"""The files of a set parsed in cells, two at a time; the rows come in the order of the files."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shanhai.courier.cell import Cell, Job, most_bytes, parse, rows_of
from shanhai.courier.fetching import verified
from shanhai.courier.progress import Tell, metered, silent
from shanhai.exchange.failures import Refused
from shanhai.exchange.sets import SetFile
from shanhai.storage.disk import require_room

if TYPE_CHECKING:
    import pyarrow as pa

_LANES = 2


@dataclass(frozen=True)
class Room:
    """What opening one parcel may take of this node, whatever its sender declared, and who is told of it.

    Attributes:
        keep_free_bytes: to leave on the disk.
        bytes: of the rows of all its files as Arrow streams.
        seconds: for which its files are parsed, together.
        tell: is told how many of the declared rows were gone through.
    """

    keep_free_bytes: int
    bytes: int
    seconds: float
    tell: Tell = silent


def batches_of(
    jobs: Sequence[tuple[SetFile, Job]], folder: Path, room: Room
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of all files in a private folder; at least one batch of each, which may be empty.

    A file after the next is parsed when the rows of the first have been gone through, so there are never
    the rows of more than two on the disk. To be closed: then no cell runs any more.

    Raises:
        Refused, DiskFullError, ConfigurationError: as of `opening.open_set`.
    """
    if sum(most_bytes(job) for _, job in jobs) > room.bytes:
        raise Refused("parser-memory")
    at_once = sorted(most_bytes(job) for _, job in jobs)[-_LANES:]
    require_room(folder, sum(at_once) + room.keep_free_bytes)
    lanes = _Lanes(folder, room, min(_LANES, len(jobs)))
    declared = sum(job.declared.rows for _, job in jobs)
    with metered(room.tell, "rows opened", declared) as add, ThreadPoolExecutor(_LANES) as pool:
        try:
            waiting = iter(enumerate(jobs))
            under_way: deque[tuple[Job, Future[BinaryIO]]] = deque()
            for number, (one, job) in islice(waiting, _LANES):
                under_way.append((job, pool.submit(lanes.parsed, number, one, job)))
            while under_way:
                job, parsed = under_way.popleft()
                with lanes.result(parsed) as out:
                    for batch in _rows(out, job):
                        add(batch.num_rows)
                        yield batch
                for number, (one, job) in islice(waiting, 1):
                    under_way.append((job, pool.submit(lanes.parsed, number, one, job)))
        finally:
            lanes.close()
            for _, parsed in under_way:
                parsed.add_done_callback(_closed)


class _Lanes:
    """Cells in lanes; each lane has its part of the seconds, and the first file that fails ends all."""

    def __init__(self, folder: Path, room: Room, lanes: int) -> None:
        self._folder, self._keep_free_bytes = folder, room.keep_free_bytes
        self._seconds = [room.seconds / lanes] * lanes
        self._stop = threading.Event()
        self._failing = threading.Lock()
        self._failed: BaseException | None = None

    def parsed(self, number: int, one: SetFile, job: Job) -> BinaryIO:
        """The rows of a file as a cell wrote them, in a file that has no name."""
        out = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - it is handed on
        try:
            with verified(self._folder / one.name, one) as file:
                self._parse(number, file, out, job)
        except BaseException as error:
            out.close()
            self._fail(error)
            raise
        return out

    def result(self, parsed: Future[BinaryIO]) -> BinaryIO:
        """What `parsed` gave; where it failed, or was ended by another file that did, that file's error."""
        if (error := parsed.exception()) is not None:
            raise self._failed or error
        return parsed.result()

    def _fail(self, error: BaseException) -> None:
        with self._failing:
            self._failed = self._failed or error
        self._stop.set()

    def _parse(self, number: int, file: BinaryIO, out: BinaryIO, job: Job) -> None:
        """Parse one file; a full disk of ours is not the partner's fault."""
        lane = number % len(self._seconds)
        most, left = most_bytes(job), self._seconds[lane]
        if left <= 0:
            raise Refused("parser-hang")
        needed = most + self._keep_free_bytes
        if number >= len(self._seconds):
            require_room(self._folder, needed)
        begun = time.monotonic()
        cell = Cell(output_bytes=most, seconds=min(Cell().seconds, left))
        try:
            parse(file, out, job, cell=cell, stop=self._stop)
        except Refused as refusal:
            if refusal.code in ("parser-abort", "parser-memory"):
                # Somebody else may have filled it meanwhile, and in the cell that looks like this.
                require_room(self._folder, needed)
            raise
        finally:
            self._seconds[lane] -= time.monotonic() - begun

    def close(self) -> None:
        """End every cell that still runs."""
        self._stop.set()


def _closed(parsed: Future[BinaryIO]) -> None:
    if not parsed.cancelled() and parsed.exception() is None:
        parsed.result().close()


def _rows(out: BinaryIO, job: Job) -> Iterator[pa.RecordBatch]:
    """What a cell wrote; at least one batch, which may be empty."""
    none = True
    for batch in rows_of(out, job):
        none = False
        yield batch
    if none:
        yield _no_rows(out)


def _no_rows(out: BinaryIO) -> pa.RecordBatch:
    """An empty batch of the columns of a stream that `rows_of` has gone through."""
    import pyarrow as pa

    out.seek(0)
    with pa.ipc.open_stream(out) as stream:
        empty = [pa.array([], one.type) for one in stream.schema]
        return pa.RecordBatch.from_arrays(empty, schema=stream.schema)
