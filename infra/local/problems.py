"""What goes wrong while the runner waits, and where a person has to look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from infra.local.api import UNFINISHED, Api, Run
from infra.local.layout import Layout
from infra.local.processes import Started
from shanhai import errors
from shanhai.errors import ConfigurationError, ShanhaiError

_TAIL_LINES = 8
_COMPLAINT = re.compile(r"\b(warning|error|critical|exception|traceback)\b", re.IGNORECASE)
_SHOWN_RUNS = 20


class OutOfTimeError(ShanhaiError):
    """For too long nothing ended."""

    exit_code = 75
    recovery = "retry"

    def __init__(self, minutes: float) -> None:
        super().__init__(
            f"nothing ended for {minutes:g} minutes",
            hint="what is not done is listed above; run it again: it goes on where it stopped",
        )


class ProcessDiedError(ShanhaiError):
    """One of Airflow's processes ended by itself."""

    exit_code = 75
    recovery = "retry"

    def __init__(self, dead: Sequence[Started]) -> None:
        self.dead = tuple(dead)
        names = ", ".join(process.name for process in dead)
        super().__init__(
            f"{names} ended unexpectedly",
            hint=f"see {dead[0].log}; run it again: it goes on where it stopped",
        )


class ParsingError(ConfigurationError):
    """A DAG file does not parse."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("DAG files do not parse", given=errors[0], hint="shanhai generate")


def describe_failures(layout: Layout, api: Api, failed: Sequence[Run]) -> Iterator[str]:
    """For each failed task of the failed runs its error and its log file; the first few in full."""
    for run in failed[:_SHOWN_RUNS]:
        for task in api.tasks(run):
            if task["state"] == "failed":
                log = task_log(layout, run, task["task_id"], task["try_number"])
                yield f"failed: {run.dag_id} {task['task_id']}: {_last_error(log)}"
                yield f"    {log}"
    if len(failed) > _SHOWN_RUNS:
        yield f"failed: {len(failed) - _SHOWN_RUNS} more runs"


def describe_stuck(layout: Layout, api: Api) -> Iterator[str]:
    """What is not finished: runs, their tasks, what is due, and what the processes' logs complain of."""
    try:
        for run in api.runs(state=list(UNFINISHED)):
            states = {task["task_id"]: task["state"] or "waiting" for task in api.tasks(run)}
            yield f"not done: {run.dag_id} {run.run_id} is {run.state}; " + ", ".join(
                f"{task} {state}" for task, state in states.items()
            )
        yield from (f"not begun: {dag_id} is due" for dag_id in api.due(datetime.now(UTC)))
        yield f"asset events without a run: {api.pending_events()}"
    except httpx.HTTPError as error:
        yield f"the API server does not answer: {type(error).__name__}"
    for log in sorted(layout.logs.glob("*.log")):
        if not log.name.endswith(".previous.log"):
            yield f"--- {log}"
            yield from (f"    {line[:200]}" for line in _tail(log))


def task_log(layout: Layout, run: Run, task: str, attempt: int) -> Path:
    """Where Airflow writes the log of one try of a task."""
    folder = layout.airflow / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task}"
    return folder / f"attempt={attempt}.log"


def _last_error(log: Path) -> str:
    """The last error in a task's log, which is a JSON object a line.

    Of an error that is not ours only the class: its text may quote data.
    """
    for line in reversed(
        log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    ):
        if '"error_detail"' in line:
            last = json.loads(line)["error_detail"][-1]
            ours = hasattr(errors, last["exc_type"])
            return f"{last['exc_type']}: {last['exc_value']}" if ours else str(last["exc_type"])
    return "see its log"


def _tail(log: Path) -> list[str]:
    """The last complaints of a process; what it tells of its work says nothing of what is wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if _COMPLAINT.search(line)][-_TAIL_LINES:]
