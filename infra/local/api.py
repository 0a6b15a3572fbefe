"""What the runner asks of Airflow's REST API, with a token of the one local user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential

from infra.local.configuration import USER

Json = dict[str, Any]

UNFINISHED = ("queued", "running")
_ENDED = ("success", "failed", "skipped", "upstream_failed")
_PAGE = 100


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) or (
        isinstance(error, httpx.HTTPStatusError) and error.response.is_server_error
    )


def _moments(backfill: Json) -> list[datetime]:
    return [datetime.fromisoformat(backfill[name]) for name in ("from_date", "to_date")]


_PATIENTLY = retry(
    retry=retry_if_exception(_may_pass),
    stop=stop_after_attempt(6),
    wait=wait_exponential(0.5, max=8),
    reraise=True,
)


@dataclass(frozen=True)
class Run:
    """One DAG run, as far as the runner cares."""

    dag_id: str
    run_id: str
    state: str


class Api:
    """A client of one API server. Every method raises httpx.HTTPError when the server keeps failing."""

    def __init__(self, address: str, password: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=30.0, trust_env=False)
        self._password = password

    def close(self) -> None:
        self._client.close()

    def healthy(self) -> bool:
        """Whether the server answers and knows a live scheduler and DAG processor."""
        try:
            health = self._client.get("/api/v2/monitor/health").raise_for_status().json()
        except httpx.HTTPError:
            return False
        parts = (health.get("scheduler"), health.get("dag_processor"))
        return all(part is not None and part.get("status") == "healthy" for part in parts)

    def log_in(self) -> None:
        """Fetch a token; valid for a day."""
        answer = self._send("POST", "/auth/token", json={"username": USER, "password": self._password})
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def dags(self) -> dict[str, Json]:
        """All DAGs that are known and not stale, by id."""
        return {dag["dag_id"]: dag for dag in self._all("/api/v2/dags", "dags", {})}

    def import_errors(self) -> list[str]:
        """What could not be parsed, a text each."""
        found = self._all("/api/v2/importErrors", "import_errors", {})
        return [f"{error['filename']}: {error['stack_trace']}" for error in found]

    def count(self, dag_id: str = "~", **filters: Any) -> int:
        """How many runs pass the filters, e.g. `state=["queued"]`."""
        total: int = self._get(f"/api/v2/dags/{dag_id}/dagRuns", {**filters, "limit": 1})["total_entries"]
        return total

    def runs(self, dag_id: str = "~", **filters: Any) -> list[Run]:
        """The runs that pass the filters."""
        found = self._all(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs", filters)
        return [Run(run["dag_id"], run["dag_run_id"], run["state"]) for run in found]

    def began_before(self, dag_id: str, moment: datetime) -> bool:
        """Whether a DAG has a run that started before `moment`."""
        return self.count(dag_id, start_date_lt=moment.isoformat()) > 0

    def tasks(self, run: Run) -> list[Json]:
        """The task instances of a run."""
        return list(
            self._all(f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", "task_instances", {})
        )

    def running_tasks(self) -> list[Json]:
        """The task instances of all runs that run now."""
        path = "/api/v2/dags/~/dagRuns/~/taskInstances"
        return list(self._all(path, "task_instances", {"state": ["running"]}))

    def ended_tasks(self, since: datetime) -> int:
        """How many task instances of all runs ended since a moment."""
        filters = {"state": list(_ENDED), "end_date_gte": since.isoformat(), "limit": 1}
        total: int = self._get("/api/v2/dags/~/dagRuns/~/taskInstances", filters)["total_entries"]
        return total

    def due(self, now: datetime) -> list[str]:
        """The DAGs whose calendar has a run that should have begun."""
        known = self.dags().items()
        upcoming = {name: dag["next_dagrun_run_after"] for name, dag in known if not dag["is_paused"]}
        return [name for name, at in upcoming.items() if at and datetime.fromisoformat(at) <= now]

    def pending_events(self) -> int:
        """Asset events that have not become a run yet."""
        total: int = self._get("/ui/partitioned_dag_runs", {"has_created_dag_run_id": False})["total"]
        return total

    def trigger(self, dag_id: str, *, conf: Json | None = None, partition_key: str | None = None) -> Run:
        """Create one run; it is queued when this returns.

        The run has a name before it is asked for: a server that made it and could not say so is asked again.
        """
        name, runs = f"manual__{uuid4()}", f"/api/v2/dags/{dag_id}/dagRuns"
        body = {"dag_run_id": name, "logical_date": None, "conf": conf or {}, "partition_key": partition_key}
        try:
            answer = self._send("POST", runs, json=body).json()
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            answer = self._get(f"{runs}/{name}", {})
        return Run(dag_id, answer["dag_run_id"], answer["state"])

    def backfill(self, dag_id: str, first: str, last: str) -> int:
        """Run the partitions between two moments again; returns the number of the backfill.

        A backfill has no name. A server that began it and could not say so answers with a conflict when it is
        asked again: the one of these moments that has not ended is meant.
        """
        body = {"dag_id": dag_id, "from_date": first, "to_date": last, "reprocess_behavior": "completed"}
        try:
            return int(self._send("POST", "/api/v2/backfills", json=body).json()["id"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            for one in self._all("/api/v2/backfills", "backfills", {"dag_id": dag_id}):
                if one["completed_at"] is None and _moments(one) == _moments(body):
                    return int(one["id"])
            raise

    def backfill_done(self, number: int) -> bool:
        return self._get(f"/api/v2/backfills/{number}", {})["completed_at"] is not None

    def unpause(self, dag_id: str) -> None:
        self._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def _get(self, path: str, parameters: Json) -> Json:
        answer: Json = self._send("GET", path, params=parameters).json()
        return answer

    @_PATIENTLY
    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """One request; asked again while the server is busy."""
        return self._client.request(method, path, **content).raise_for_status()

    def _all(self, path: str, name: str, parameters: Json) -> Iterator[Json]:
        offset = 0
        while True:
            page = self._get(path, {**parameters, "limit": _PAGE, "offset": offset})
            yield from page[name]
            offset += _PAGE
            if offset >= page["total_entries"]:
                return
