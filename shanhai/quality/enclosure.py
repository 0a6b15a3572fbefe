"""A query that somebody else wrote runs in a process of its own: locked, bounded, gone afterwards.

An engine can be asked to stop, and hears it between two steps. A step that compares two texts of a million
letters, or builds a list of a thousand million numbers, hears nothing, and asks for memory that no limit of
the engine counts; so the bounds here are those of the operating system.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from shanhai.contracts.sql import quote_literal
from shanhai.errors import StoreError

SPILL_LIMIT = "4GB"
"""What a query may write to the disk while it sorts or groups; removed with its process."""

_UNCOUNTED_BYTES = 2**30
_START_SECONDS = 60.0
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

Value = bool | int | float | Decimal | str | None


@dataclass(frozen=True)
class Asked:
    """One query and where it is asked.

    `before` are statements of our own that lay out what the query sees; `seconds` is how long it may take;
    `database` is a file to open for reading, or None for an empty memory; `files` are all that may be read
    besides.
    """

    sql: str
    before: tuple[str, ...]
    seconds: float
    database: str | None = None
    files: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """At most two rows; or the class of the error, and what the engine said, which can quote values."""

    rows: tuple[tuple[Value, ...], ...] = ()
    error: str = ""
    said: str = ""


class TooLongError(Exception):
    """The query did not end in time, and its process was killed."""


def ask(asked: Asked) -> Told:
    """Start a process and wait for its answer.

    It inherits no variable of the environment, may use twice the engine's memory limit and a gigabyte, and
    spills into a folder that is removed. A process that dies of it is told as the error `Died`.

    Raises:
        TooLongError: the query took longer than its time.
        StoreError: what the query sees could not be laid out.
    """
    spill = asked.config.get("temp_directory")
    if spill:
        Path(spill).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="query-", dir=spill) as folder:
        # One thread: sums of floating-point numbers depend on their order.
        config = {
            "max_temp_directory_size": SPILL_LIMIT,
            **asked.config,
            "temp_directory": folder,
            "threads": 1,
        }
        try:
            ended = subprocess.run(
                [sys.executable, "-I", "-m", "shanhai.quality.enclosure"],
                input=json.dumps({**asdict(asked), "config": config}).encode(),
                capture_output=True,
                env={},
                timeout=asked.seconds + _START_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TooLongError from error
    if ended.returncode == -signal.SIGALRM:
        raise TooLongError
    if ended.returncode < 0:
        return Told(error="Died")
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError("the delivery could not be opened for a query", given=last)
    answer = json.loads(ended.stdout)
    return Told(tuple(tuple(map(_read, row)) for row in answer["rows"]), answer["error"], answer["said"])


def _read(cell: Any) -> Value:
    return Decimal(cell["decimal"]) if isinstance(cell, dict) else cell


def _written(cell: Any) -> Any:
    if isinstance(cell, Decimal):
        return {"decimal": str(cell)}
    return cell if cell is None or isinstance(cell, bool | int | float) else str(cell)


def locking(files: Sequence[str]) -> list[str]:
    """Statements that make impossible what the guard refuses: files, extensions, Python, settings."""
    return [
        "SET TimeZone = 'UTC'",
        "SET python_enable_replacements = false",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        f"SET allowed_paths = [{', '.join(map(quote_literal, files))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]


def _answer(asked: Asked) -> Told:
    """What the process does; it ends with it, or by the alarm in the middle of it."""
    import duckdb

    with duckdb.connect(
        asked.database or ":memory:", read_only=asked.database is not None, config=dict(asked.config)
    ) as con:
        for statement in (*asked.before, *locking(asked.files)):
            con.execute(statement)
        (limit,) = con.execute("SELECT current_setting('memory_limit')").fetchone() or ("0 bytes",)
        _bound(2 * _bytes(limit) + _UNCOUNTED_BYTES, asked.seconds)
        try:
            return Told(rows=tuple(con.execute(asked.sql).fetchmany(2)))
        except (duckdb.Error, MemoryError, OverflowError, RuntimeError, ValueError) as error:
            return Told(error=type(error).__name__, said=str(error).partition("\n")[0])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _bound(memory: int, seconds: float) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Nobody handles the alarm, so the system ends the process, whatever the engine is about.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _bytes(text: str) -> int:
    """`953.6 MiB`, as the engine writes its limit."""
    number, unit = text.split()
    return int(float(number) * 1024 ** _UNITS.index(unit))


def _main() -> None:
    told = _answer(Asked(**json.load(sys.stdin)))
    rows = [[_written(cell) for cell in row] for row in told.rows]
    json.dump({"rows": rows, "error": told.error, "said": told.said}, sys.stdout)


if __name__ == "__main__":
    _main()
