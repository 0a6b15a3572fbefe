"""Servers that a test session started end with it, also where it is killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.required import program

REPOSITORY = Path(__file__).resolve().parents[2]
STARTING = {
    "postgres": "server = postgres.started(); folder = server.folder",
    "radosgw": "server = radosgw.started(); folder = server.folder",
    "sshd": "kept = sshd.sshd(); folder = kept.__enter__().folder",
    "vsftpd": (
        "from tests.support.certificate import certificate_for_loopback; own = Path(sys.argv[1]);"
        "kept = vsftpd.vsftpd(own, certificate_for_loopback(own)); folder = kept.__enter__().folder"
    ),
}
PROGRAM = """
import sys, time
from pathlib import Path
import psutil
from tests.support.servers import {name}
{starting}
print(folder, *(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
time.sleep(600)
"""
PROGRAMS = {
    "postgres": ("/usr/lib/postgresql/*/bin/postgres", "postgresql"),
    "radosgw": ("/usr/bin/radosgw", "radosgw"),
    "sshd": ("/usr/sbin/sshd", "openssh-server"),
    "vsftpd": ("/usr/sbin/vsftpd", "vsftpd"),
}


@pytest.mark.parametrize("name", STARTING)
def test_a_server_ends_with_a_session_that_is_killed(name: str, tmp_path: Path) -> None:
    program(*PROGRAMS[name])
    program("/usr/bin/setpriv", "util-linux")
    session = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(name=name, starting=STARTING[name]), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert session.stdout is not None
    folder, *told = session.stdout.readline().split()
    # Some may have been there for a moment only.
    pids = [int(pid) for pid in told if lives(int(pid))]
    try:
        assert pids
        session.send_signal(signal.SIGKILL)
        session.wait()
        deadline = time.monotonic() + 300
        while alive := [pid for pid in pids if lives(pid)]:
            assert time.monotonic() < deadline, alive
            time.sleep(0.05)
    finally:
        session.kill()
        session.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
