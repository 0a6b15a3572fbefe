"""A vsftpd that a test starts for itself: it refuses data connections that resume no session of TLS."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.configuration import free_port
from tests.support.required import program
from tests.support.servers.process import answers, bound

_WAIT_SECONDS = 300
_CONFIGURATION = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
run_as_launching_user=YES
ftp_username={user}
nopriv_user={user}
anonymous_enable=YES
no_anon_password=YES
local_enable=NO
anon_root={files}
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
rsa_private_key_file={certificate}
seccomp_sandbox=NO
xferlog_enable=YES
debug_ssl=YES
vsftpd_log_file={folder}/log
"""


@dataclass(frozen=True)
class Vsftpd:
    """A running server that everybody may read, over TLS only."""

    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        """The address as a contract's district states it."""
        return f"ftps://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        """What the server noted."""
        return (self.folder / "log").read_text()


@contextmanager
def vsftpd(files: Path, certificate: Path) -> Iterator[Vsftpd]:
    """A server of a folder; `certificate` is a PEM file with the key.

    It lets in without a password: those that it knows are users of the machine.
    """
    path = program("/usr/sbin/vsftpd", "vsftpd")
    folder = Path(tempfile.mkdtemp(prefix="shanhai-vsftpd-"))
    server = Vsftpd(folder, free_port())
    facts = {"port": server.port, "user": getpass.getuser(), "files": files, "folder": folder}
    (folder / "vsftpd.conf").write_text(_CONFIGURATION.format(certificate=certificate, **facts).lstrip())
    process = subprocess.Popen(bound([path, folder / "vsftpd.conf"]), start_new_session=True)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not answers(server.port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise AssertionError(f"vsftpd did not start: see {folder}")
            time.sleep(0.02)
        yield server
    finally:
        process.kill()
        process.wait(_WAIT_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
