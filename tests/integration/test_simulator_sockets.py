"""The simulator over real sockets: three origins, faults on request, a clean stop."""

import contextlib
import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.simulator.server import Simulator, serve

TOKEN = "integration-token"
CSV = "/opendata/hazards/2024-03-01.csv"
PATIENCE_SECONDS = 300
"""For what takes two seconds of a processor that eight others may want, too: whole datasets are generated."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(token=TOKEN) as running:
        yield running


def control(simulator: Simulator, **fields: object) -> httpx.Response:
    return httpx.post(f"{simulator.urls['gongshu.api']}/__control__", json=fields, timeout=PATIENCE_SECONDS)


def get(url: str, token: str | None = TOKEN) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(url, headers=headers, timeout=PATIENCE_SECONDS)


def portal(simulator: Simulator, path: str = CSV, **options: object) -> httpx.Response:
    url = simulator.urls["longyou.portal"] + path
    return httpx.get(url, timeout=PATIENCE_SECONDS, **options)  # type: ignore[arg-type]


def test_three_origins_on_the_loopback(simulator: Simulator) -> None:
    assert set(simulator.urls) == {"gongshu.api", "longyou.portal", "zhaohua.portal"}
    assert len(set(simulator.urls.values())) == 3
    assert all(url.startswith("http://127.0.0.1:") for url in simulator.urls.values())


def test_every_answer_says_that_it_is_generated(simulator: Simulator) -> None:
    answers = [portal(simulator), portal(simulator, "/nowhere"), get(simulator.urls["gongshu.api"], None)]
    assert all("generated data" in answer.headers["x-generated"] for answer in answers)


def test_two_starts_serve_the_same_bytes(simulator: Simulator) -> None:
    with Simulator(token="another") as other:
        assert portal(simulator).content == portal(other).content
        assert portal(simulator).headers["etag"] == portal(other).headers["etag"]


def test_the_truth_is_told_on_every_port(simulator: Simulator) -> None:
    told = [get(f"{url}/__truth__", None).json() for url in simulator.urls.values()]
    assert told[0] == told[1] == told[2]
    assert told[0]["totals"]["rows_in"] >= 200_000


@pytest.mark.parametrize("fault", ["429", "500", "503"])
def test_a_status_comes_as_often_as_asked(simulator: Simulator, fault: str) -> None:
    control(simulator, path="/opendata/", fault=fault, times=2, retry_after="7")
    answers = [portal(simulator) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [int(fault), int(fault), 200]
    assert answers[0].headers["retry-after"] == "7"


def test_a_cut_connection_breaks_off(simulator: Simulator) -> None:
    whole = portal(simulator)
    control(simulator, path="/opendata/", fault="cut")
    with pytest.raises(httpx.TransportError):
        portal(simulator)
    rest = portal(simulator, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert rest.status_code == 206
    assert rest.content == whole.content[1000:]


def test_a_slow_body_takes_its_time(simulator: Simulator) -> None:
    whole = portal(simulator).content
    control(simulator, path="/opendata/", fault="slow", seconds=1)
    begun = time.monotonic()
    assert portal(simulator).content == whole
    assert time.monotonic() - begun >= 0.9


def test_a_web_page_instead_of_data(simulator: Simulator) -> None:
    control(simulator, path="/opendata/", fault="html")
    answer = portal(simulator)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_truncated_body_claims_to_be_whole(simulator: Simulator) -> None:
    whole = portal(simulator).content
    control(simulator, path="/opendata/", fault="truncate")
    answer = portal(simulator)
    assert answer.content == whole[: len(whole) // 2]
    assert answer.headers["content-length"] == str(len(whole) // 2)


def test_a_redirect_leads_to_another_origin(simulator: Simulator) -> None:
    elsewhere = simulator.urls["zhaohua.portal"] + "/export/villages/2024-03-02.xlsx"
    control(simulator, path="/opendata/", fault="redirect", location=elsewhere)
    answer = portal(simulator)
    assert answer.status_code == 302
    assert answer.headers["location"] == elsewhere


def test_planned_faults_are_forgotten_on_request(simulator: Simulator) -> None:
    control(simulator, path="/", fault="503", times=99)
    control(simulator, clear=True)
    assert portal(simulator).status_code == 200


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b'{"path": "/", "fault": "explode"}'])
def test_a_wrong_control_request_is_refused(simulator: Simulator, body: bytes) -> None:
    url = f"{simulator.urls['gongshu.api']}/__control__"
    answer = httpx.post(url, content=body, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_requests_are_listed_without_the_token(simulator: Simulator) -> None:
    url = f"{simulator.urls['gongshu.api']}/api/v1/catalogue?date=2024-03-01"
    get(url)
    portal(simulator)
    told = get(f"{simulator.urls['gongshu.api']}/__requests__", None)
    assert [(line["system"], line["status"], line["authorized"]) for line in told.json()] == [
        ("gongshu.api", 200, True),
        ("longyou.portal", 200, False),
    ]
    assert TOKEN not in told.text


def test_an_ordinary_start_stumbles_first() -> None:
    simulator = serve(token=TOKEN)
    try:
        url = f"{simulator.urls['gongshu.api']}/api/v1/events?date=2024-03-01"
        answer = get(url)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    finally:
        simulator.stop()


def held_back(process: int) -> set[int]:
    """The signals that interrupt nothing that the first thread of a process does."""
    told = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (mask,) = (line.split()[1] for line in told.splitlines() if line.startswith("SigBlk:"))
    return {number for number in signal.valid_signals() if int(mask, 16) >> (number - 1) & 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_where_it_is_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    token = tmp_path / "secrets" / "gongshu_api_token"
    command = [
        sys.executable,
        "-m",
        "infra.simulator",
        "--port",
        "0",
        "--token-file",
        str(token),
        "--print-urls",
    ]
    root = Path(__file__).resolve().parents[2]
    begun = time.monotonic()
    with (
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        contextlib.ExitStack() as at_the_end,
    ):
        at_the_end.callback(process.kill)
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert time.monotonic() - begun < PATIENCE_SECONDS
        assert told["pid"] == process.pid
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        answer = get(f"{told['gongshu.api']}/api/v1/catalogue?date=2024-03-01", token.read_text().strip())
        assert answer.status_code == 200
        assert {signal.SIGTERM, signal.SIGINT} <= held_back(process.pid), (
            "they may interrupt who holds a lock"
        )
        for one in (number, signal.SIGTERM, signal.SIGINT):
            process.send_signal(one)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    with pytest.raises(httpx.ConnectError):
        httpx.get(told["longyou.portal"])
