"""The DAG of one dataset: pull, stage, check, load, each over all pending deliveries, then announce."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronPartitionTimetable, PartitionedAtRuntime, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

from dag_factories.knobs import Knobs
from dag_factories.loaded import LOADED, emit
from dag_factories.recovery import task_defaults, tell_failed_run

WEIGHT = 10
"""Above the warehouse's: while slots are scarce, loads come first and one build follows them all."""


@task(task_id="pull", multiple_outputs=False)
def pull(dataset: str, **context: Any) -> dict[str, Any]:
    from shanhai import steps

    return steps.pull_step(dataset, context["dag_run"].partition_key)


@task(task_id="stage", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def stage(dataset: str) -> dict[str, Any]:
    from shanhai import steps

    return steps.stage_step(dataset)


@task(task_id="check", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def check(dataset: str) -> dict[str, Any]:
    from shanhai import steps

    return steps.check_step(dataset)


@task(task_id="load", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def load(dataset: str, **context: Any) -> dict[str, Any]:
    from shanhai import steps

    return {**steps.load_step(dataset), "retried": context["ti"].try_number > 1}


@task(task_id="announce", trigger_rule=TriggerRule.ALL_DONE, outlets=[LOADED])
def announce(**context: Any) -> None:
    """Emit the event unless `load` says that the marts know all; a failed load may have changed something."""
    outcome = context["ti"].xcom_pull(task_ids="load")
    if outcome and not outcome["changed"]:
        raise AirflowSkipException("nothing changed in the lake")
    emit(context)


def dataset_dag(knobs: Knobs) -> DAG:
    """Wire one dataset. A failed step lets the next ones work through the other deliveries."""
    zone = ZoneInfo(knobs.time_zone)
    with DAG(
        dag_id=knobs.dag_id,
        dag_display_name=f"{knobs.title} ({knobs.dataset})",
        description=knobs.title,
        doc_md=knobs.docs,
        tags=list(knobs.tags),
        schedule=_calendar(knobs),
        start_date=_moment(knobs.start, time.min, zone),
        end_date=_moment(knobs.end, time.max, zone),
        catchup=knobs.end is not None,
        max_active_runs=1,
        on_failure_callback=tell_failed_run,
        default_args={
            **task_defaults(knobs.retries, knobs.retry_seconds),
            "priority_weight": WEIGHT,
            "max_active_tis_per_dag": 1,
        },
    ) as dag:
        walk = [step(dataset=knobs.dataset) for step in (pull, stage, check, load)]
        walk.append(announce())
        for earlier, later in pairwise(walk):
            earlier >> later
        walk >> EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
    return dag


def _calendar(knobs: Knobs) -> CronPartitionTimetable | PartitionedAtRuntime:
    if knobs.cron is None:
        return PartitionedAtRuntime()
    return CronPartitionTimetable(knobs.cron, timezone=knobs.time_zone, key_format=knobs.window)


def _moment(day: str | None, at: time, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), at, zone) if day else None
