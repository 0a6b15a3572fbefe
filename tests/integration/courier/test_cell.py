"""The cell: what a parser in it cannot do, and that its death is a refusal and not ours."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from sealing import Sealed, sealed

from shanhai.courier import cell
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.decrypt import Declared

GOOD = sealed(pa.table({"a": [f"value {n}" for n in range(1000)], "n": list(range(1000))}))


def parse(folder: Path, made: Sealed, *, declared: Declared | None = None, limits: cell.Cell | None = None):
    job = cell.Job(len(made.only), list(made.columns), made.keys, declared or made.declared)
    (folder / "in").write_bytes(made.only)
    with (folder / "in").open("rb") as file, (folder / "out").open("w+b") as out:
        parsed = cell.parse(file, out, job, cell=limits)
        return parsed, pa.Table.from_batches(cell.rows_of(out, job))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def test_rows_come_out_whole(tmp_path):
    parsed, rows = parse(tmp_path, GOOD)
    assert parsed.rows == rows.num_rows == 1000
    assert parsed.asked == set(GOOD.keys)
    assert rows.column("c0001").to_pylist() == list(range(1000))


def test_a_file_without_rows_comes_out_with_its_columns(tmp_path):
    made = sealed([pa.record_batch({"a": pa.array([], pa.string())})])
    job = cell.Job(len(made.only), ["c0000"], made.keys, made.declared)
    (tmp_path / "in").write_bytes(made.only)
    with (tmp_path / "in").open("rb") as file, (tmp_path / "out").open("w+b") as out:
        assert cell.parse(file, out, job).rows == 0
        assert list(cell.rows_of(out, job)) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGABRT, "parser-abort"),
        (signal.SIGSEGV, "parser-abort"),
        (signal.SIGKILL, "parser-memory"),
        (signal.SIGXCPU, "parser-hang"),
        (signal.SIGSTOP, "parser-hang"),
    ],
)
def test_its_end_is_a_refusal_and_leaves_nothing(tmp_path, number: signal.Signals, code: str):
    def hit() -> None:
        for process in _inside():
            process.send_signal(number)

    _once_it_runs(hit)
    limits = cell.Cell(seconds=2.5)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) == code
    assert (tmp_path / "out").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert _inside() == []


def test_keys_are_in_no_argument_and_no_environment(tmp_path):
    seen: list[bytes] = []

    def look() -> None:
        for process in _inside():
            process.send_signal(signal.SIGSTOP)
            seen.append("\0".join(process.cmdline()).encode())
            seen.append(Path(f"/proc/{process.pid}/environ").read_bytes())

    _once_it_runs(look)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=cell.Cell(seconds=2.5))) == "parser-hang"
    assert len(seen) == 2
    spelled = [
        one
        for kek in GOOD.keys.values()
        for one in (kek.bytes, kek.bytes.hex().encode(), base64.b64encode(kek.bytes))
    ]
    assert not any(one in told for told in seen for one in spelled)
    assert b"HOME" not in seen[1]


def test_rows_above_the_room_are_refused(tmp_path):
    limits = cell.Cell(output_bytes=10_000)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) == "parser-memory"
    assert (tmp_path / "out").read_bytes() == b""


def test_a_cell_too_small_to_begin_is_memory(tmp_path):
    limits = cell.Cell(memory_bytes=120 << 20)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) in ("parser-memory", "parser-abort")


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"no json",
        b"[1]",
        b'{"rows": 7, "asked": []}',
        b'{"rows": 1000}',
        b'{"rows": 1000, "asked": 5}',
        b'{"refused": "no-such-code"}',
        b'{"refused": ["parser-abort"]}',
        b'{"refused": "gap"}',
        b"[" * 100_000,
    ],
)
def test_a_captured_parser_is_not_believed(told: bytes):
    """What it may write into its result, read as the result of a process that ended well."""
    with _result(told) as number:
        job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
        assert code_of(lambda: cell._read(cell._told(0, number), job)) == "parser-abort"


def test_rows_of_a_captured_parser_are_not_believed():
    job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
    offsets = pa.array([0, 5, 2], pa.int32()).buffers()[1]
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"hello")])
    good = pa.array(["a"] * 999)
    for column in (broken, good, pa.array(list(range(1000)))):
        out = io.BytesIO()
        batch = pa.RecordBatch.from_arrays([column], names=["c0000"])
        with pa.ipc.new_stream(out, batch.schema) as writer:
            writer.write_batch(batch)
        assert code_of(lambda out=out: list(cell.rows_of(out, job))) == "parser-abort"
    assert code_of(lambda: list(cell.rows_of(io.BytesIO(b"nothing"), job))) == "parser-abort"


TRIES = """
import ctypes, json, os, resource, socket, subprocess, sys, threading
import shanhai.errors
from shanhai.courier.confine import Limits, limit, seal
limit(Limits(4 << 30, 60, 1 << 20))
told = {"core": resource.getrlimit(resource.RLIMIT_CORE), "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}
out, seen = os.dup(1), []
CALLS = {'unshare': {'x86_64': 272, 'aarch64': 97}[os.uname().machine], 'uring': 425}
before = threading.Event()
older = threading.Thread(target=lambda: (before.wait(), seen.append(tried(lambda: open("/etc/hostname")))))
def tried(call):
    try:
        call()
    except OSError as error:
        return error.errno
    return "done"
older.start()
if sys.argv[1] != "open":
    seal()
    libc = ctypes.CDLL(None, use_errno=True)
    # unshare and io_uring_setup, through which one could also come to sockets.
    told |= {name: (libc.syscall(number, 0, 0), ctypes.get_errno())[1] for name, number in CALLS.items()}
told |= {
    "socket": tried(lambda: socket.socket().close()),
    "unix": tried(lambda: socket.socketpair()),
    "read": tried(lambda: open("/etc/hostname").close()),
    "write": tried(lambda: open(sys.argv[2], "w").close()),
    "list": tried(lambda: os.listdir("/")),
    "fork": tried(lambda: os.fork() or os._exit(0)),
    "exec": tried(lambda: os.execv("/bin/true", ["true"])) if sys.argv[1] != "open" else "done",
    "signal": tried(lambda: os.kill(os.getppid(), 0)),
}
before.set()
older.join()
newer = threading.Thread(target=lambda: seen.append("ran"))
newer.start()
newer.join()
os.write(out, json.dumps(told | {"threads": seen}).encode())
os._exit(0)
"""


def tries(how: str, file: Path) -> dict[str, object]:
    command = [sys.executable, "-c", TRIES, how, str(file)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def test_what_is_confined_can_do_nothing_else(tmp_path):
    told = tries("confined", tmp_path / "made")
    assert told.pop("core") == [0, 0]
    assert told.pop("dumpable") == 0
    # A thread from before is bound too, and new ones may start.
    assert told.pop("threads") == [1, "ran"]
    assert set(told.values()) == {1}, told
    assert not (tmp_path / "made").exists()


def test_the_tries_do_succeed_outside(tmp_path):
    told = tries("open", tmp_path / "made")
    assert {told[name] for name in ("socket", "unix", "read", "write", "list", "fork", "signal")} == {"done"}
    assert (tmp_path / "made").exists()


@contextmanager
def _result(told: bytes) -> Iterator[int]:
    """An open file of the system with some bytes."""
    number = os.memfd_create("result", 0)
    os.write(number, told)
    try:
        yield number
    finally:
        os.close(number)


def _inside() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "shanhai.courier.inside" in " ".join(one.cmdline())]


def _once_it_runs(call: Callable[[], None]) -> None:
    def wait() -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if _inside():
                call()
                return
            time.sleep(0.005)

    threading.Thread(target=wait, daemon=True).start()
