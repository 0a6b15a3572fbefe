"""The cell: what a parser in it cannot do, and that its death is a refusal and not ours."""

from __future__ import annotations

import base64
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

import pyarrow as pa
import pytest
from parsers import inside
from refusals import code_of
from sealing import Sealed, careless, sealed

from shanhai.courier import cell
from shanhai.courier.confine import UNABLE
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parquet.decrypt import Declared

GOOD = sealed(pa.table({"a": [f"value {n}" for n in range(1000)], "n": list(range(1000))}))


def parse(folder: Path, made: Sealed, *, declared: Declared | None = None, limits: cell.Cell | None = None):
    job = cell.Job(len(made.only), list(made.columns), made.keys, declared or made.declared)
    (folder / "in").write_bytes(made.only)
    with (folder / "in").open("rb") as file, (folder / "out").open("w+b") as out:
        parsed = cell.parse(file, out, job, cell=limits)
        return parsed, pa.Table.from_batches(cell.rows_of(out, job))


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
        for process in inside():
            process.send_signal(number)

    _once_it_runs(hit)
    limits = cell.Cell(seconds=2.5 if number == signal.SIGSTOP else 60)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) == code
    assert (tmp_path / "out").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert inside() == []


def test_keys_are_in_no_argument_and_no_environment(tmp_path):
    seen: list[bytes] = []

    def look() -> None:
        for process in inside():
            process.send_signal(signal.SIGSTOP)
            seen.append("\0".join(process.cmdline()).encode())
            seen.append(Path(f"/proc/{process.pid}/environ").read_bytes())
            process.kill()

    _once_it_runs(look)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=cell.Cell(seconds=60))) == "parser-memory"
    assert len(seen) == 2
    spelled = [
        one
        for kek in GOOD.keys.values()
        for one in (kek.bytes, kek.bytes.hex().encode(), base64.b64encode(kek.bytes))
    ]
    assert not any(one in told for told in seen for one in spelled)
    assert b"HOME" not in seen[1]


def test_whatever_parses_is_sealed(tmp_path):
    """A cell that writes its rows has no way left to do anything else; it stays until they are taken."""
    made = sealed(pa.table({"a": [f"value {n}" for n in range(100_000)]}))
    job = cell.Job(len(made.only), list(made.columns), made.keys, made.declared)
    (tmp_path / "in").write_bytes(made.only)
    reading, writing = os.pipe()
    seen: dict[str, str] = {}

    def look() -> None:
        taken = os.read(reading, 1)
        (process,) = inside()
        told = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        seen.update(line.split(":\t") for line in told.splitlines() if ":\t" in line)
        while taken:
            taken = os.read(reading, 1 << 16)

    looking = threading.Thread(target=look)
    looking.start()
    with (tmp_path / "in").open("rb") as file, os.fdopen(writing, "wb") as out:
        assert cell.parse(file, out, job).rows == 100_000
    looking.join()
    os.close(reading)
    assert (seen["Seccomp"], seen["NoNewPrivs"]) == ("2", "1")


def test_rows_above_the_room_are_refused(tmp_path):
    limits = cell.Cell(output_bytes=10_000)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) == "parser-memory"
    assert (tmp_path / "out").read_bytes() == b""


def test_a_cell_too_small_to_begin_ends_without_a_word(tmp_path):
    """What cannot even load the library has nothing to tell, and leaves nothing."""
    limits = cell.Cell(memory_bytes=120 << 20)
    assert code_of(lambda: parse(tmp_path, GOOD, limits=limits)) == "parser-abort"
    assert (tmp_path / "out").read_bytes() == b""


def test_rows_that_need_more_memory_are_refused_as_such(tmp_path):
    """They are not counted before the first of them are there."""
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 40, pa.int8()), pa.array(["x" * (15 << 20)]))
    write = {"dictionary_pagesize_limit": 64 << 20, "write_statistics": False, "write_page_index": False}
    wide = careless(pa.table({"c0000": values}), write=write)
    declared = Declared(40, 40 * (4 + (15 << 20)), {"c0000": "string"})
    limits = cell.Cell(memory_bytes=700 << 20)
    assert code_of(lambda: parse(tmp_path, wide, declared=declared, limits=limits)) == "parser-memory"


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
        b'{"refused": "fork-same-seq"}',
        b'{"refused": "keyset-fork"}',
        b'{"refused": "signer-revoked"}',
        b'{"unable": "\\u001b[2J"}',
        b'{"unable": ["seccomp"]}',
        b'{"unable": "seccomp"}',
        b"[" * 100_000,
    ],
)
def test_a_captured_parser_is_not_believed(told: bytes):
    """What it may write into its result, read as the result of a process that ended well."""
    with _result(told) as number:
        job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
        assert code_of(lambda: cell._read(cell._told(0, number), job, sealed=True)) == "parser-abort"


def test_what_it_found_is_final_and_what_it_lacks_is_from_a_list():
    """The bytes are those that were signed: no relay will ever give others."""
    job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
    with _result(b'{"refused": "plaintext-column"}') as number, pytest.raises(Refused) as refused:
        cell._read(cell._told(0, number), job, sealed=True)
    assert (refused.value.code, refused.value.stage) == ("plaintext-column", Stage.CONTENTS)
    for word, sentence in UNABLE.items():
        told = json.dumps({"unable": word}).encode()
        with _result(told) as number, pytest.raises(ConfigurationError, match=sentence):
            cell._read(cell._told(0, number), job, sealed=False)


def test_what_it_says_at_its_end_has_room_for_no_more():
    """A file in memory is memory that no limit of a process counts."""
    number = cell._result()
    try:
        size = os.fstat(number).st_size
        for wrong in (lambda: os.ftruncate(number, size + 1), lambda: os.pwrite(number, b"x" * 9, size)):
            with pytest.raises(PermissionError):
                wrong()
        assert not os.get_inheritable(number)
    finally:
        os.close(number)


TRIES = """
import ctypes, fcntl, json, mmap, os, resource, socket, subprocess, sys, threading
import shanhai.errors
from shanhai.courier.confine import Limits, limit, seal
limit(Limits(4 << 30, 60, 1 << 20), parent=os.getppid())
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
    # The kernel would signal whoever is named there.
    "owner": tried(lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())),
    "code": tried(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)),
    "cloexec": tried(lambda: fcntl.fcntl(0, fcntl.F_GETFD)),
    "memory": tried(lambda: mmap.mmap(-1, 4096)),
}
before.set()
older.join()
newer = threading.Thread(target=lambda: seen.append("ran"))
try:
    newer.start()
    newer.join()
except RuntimeError:
    seen.append("none")
os.write(out, json.dumps(told | {"threads": seen}).encode())
os._exit(0)
"""


def tries(how: str, file: Path) -> dict[str, object]:
    command = [sys.executable, "-c", TRIES, how, str(file)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def test_what_is_confined_can_do_nothing_else(tmp_path):
    """core-dump-none among it: no limit of a core, and not dumpable to whatever takes cores by a pipe."""
    told = tries("confined", tmp_path / "made")
    assert told.pop("core") == [0, 0]
    assert told.pop("dumpable") == 0
    assert (told.pop("cloexec"), told.pop("memory")) == ("done", "done")
    # A thread from before is bound too, and none can start.
    assert told.pop("threads") == [1, "none"]
    assert set(told.values()) == {1}, told
    assert not (tmp_path / "made").exists()


def test_the_tries_do_succeed_outside(tmp_path):
    told = tries("open", tmp_path / "made")
    names = {"socket", "unix", "read", "write", "list", "fork", "signal", "owner", "code", "memory"}
    assert {told[name] for name in names} == {"done"}
    assert told["threads"] == ["done", "ran"]
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("parent", ["os.getppid()", "1"])
def test_a_process_whose_parent_ended_before_it_began_ends_too(parent: str):
    """The wish to be killed with the parent comes too late for a parent that is gone."""
    program = (
        "import os; from shanhai.courier.confine import Limits, limit;"
        f"limit(Limits(4 << 30, 60, 1 << 20), parent={parent})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=300)
    assert (done.returncode == 0) is (parent != "1")


@contextmanager
def _result(told: bytes) -> Iterator[int]:
    """An open file of the system with some bytes."""
    number = cell._result()
    os.write(number, told)
    try:
        yield number
    finally:
        os.close(number)


def _once_it_runs(call: Callable[[], None]) -> None:
    def wait() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if inside():
                call()
                return
            time.sleep(0.005)

    threading.Thread(target=wait, daemon=True).start()
