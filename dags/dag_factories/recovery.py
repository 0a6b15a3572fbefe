"""What a failed task does next: the class of the error decides about a retry, and somebody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

BY_ERROR_CLASS = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="shanhai.errors.RetryableError",
            action=RetryAction.DEFAULT,
            reason="the same call may succeed later",
        )
    ],
    default=RetryAction.FAIL,
)
"""Only retryable errors are retried; a wrong contract, bad data, a denial or a bug fails at once."""


def tell_failure(context: Any) -> None:
    """Post a failed task to the configured address and the log; called by Airflow after the last try.

    Of an error that is not ours the class is told and where its log lies: its text may quote data.
    """
    from shanhai.notify import facts_of, notify
    from shanhai.settings import load_settings

    ti = context["ti"]
    notify(
        load_settings(),
        "failed",
        dag=ti.dag_id,
        run=ti.run_id,
        task=ti.task_id,
        tries=ti.try_number,
        log=f"dag_id={ti.dag_id}/run_id={ti.run_id}/task_id={ti.task_id}/attempt={ti.try_number}.log",
        **facts_of(context.get("exception")),
    )


def task_defaults(retries: int, seconds: float) -> dict[str, Any]:
    """The arguments that every task of a DAG shares; the delay doubles with each try, up to ten minutes."""
    return {
        "retries": retries,
        "retry_delay": timedelta(seconds=seconds),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": BY_ERROR_CLASS,
        "on_failure_callback": tell_failure,
        "weight_rule": "absolute",
    }
