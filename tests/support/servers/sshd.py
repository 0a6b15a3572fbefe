"""An OpenSSH server of SFTP that a test starts for itself, on loopback, with throw-away keys."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.configuration import free_port
from tests.support.required import program
from tests.support.servers.process import answers, bound, kill_children

_WAIT_SECONDS = 300
_CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
AllowTcpForwarding no
Subsystem sftp internal-sftp {limits}
"""


@dataclass
class Sshd:
    """A running server; files lie in `files`, which the endpoint leads to."""

    folder: Path
    port: int
    fingerprint: str
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def files(self) -> Path:
        """The folder that is served; others can be reached by links, as far as the server goes."""
        return self.folder / "files"

    @property
    def endpoint(self) -> str:
        """The address as a contract's district states it."""
        return f"sftp://127.0.0.1:{self.port}/{self.files}"

    @property
    def user(self) -> str:
        """The user of this process: a server of another user's would need a machine of its own."""
        return getpass.getuser()

    @property
    def private_key(self) -> str:
        """The key that lets the user in."""
        return (self.folder / "user_key").read_text()

    def cut_off(self) -> None:
        """Kill whoever serves a connection now; new ones are accepted."""
        kill_children(self.process.pid)


@contextmanager
def sshd(*, limits: str = "") -> Iterator[Sshd]:
    """A server; `limits` are options of internal-sftp, such as `-P open` to forbid reading."""
    path = program("/usr/sbin/sshd", "openssh-server")
    folder = Path(tempfile.mkdtemp(prefix="shanhai-sshd-"))
    (folder / "files").mkdir()
    for name in ("host_key", "user_key"):
        generate = ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(generate, check=True)
    told = subprocess.run(
        ["/usr/bin/ssh-keygen", "-lf", str(folder / "host_key.pub")],
        check=True,
        capture_output=True,
        text=True,
    )
    port = free_port()
    (folder / "sshd_config").write_text(_CONFIGURATION.format(port=port, folder=folder, limits=limits))
    if os.geteuid() == 0:
        # A server of root confines its first half to this folder, which a service's start would make.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            bound([path, "-D", "-e", "-f", folder / "sshd_config"]), stderr=log, start_new_session=True
        )
    server = Sshd(folder, port, told.stdout.split()[1], process)
    try:
        _wait(server)
        yield server
    finally:
        server.cut_off()
        process.kill()
        process.wait(_WAIT_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Sshd) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not answers(server.port):
        if time.monotonic() > deadline or server.process.poll() is not None:
            raise AssertionError((server.folder / "log").read_text())
        time.sleep(0.02)
