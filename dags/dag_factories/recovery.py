"""What a failed task does next: the class of the error decides about a retry, and somebody is told."""

from __future__ import annotations

import contextlib
import hashlib
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

BY_ERROR_CLASS = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="shanhai.errors.RetryableError",
            action=RetryAction.DEFAULT,
            reason="the same call may succeed later",
        ),
        RetryRule(
            exception="airflow.sdk.exceptions.AirflowRuntimeError",
            action=RetryAction.DEFAULT,
            reason="Airflow's API server did not answer, or with an error",
        ),
    ],
    default=RetryAction.FAIL,
)
"""Only what may pass by itself is retried; a wrong contract, bad data, a denial or a bug fails at once."""


def die_of_faults(_context: Any) -> None:
    """Let a task end that reads memory which is not its own; called by Airflow before it begins.

    Airflow's parser of DAGs leaves a handler of SIGSEGV in the process of the task. It returns, the fault is
    met again, and so on for ever: a fault of a library would be a task that never ends. Now it ends as one
    that was killed: Airflow says so in its log, and tries it again.
    """
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)


def tell_failure(context: Any) -> None:
    """Post a failed task to the configured address and the log; called by Airflow after the last try.

    Of an error that is not ours the class is told and where its log lies: its text may quote data. Of one
    damaged file people are told once a run, however many of its tasks meet it; where that could not be
    posted, by the next of them.
    """
    from shanhai.notify import facts_of, notify
    from shanhai.settings import load_settings

    ti, error = context["ti"], context.get("exception")
    settings, facts = load_settings(), facts_of(error)
    told = _told(settings.home, ti.dag_id, ti.run_id)
    mark = _mark(told, error, facts)
    if mark is not None and not _is_first(mark):
        return
    posted = notify(
        settings,
        "failed",
        dag=ti.dag_id,
        run=ti.run_id,
        task=ti.task_id,
        tries=ti.try_number,
        log=f"dag_id={ti.dag_id}/run_id={ti.run_id}/task_id={ti.task_id}/attempt={ti.try_number}.log",
        **facts,
    )
    # A full disk may be what failed: then the run is told as well.
    with contextlib.suppress(OSError):
        if mark is not None and not posted:
            mark.unlink(missing_ok=True)
        told.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        told.touch(mode=0o600)


def _mark(told: Path, error: object, facts: Mapping[str, str | None]) -> Path | None:
    """A file that is there while a task of the run has told of this damage; None: it is no damage."""
    from shanhai.errors import DamagedError

    if not isinstance(error, DamagedError):
        return None
    digest = hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()
    return told.with_name(f"{told.name}-{digest}")


def _is_first(mark: Path) -> bool:
    """Make a mark; returns whether it was not there. Where it cannot be made, it is told again."""
    try:
        mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def tell_failed_run(context: Any) -> None:
    """Post a failed run of which no task could tell why; called by Airflow's DAG processor at its end.

    A task that is killed at its last try calls nobody any more: `tell_failure` was not reached.
    """
    from shanhai.notify import notify
    from shanhai.settings import load_settings

    settings = load_settings()
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    told = _told(settings.home, dag_id, run_id)
    was_told = told.exists()
    for one in told.parent.glob(f"{told.name}*"):
        one.unlink(missing_ok=True)
    if was_told:
        return
    log = f"dag_id={dag_id}/run_id={run_id}"
    notify(settings, "failed", dag=dag_id, run=run_id, log=log, error="Killed")


def _told(home: Path, dag_id: str, run_id: str) -> Path:
    """A file that is there while somebody was told of a task of a run, and the run did not end."""
    name = hashlib.sha256(f"{dag_id} {run_id}".encode()).hexdigest()
    return home / "notified" / "failed" / name


def task_defaults(retries: int, seconds: float) -> dict[str, Any]:
    """The arguments that every task of a DAG shares; the delay doubles with each try, up to ten minutes."""
    return {
        "retries": retries,
        "retry_delay": timedelta(seconds=seconds),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": BY_ERROR_CLASS,
        "on_execute_callback": die_of_faults,
        "on_failure_callback": tell_failure,
        "weight_rule": "absolute",
    }
