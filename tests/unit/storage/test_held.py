"""A file that one process holds at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest

from shanhai.errors import BusyError, StoreError
from shanhai.storage.held import held

BUSY = BusyError("somebody else does it", given="here")


def test_whoever_does_not_wait_is_told_at_once_and_it_is_free_afterwards(tmp_path: Path):
    file = tmp_path / "deep" / "it.lock"
    with held(file, BUSY), pytest.raises(BusyError, match="somebody else"), held(file, BUSY):
        raise AssertionError("two hold it")
    with held(file, BUSY):
        assert file.stat().st_mode & 0o777 == 0o600


def test_whoever_waits_gets_it_when_it_is_free(tmp_path: Path):
    file, took, free = tmp_path / "it.lock", threading.Event(), threading.Event()

    def other() -> None:
        with held(file, BUSY):
            took.set()
            free.wait(timeout=60)

    thread = threading.Thread(target=other)
    thread.start()
    assert took.wait(timeout=60)
    threading.Timer(0.2, free.set).start()
    with held(file, BUSY, patience=60):
        assert free.is_set()
    thread.join()


def test_a_file_system_without_locks_is_an_error_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def without(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(StoreError, match=r"it\.lock failed"), held(tmp_path / "it.lock", BUSY):
        raise AssertionError("nobody holds it")


def test_what_a_killed_process_held_is_free(tmp_path: Path):
    file = tmp_path / "it.lock"
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        with held(file, BUSY):
            os.write(theirs, b"x")
            signal.pause()
    assert os.read(ours, 1) == b"x"
    with pytest.raises(BusyError), held(file, BUSY):
        raise AssertionError("two hold it")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with held(file, BUSY):
        pass
    os.close(ours)
    os.close(theirs)
