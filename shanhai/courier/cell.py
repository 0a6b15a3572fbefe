"""Parse a stranger's Parquet file in a process that can do nothing else and may die."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from shanhai.courier.arrow_stream import read_stream
from shanhai.courier.confine import UNABLE, Limits
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import FAILURES, Refused, Stage
from shanhai.exchange.parquet.decrypt import LEAST_ROWS, Declared
from shanhai.exchange.parquet.profile import MOST_CHUNKS, MOST_ROW_BYTES
from shanhai.exchange.secret import Secret

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_RESULT = 1 << 20
_STREAM_BYTES = 64 << 20
"""What an Arrow stream may take beside its values and a half more: validity, padding, messages."""
_LOOK_SECONDS = 0.25
"""After which it is looked whether anybody still wants the rows."""
_OF_FILES = (Stage.SET, Stage.CONTENTS)
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    # Both keep the address space near what is really used, so that its limit means something.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
}


@dataclass(frozen=True)
class Cell:
    """Limits of one parse.

    Attributes:
        memory_bytes: address space of the process; about 500 MiB are its own.
        seconds: wall time, and the same of processor time.
        output_bytes: of the rows as an Arrow stream.
    """

    memory_bytes: int = 2 << 30
    seconds: float = 900.0
    output_bytes: int = 64 << 30


@dataclass(frozen=True)
class Parsed:
    """What came out.

    Attributes:
        rows: written.
        asked: ids of the keys that the file asked for.
    """

    rows: int
    asked: frozenset[str]


@dataclass(frozen=True)
class Job:
    """Which columns of a file are to be read, with which keys, and what was declared of it."""

    size: int
    columns: Sequence[str]
    keys: Mapping[str, Secret]
    declared: Declared


def parse(
    file: BinaryIO,
    out: BinaryIO,
    job: Job,
    *,
    cell: Cell | None = None,
    stop: threading.Event | None = None,
) -> Parsed:
    """Write the granted columns of `file` into `out`, both open files of the system, as an Arrow IPC stream.

    `file` must be a private copy whose digest was verified through this same open file. What holds: the
    process gets no other file, nothing secret by argument or environment, and its keys through a pipe;
    memory, time and output are limited; there is no core dump, and no other process of the user may read its
    memory; a filter of system calls, which needs no privilege, leaves no socket, no opening of files, no
    programs, no threads, no new code, no signals to others. What does not: a fault of the kernel in an
    allowed call is not contained, and a captured parser may write any rows of the declared number, so `out`
    is a stranger's Arrow stream: `rows_of` reads it.

    Args:
        stop: when it is set, the process is killed, as if it had aborted.

    Raises:
        Refused: what was found, or `parser-abort`, `parser-hang`, `parser-memory`, all at stage contents.
            `out` is empty then.
        ConfigurationError: this system cannot confine a process; nothing was parsed.
    """
    cell = cell or Cell()
    try:
        parsed = _run(file, out, job, cell, stop or threading.Event())
    except BaseException:
        out.seek(0)
        out.truncate()
        raise
    return parsed


def most_bytes(job: Job) -> int:
    """Of the rows as an Arrow stream, by what was declared of them."""
    return job.declared.decoded + job.declared.decoded // 2 + _STREAM_BYTES


def _most_batches(job: Job) -> int:
    """That a cell writes: one of each row group, more by its rows, and the halves of those of large rows."""
    of_halves = job.declared.decoded // (MOST_ROW_BYTES // 64)
    return MOST_CHUNKS + job.declared.rows // LEAST_ROWS + of_halves


def rows_of(out: BinaryIO, job: Job) -> Iterator[pa.RecordBatch]:
    """The rows that a cell wrote, each batch bounded, counted and validated before anything looks at a value.

    Raises:
        Refused: `dictionary-bomb`: there are more bytes than were declared; `parser-abort`: they are not an
            Arrow stream of the granted columns with the declared rows. Both at stage contents.
    """
    columns = [(name, job.declared.columns[name]) for name in job.columns]
    rows = 0
    limits = {"most_bytes": most_bytes(job), "most_batches": _most_batches(job)}
    for batch in read_stream(out, columns, **limits):
        rows += batch.num_rows
        yield batch
    if rows != job.declared.rows:
        _refuse("parser-abort")


def _run(file: BinaryIO, out: BinaryIO, job: Job, cell: Cell, stop: threading.Event) -> Parsed:
    result = _result()
    closed, closes = os.pipe()
    try:
        try:
            process = _start(file, out, (result, closes), cell)
        finally:
            os.close(closes)
        handing = threading.Thread(target=_hand, args=(process, _job(job)), daemon=True)
        handing.start()
        try:
            _wait(process, cell.seconds, stop)
        finally:
            process.kill()
            process.wait()
            # Nobody is left who could keep it waiting.
            handing.join()
        # What was written into a pipe cannot be taken back by whoever captures the parser later.
        sealed = os.read(closed, 1) != b""
        return _read(_told(process.returncode, result), job, sealed=sealed)
    finally:
        os.close(result)
        os.close(closed)


def _hand(process: subprocess.Popen[bytes], told: bytes) -> None:
    """Hand the job over, however slowly the process takes it; one that died takes none."""
    if process.stdin is None:
        raise AssertionError("it was started with a pipe")
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(told)


def _wait(process: subprocess.Popen[bytes], seconds: float, stop: threading.Event) -> None:
    """Wait for the end, so long as anybody wants it."""
    end = time.monotonic() + seconds
    while not stop.is_set():
        left = end - time.monotonic()
        try:
            process.wait(timeout=max(0.0, min(left, _LOOK_SECONDS)))
        except subprocess.TimeoutExpired:
            if left <= _LOOK_SECONDS:
                _refuse("parser-hang")
        else:
            return
    _refuse("parser-abort")


def _result() -> int:
    """Memory of a fixed size for what the process says at its end: no limit of a process counts it."""
    result = os.memfd_create("result", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(result, _MOST_RESULT)
    fcntl.fcntl(result, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return result


def _start(file: BinaryIO, out: BinaryIO, answers: tuple[int, int], cell: Cell) -> subprocess.Popen[bytes]:
    limits = Limits(cell.memory_bytes, math.ceil(cell.seconds) + 1, cell.output_bytes)
    file.seek(0)
    handed = (file.fileno(), out.fileno(), *answers)
    numbers = (*handed, os.getpid(), limits.memory_bytes, limits.seconds, limits.output_bytes)
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-m", "shanhai.courier.inside", *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # Libraries print values of the file when they abort.
        stderr=subprocess.DEVNULL,
        pass_fds=handed,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )


def _job(job: Job) -> bytes:
    told = {
        "size": job.size,
        "columns": list(job.columns),
        "rows": job.declared.rows,
        "decoded": job.declared.decoded,
        "declared": dict(job.declared.columns),
        "keys": {key_id: base64.b64encode(kek.bytes).decode("ascii") for key_id, kek in job.keys.items()},
    }
    return json.dumps(told).encode("ascii")


def _told(status: int, result: int) -> dict[str, Any]:
    """What the process said at its end; how it ended if it said nothing."""
    if status == -signal.SIGXCPU:
        _refuse("parser-hang")
    if status == -signal.SIGKILL:
        # Nobody else kills it but a kernel that is out of memory.
        _refuse("parser-memory")
    try:
        told = json.loads(os.pread(result, _MOST_RESULT, 0).rstrip(b"\0")) if status == 0 else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        _refuse("parser-abort")
    return told


def _read(told: dict[str, Any], job: Job, *, sealed: bool) -> Parsed:
    """The result, believed no further than it can be checked: a captured parser may say anything.

    Args:
        sealed: whether the process had given up everything that it could do else: from then on it can no
            longer be unable to.
    """
    unable, code, asked = told.get("unable"), told.get("refused"), told.get("asked")
    if not sealed and isinstance(unable, str) and unable in UNABLE:
        raise ConfigurationError(
            "foreign files cannot be parsed safely on this system",
            given=UNABLE[unable],
            allowed="Linux on x86_64 or aarch64 with seccomp",
        )
    if code is not None:
        # Of signatures, order or the pairing a parser has nothing to say.
        known = isinstance(code, str) and code in FAILURES and FAILURES[code].stage in _OF_FILES
        _refuse(code if known else "parser-abort")
    if told.get("rows") != job.declared.rows or not isinstance(asked, list):
        _refuse("parser-abort")
    return Parsed(job.declared.rows, frozenset(key_id for key_id in job.keys if key_id in asked))


def _refuse(code: str) -> NoReturn:
    """Refuse at stage contents: the bytes are those that were signed, and no others will ever come."""
    raise Refused(code, stage=Stage.CONTENTS)
