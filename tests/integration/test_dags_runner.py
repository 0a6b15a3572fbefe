"""The parts of the runner: nothing is left behind, one at a time, and secrets for the owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from infra.local import configuration
from infra.local.configuration import free_port, password, write_configuration
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import check_not_up, only_runner, read_record, write_record
from infra.local.processes import Started, _running, created_of, start, stop
from infra.local.run import calendars
from infra.local.sources import use_folder
from shanhai.errors import BusyError, ConfigurationError, SourceError
from shanhai.settings import load_settings, read_settings

STUBBORN_FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("born", flush=True)
time.sleep(99)
'''
for own_session in (False, sys.argv[1] == "scattered"):
    subprocess.Popen([sys.executable, "-c", child], start_new_session=own_session)
time.sleep(99)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(home=tmp_path / "home", federation=REPOSITORY / "examples" / "cities")
    made.make_folders()
    return made


def family(layout: Layout, kind: str = "close") -> Started:
    """A process with two children that all ignore SIGTERM; `scattered`: one in a session of its own."""
    log = layout.logs / "family.log"
    started = start(
        "family",
        [sys.executable, "-c", STUBBORN_FAMILY, kind],
        environment=environment(layout),
        folder=layout.home,
        log=log,
    )
    until = time.monotonic() + 300
    while log.read_text().count("born") < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    return started


def test_stop_leaves_no_grandchild(layout: Layout) -> None:
    started = family(layout, "scattered")
    everyone = started.family()
    assert len(everyone) == 3
    assert stop([started], grace=0.2) == []
    assert not [one for one in everyone if _running(one)]
    assert stop([started]) == [], "stopping twice is harmless"


def test_a_leader_that_ends_just_as_it_is_stopped_leaves_nobody(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, look = family(layout), psutil.Process.children

    def look_too_late(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        process.kill()
        process.wait()
        return look(process, recursive)

    monkeypatch.setattr(psutil.Process, "children", look_too_late)
    assert stop([started], grace=0.2) == []
    assert not [one for one in psutil.process_iter() if _leader(one) == started.pid]


def _leader(process: psutil.Process) -> int:
    """Of whose session a process is that lives; 0 for any other."""
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(process.pid) if _running(process) else 0
    return 0


def test_stop_touches_no_process_that_only_has_the_same_number() -> None:
    own = psutil.Process()
    impostor = Started("impostor", own.pid, f"{created_of(own.pid)}0", Path("none"))
    assert not impostor.alive()
    assert stop([impostor], grace=0.1) == []
    assert own.is_running()


@pytest.mark.parametrize("boot", ["this", "another"])
def test_stop_touches_no_session_that_only_has_the_same_number(layout: Layout, boot: str) -> None:
    """As after a restart of the machine, whose record of what ran is still there."""
    started = family(layout)
    now, ticks = started.created.split()
    earlier = f"{now if boot == 'this' else 'another'} {int(ticks) - 1 if boot == 'this' else ticks}"
    try:
        if boot == "another":
            leader = psutil.Process(started.pid)
            leader.kill()
            leader.wait()
        before = [one.pid for one in started.family()]
        assert stop([replace(started, created=earlier)], grace=0.1) == []
        assert [one.pid for one in started.family()] == before != []
    finally:
        stop([started], grace=0)


@pytest.mark.parametrize("hours", [-26, 26])
def test_a_clock_that_is_set_makes_no_process_a_dead_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    started = family(layout)
    members = {one.pid for one in started.family()}
    boot = psutil.boot_time()
    # Linux tells the boot by the clock as it is now, and when a process began by the boot.
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + hours * 3600)
    try:
        assert started.alive()
        assert {one.pid for one in started.family()} == members
    finally:
        assert stop([started], grace=0) == []


def test_what_a_killed_run_left_is_stopped_by_the_next(layout: Layout) -> None:
    started = family(layout)
    write_record(layout, "run", "http://127.0.0.1:1", [started])
    started.family()[0].kill()
    check_not_up(layout)
    assert started.family() == []
    assert read_record(layout) is None


def test_a_run_refuses_a_home_that_is_up(layout: Layout) -> None:
    started = family(layout)
    try:
        write_record(layout, "up", "http://127.0.0.1:1", [started])
        with pytest.raises(BusyError, match="is up"):
            check_not_up(layout)
        assert started.alive()
    finally:
        stop([started], grace=0.1)


def test_the_second_runner_hears_the_number_of_the_first(layout: Layout) -> None:
    layout.lock.write_text("4711")
    with layout.lock.open("a+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match=r"another run is active \(pid 4711\)"), only_runner(layout):
            pytest.fail("two runners at once")
    with only_runner(layout):
        assert layout.lock.read_text() == str(os.getpid())


def test_secrets_are_made_once_and_for_the_owner_alone(layout: Layout) -> None:
    write_configuration(layout, port=free_port(), slots=2, parse_every=30)
    files = sorted(file for file in layout.airflow.iterdir() if file.is_file())
    first = {file.name: file.read_text() for file in files if file.name != "airflow.cfg"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert len(first) == 4
    write_configuration(layout, port=free_port(), slots=2, parse_every=30)
    assert first == {name: (layout.airflow / name).read_text() for name in first}
    assert len(password(layout)) >= 20


def test_a_free_port_is_none_that_the_system_may_give_away_before_a_server_listens() -> None:
    given, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    if int(given) <= 1 << 15:
        assert all(1 << 14 < free_port() < int(given) for _ in range(20))


def test_a_free_port_is_none_that_somebody_listens_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one port alone, since one of thousands is hardly ever drawn while it is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        given = tmp_path / "ip_local_port_range"
        given.write_text(f"{port + 1}\t60999\n", encoding="ascii")
        monkeypatch.setattr(configuration, "_FIRST_PORT", port)
        monkeypatch.setattr(configuration, "_GIVEN_PORTS", given)
        with pytest.raises(BusyError, match="no port is free"):
            free_port()
    assert free_port() == port


def test_everything_listens_on_loopback_only(layout: Layout) -> None:
    write_configuration(layout, port=1234, slots=2, parse_every=30)
    text = (layout.airflow / "airflow.cfg").read_text()
    assert "host = 127.0.0.1" in text
    assert ".".join("0000") not in text


def test_the_callers_airflow_and_proxies_do_not_leak_in(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    found = environment(layout)
    assert found["AIRFLOW_HOME"] == str(layout.airflow)
    assert "AIRFLOW__CORE__EXECUTOR" not in found
    assert "127.0.0.1" in found["NO_PROXY"]


def test_a_folder_of_real_data_is_every_districts_endpoint(layout: Layout, tmp_path: Path) -> None:
    endpoints = use_folder(layout, tmp_path)
    assert endpoints["boston.data"] == str(tmp_path)
    assert read_settings(home=layout.home).endpoint_overrides() == endpoints
    with pytest.raises(ConfigurationError, match="no such folder"):
        use_folder(layout, tmp_path / "absent")


def test_a_federation_without_generated_dags_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not generated"):
        calendars(Layout(home=tmp_path, federation=tmp_path))


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """An address that collects what is posted to it."""
    found: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", found
    server.shutdown()
    server.server_close()


def test_a_failed_task_is_posted_to_the_configured_address(
    posted: tuple[str, list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, found = posted
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("SHANHAI_NOTIFY_URL", address)
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    load_settings.cache_clear()
    from dag_factories.recovery import tell_failure

    task = SimpleNamespace(dag_id="longyou__events", run_id="r", task_id="pull", try_number=4)
    tell_failure({"ti": task, "exception": SourceError("down")})
    load_settings.cache_clear()
    (alert,) = found
    assert alert["event"] == "failed"
    assert (alert["dag"], alert["task"], alert["tries"]) == ("longyou__events", "pull", 4)
    assert (alert["error"], alert["message"]) == ("SourceError", "down")
