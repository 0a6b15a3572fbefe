"""A Ceph cluster with an S3 gateway that a test session starts for itself: one monitor, one OSD in memory."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minio import Minio

from infra.local.configuration import free_port
from tests.support.required import program
from tests.support.servers.process import answers, bound

REGION = "default"
_WAIT_SECONDS = 300
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor}/0]
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = /dev/null
run dir = {folder}
admin socket =
pid file =
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
log to stderr = false
err to stderr = false
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[mon]
mon data = {folder}/mon
mon data avail crit = 0
mon data avail warn = 0
mon max pg per osd = 1000
paxos propose interval = 0.01
paxos min wait = 0.01
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd class load list = *
osd class default list = *
[client]
# The gateway wants an encrypted channel to the monitor, which there is none of without authentication.
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw data = {folder}/rgw
rgw thread pool size = 32
# So few objects make more than one page of a listing.
rgw max listing results = 100
# Nobody is told what others cached: whoever tells waits for one that was killed, half a minute, or as long as
# the OSD waits for a sign of it; and one that is slower than that ends with a fault of memory.
rgw cache enabled = false
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable usage log = false
rgw user quota bucket sync interval = 0
rgw bucket quota ttl = 0
"""


@dataclass
class RadosGateway:
    """A running cluster; `access_key` and `secret_key` are those of a user who may make buckets."""

    folder: Path
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Minio:
        """The SDK's own client, to look from beside."""
        return Minio(f"127.0.0.1:{self.port}", self.access_key, self.secret_key, secure=False, region=REGION)

    def bucket(self) -> str:
        """A new empty bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().make_bucket(name)
        return name

    def admin(self, *arguments: str) -> None:
        """Run `radosgw-admin`."""
        self._run("radosgw-admin", *arguments)

    def start_gateway(self) -> None:
        """Start the gateway and wait until it answers."""
        self._start("radosgw", "-n", "client.rgw")
        _until(lambda: answers(self.port), self.folder)

    def stop_gateway(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the gateway alone, by default without a chance to tidy up; what is stored stays."""
        self._stop("radosgw", how)

    def restart_gateway(self) -> None:
        """Kill the gateway and start it again on the same port."""
        self.stop_gateway()
        self.start_gateway()

    def memory_bytes(self) -> int:
        """Resident memory of all that was started."""
        pages = (Path(f"/proc/{one.pid}/statm").read_text().split()[1] for one in self._daemons.values())
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")

    def _start(self, name: str, *arguments: str) -> None:
        command = [name, "-c", str(self.folder / "ceph.conf"), "-f", *arguments]
        with (self.folder / f"{name}.out").open("ab") as told:
            self._daemons[name] = subprocess.Popen(
                bound(command), stdout=told, stderr=told, start_new_session=True
            )

    def _stop(self, name: str, how: signal.Signals) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is not None:
            daemon.send_signal(how)
            daemon.wait(_WAIT_SECONDS)

    def _run(self, name: str, *arguments: str) -> None:
        command = [name, "-c", str(self.folder / "ceph.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_SECONDS, check=False)
        if done.returncode:
            raise AssertionError(f"{name} {arguments[0]}: {done.stderr[-2000:]}")


def started() -> RadosGateway:
    """A new cluster in a temporary folder, in about two seconds; `gone` ends it."""
    for name, package in (("ceph-mon", "ceph-mon"), ("ceph-osd", "ceph-osd"), ("radosgw", "radosgw")):
        program(f"/usr/bin/{name}", package)
    folder = Path(tempfile.mkdtemp(prefix="shanhai-ceph-"))
    server = RadosGateway(folder, free_port(), secrets.token_hex(8), secrets.token_hex(16))
    try:
        _set_up(server)
    except BaseException:
        gone(server)
        raise
    return server


def gone(server: RadosGateway) -> None:
    """Stop a cluster and remove what it kept."""
    for name in reversed(list(server._daemons)):
        server._stop(name, signal.SIGKILL)
    shutil.rmtree(server.folder, ignore_errors=True)


def _set_up(server: RadosGateway) -> None:
    folder, fsid, disk = server.folder, str(uuid.uuid4()), str(uuid.uuid4())
    monitor = free_port()
    settings: dict[str, Any] = {"fsid": fsid, "folder": folder, "monitor": monitor, "gateway": server.port}
    (folder / "ceph.conf").write_text(_CONFIGURATION.format(**settings))
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    mapped = [
        str(folder / "monmap"),
        "--create",
        "--fsid",
        fsid,
        "--addv",
        "a",
        f"[v2:127.0.0.1:{monitor}/0]",
    ]
    subprocess.run(["/usr/bin/monmaptool", *mapped], check=True, capture_output=True)
    server._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", mapped[0])
    server._start("ceph-mon", "-i", "a")
    server._run("ceph", "osd", "new", disk)
    server._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", disk)
    server._start("ceph-osd", "-i", "0")
    keys = [f"--access-key={server.access_key}", f"--secret-key={server.secret_key}"]
    server.admin("user", "create", "--uid=node", "--display-name=node", *keys)
    server.start_gateway()


def _until(holds: Any, folder: Path) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"the gateway did not start: see {folder}")
        time.sleep(0.02)
