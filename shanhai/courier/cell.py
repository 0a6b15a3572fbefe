"""Parse a stranger's Parquet file in a process that can do nothing else and may die."""

from __future__ import annotations

import base64
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from shanhai.courier.confine import Limits
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import FAILURES, Refused
from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.parquet.types import schema_names
from shanhai.exchange.secret import Secret

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_RESULT = 1 << 20
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


def parse(file: BinaryIO, out: BinaryIO, job: Job, *, cell: Cell | None = None) -> Parsed:
    """Write the granted columns of `file` into `out`, both open files of the system, as an Arrow IPC stream.

    `file` must be a private copy whose digest was verified through this same open file. What holds: the
    process gets no other file, nothing secret by argument or environment, and its keys through a pipe;
    memory, time and output are limited; there is no core dump, and no other process of the user may read its
    memory; a filter of system calls, which needs no privilege, leaves no socket, no opening of files, no
    programs, no signals to others. What does not: a fault of the kernel in an allowed call is not contained,
    and a captured parser may write any rows of the declared number, so `out` is a stranger's Arrow stream:
    `rows_of` reads it.

    Raises:
        Refused: what was found, or `parser-abort`, `parser-hang`, `parser-memory`. `out` is empty then.
        ConfigurationError: this system cannot confine a process; nothing was parsed.
    """
    cell = cell or Cell()
    try:
        parsed = _run(file, out, job, cell)
    except BaseException:
        out.seek(0)
        out.truncate()
        raise
    return parsed


def rows_of(out: BinaryIO, job: Job) -> Iterator[pa.RecordBatch]:
    """The rows that a cell wrote, each batch validated in full before anything looks at a value.

    Raises:
        Refused: `parser-abort`: they are not an Arrow stream of the granted columns with the declared rows.
    """
    import pyarrow as pa

    rows = 0
    out.seek(0)
    try:
        with pa.ipc.open_stream(out) as stream:
            names = schema_names(stream.schema)
            if names != {name: job.declared.columns[name] for name in job.columns}:
                raise Refused("parser-abort")
            for batch in stream:
                batch.validate(full=True)
                rows += batch.num_rows
                yield batch
    except (pa.ArrowException, OSError):
        raise Refused("parser-abort") from None
    if rows != job.declared.rows:
        raise Refused("parser-abort")


def _run(file: BinaryIO, out: BinaryIO, job: Job, cell: Cell) -> Parsed:
    result = os.memfd_create("result", 0)
    try:
        process = _start(file, out, result, cell)
        try:
            process.communicate(_job(job), timeout=cell.seconds)
        except subprocess.TimeoutExpired:
            raise Refused("parser-hang") from None
        finally:
            process.kill()
            process.wait()
        return _read(_told(process.returncode, result), job)
    finally:
        os.close(result)


def _start(file: BinaryIO, out: BinaryIO, result: int, cell: Cell) -> subprocess.Popen[bytes]:
    limits = Limits(cell.memory_bytes, math.ceil(cell.seconds) + 1, cell.output_bytes)
    file.seek(0)
    handed = (file.fileno(), out.fileno(), result)
    numbers = (*handed, limits.memory_bytes, limits.seconds, limits.output_bytes)
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
        raise Refused("parser-hang")
    if status == -signal.SIGKILL:
        # Nobody else kills it but a kernel that is out of memory.
        raise Refused("parser-memory")
    try:
        told = json.loads(os.pread(result, _MOST_RESULT, 0)) if status == 0 else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Refused("parser-abort")
    return told


def _read(told: dict[str, Any], job: Job) -> Parsed:
    """The result, believed no further than it can be checked: a captured parser may say anything."""
    if "unable" in told:
        raise ConfigurationError(
            "foreign files cannot be parsed safely on this system",
            given=str(told["unable"])[:200],
            allowed="Linux on x86_64 or aarch64 with seccomp",
        )
    if (code := told.get("refused")) is not None:
        known = isinstance(code, str) and code in FAILURES and not FAILURES[code].later
        raise Refused(code if known else "parser-abort")
    asked = told.get("asked")
    if told.get("rows") != job.declared.rows or not isinstance(asked, list):
        raise Refused("parser-abort")
    return Parsed(job.declared.rows, frozenset(key_id for key_id in job.keys if key_id in asked))
