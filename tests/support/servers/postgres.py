"""A PostgreSQL that a test session starts for itself, on loopback, with passwords that are checked."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from infra.local.configuration import free_port
from tests.support.required import program
from tests.support.servers.process import bound

USER = "reader"
DATABASE = "city"
_OWNER = "owner"
_WAIT_SECONDS = 300
_QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""What was committed reaches the system at once: a server that is ended has it when it comes again."""


@dataclass
class Postgres:
    """A running server with one database; `USER` may read all of it and write nothing."""

    programs: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """The address as a contract's district states it."""
        return f"postgresql://127.0.0.1:{self.port}/{DATABASE}"

    def execute(self, statements: str, *, database: str = DATABASE) -> str:
        """Run SQL as the owner and give what it printed, without blanks around it."""
        done = subprocess.run(
            [
                *(self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"),
                *("-p", str(self.port), "-U", _OWNER, "-d", database, "-f", "-"),
            ],
            input=statements.encode(),
            capture_output=True,
            check=False,
            env={"PGPASSWORD": self.password, "PATH": os.environ["PATH"]},
        )
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.stdout.decode().strip()

    def start(self) -> Self:
        """Start the server on its port and wait until it answers."""
        server = [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port), *_QUICK]
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_wal_senders=0"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "server.log").open("ab") as told:
            self.process = subprocess.Popen(
                bound([*server, *options], signal.SIGINT),
                stdout=told,
                stderr=told,
                **_unprivileged(),
                start_new_session=True,
            )
        _until(self._is_ready, f"{self.folder}/server.log")
        return self

    def _is_ready(self) -> bool:
        asked = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts off who is connected, SIGQUIT also forgets to tidy up."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_WAIT_SECONDS)
            self.process = None


def started() -> Postgres:
    """A new server in a temporary folder; `gone` ends it.

    PostgreSQL refuses to run as root: a test session of root runs it as the user of Debian's package.
    """
    programs = program("/usr/lib/postgresql/*/bin/postgres", "postgresql").parent
    folder = Path(tempfile.mkdtemp(prefix="shanhai-postgres-"))
    identity = _unprivileged()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    password = secrets.token_hex(12)
    handed = folder / "password"
    handed.write_text(password)
    handed.chmod(0o644)
    _run([programs / "initdb", "-D", folder / "data", "-U", _OWNER, f"--pwfile={handed}"])
    handed.unlink()
    server = Postgres(programs, folder, free_port(), password).start()
    server.execute(f"CREATE DATABASE {DATABASE}", database="postgres")
    server.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{password}'; GRANT pg_read_all_data TO {USER};")
    return server


def gone(server: Postgres) -> None:
    """Stop a server and remove what it kept."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def _run(command: Sequence[str | Path]) -> None:
    more = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([*command, *more], check=True, capture_output=True, **_unprivileged())


def _unprivileged() -> dict[str, int]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid}


def _until(holds: Callable[[], bool], log: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"PostgreSQL did not start: see {log}")
        time.sleep(0.05)
