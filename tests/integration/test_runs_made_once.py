"""A run that is asked for is made once, whatever the server says of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from infra.local.api import Api, Run

BACKFILLS = "/api/v2/backfills"
TOKEN = "/auth/token"
DAYS = ("2024-03-01T00:00:00Z", "2024-03-03T23:59:59Z")


class Forgetful(ThreadingHTTPServer):
    """Makes runs as Airflow does, and fails to say so for the first `failures` requests."""

    def __init__(self, failures: int) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.failures = failures
        self.runs: dict[str, dict[str, Any]] = {}
        self.backfills: list[dict[str, Any]] = []


class Answers(BaseHTTPRequestHandler):
    server: Forgetful

    def log_message(self, *_: object) -> None:
        """Nothing of it is wanted."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known, made = {BACKFILLS: self._begin, TOKEN: self._let_in}.get(self.path, self._make)(body)
        if self.server.failures:
            self.server.failures -= 1
            self._say(500, {"detail": "database is locked"})
        else:
            self._say(409 if known else 200, {"detail": "it exists"} if known else made)

    def _let_in(self, _: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        return False, {"access_token": "4711"}

    def _make(self, body: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        name = body.get("dag_run_id") or f"manual__{len(self.server.runs)}"
        known = name in self.server.runs
        run = self.server.runs.setdefault(name, {"dag_run_id": name, "state": "queued", "conf": body["conf"]})
        return known, run

    def _begin(self, body: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        """One at a time, as Airflow has it, which tells moments to the microsecond."""
        if any(one["completed_at"] is None for one in self.server.backfills):
            return True, {}
        moments = {name: body[name].replace("Z", ".000000Z") for name in ("from_date", "to_date")}
        self.server.backfills.append({"id": len(self.server.backfills) + 1, **moments, "completed_at": None})
        return False, self.server.backfills[-1]

    def do_GET(self) -> None:
        if self.path.startswith(BACKFILLS):
            found = self.server.backfills
            self._say(200, {"backfills": found, "total_entries": len(found)})
        else:
            run = self.server.runs.get(self.path.rpartition("/")[2])
            self._say(200 if run else 404, run or {})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def serving(failures: int) -> Iterator[tuple[Forgetful, Api]]:
    server = Forgetful(failures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api = Api(f"http://127.0.0.1:{server.server_port}", "")
    try:
        yield server, api
    finally:
        api.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_decision_is_asked_for_once_though_the_server_could_not_say_that_it_was(failures):
    with serving(failures) as (server, api):
        made = api.trigger("decisions", conf={"action": "withdraw"})
        again = api.trigger("decisions", conf={"action": "withdraw"})
    assert [run["conf"] for run in server.runs.values()] == [{"action": "withdraw"}] * 2
    assert [made, again] == [Run("decisions", name, "queued") for name in server.runs]


@pytest.mark.parametrize("failures", [0, 2])
def test_a_server_that_is_busy_is_asked_again_to_let_in(failures):
    with serving(failures) as (_, api):
        api.log_in()
        assert api._client.headers["Authorization"] == "Bearer 4711"


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_backfill_is_begun_once_though_the_server_could_not_say_that_it_was(failures):
    with serving(failures) as (server, api):
        for number in (1, 2):
            assert api.backfill("acounty__days", *DAYS) == number
            server.backfills[-1]["completed_at"] = "2024-04-01T00:00:00Z"
    assert len(server.backfills) == 2


def test_a_backfill_of_other_days_is_not_taken_for_the_one_that_is_asked_for():
    with serving(0) as (server, api):
        api.backfill("acounty__days", *DAYS)
        with pytest.raises(httpx.HTTPStatusError, match="409 Conflict"):
            api.backfill("acounty__days", DAYS[0], "2024-03-02T23:59:59Z")
    assert len(server.backfills) == 1
