"""A file server that goes silent, at whatever step, is hung up on in time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.files import FilesConnector
from shanhai.connect.conformance import collect
from shanhai.errors import SourceError
from tests.conformance.file_cases import FTP_LOGIN, LARGE, SECRET, context, fill
from tests.support.servers import sftpd as sftp
from tests.support.servers.ftpd import ftpd
from tests.support.servers.sftpd import sftpd
from tests.support.servers.wire import Wire

pytestmark = pytest.mark.filterwarnings(
    # The library's thread that asks ahead tells of a cut connection by its own end.
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)


@pytest.mark.parametrize("passed", [0, 10, 600, 1600, 2400, 2700, 3100, 200_000, 1_200_000])
def test_a_silent_server_of_sftp_is_hung_up_on(tmp_path: Path, passed: int) -> None:
    fill(tmp_path, {"a.csv": LARGE})
    with sftpd(tmp_path, password=SECRET) as server, Wire(server.port, silent_after=passed) as wire:
        login = {"kind": "password", "user": sftp.USER, "secret": "portal"}
        options = {"path": "a.csv", "login": login, "host_keys": [server.fingerprint]}
        check_silence(options, f"sftp://127.0.0.1:{wire.port}/")


@pytest.mark.parametrize("passed", [0, 10, 60, 120, 200])
def test_a_silent_server_of_ftp_is_hung_up_on(tmp_path: Path, passed: int) -> None:
    fill(tmp_path, {"a.csv": LARGE})
    with ftpd(tmp_path, password=SECRET) as server, Wire(server.port, silent_after=passed) as wire:
        check_silence({"path": "a.csv", "login": FTP_LOGIN}, f"ftp://127.0.0.1:{wire.port}/")


def test_a_transfer_of_ftp_that_goes_silent_is_hung_up_on(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": LARGE})
    with ftpd(tmp_path, password=SECRET) as server:
        server.stops_after = 1 << 18
        check_silence({"path": "a.csv", "login": FTP_LOGIN}, server.endpoint)


def check_silence(options: Mapping[str, Any], endpoint: str) -> None:
    began = time.monotonic()
    with pytest.raises(SourceError) as refused:
        collect(FilesConnector(options, context(endpoint, timeout_seconds=0.4, attempts=2)), None)
    assert time.monotonic() - began < 25
    assert refused.value.recovery == "retry"
