"""The Airflow DAG that looks every half hour for late deliveries, and for a report that was not written.

It tells somebody of what is late, and writes the report when it is not of the books as they are.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from dag_factories.recovery import task_defaults


@task(task_id="late")
def late() -> dict[str, Any]:
    from shanhai import steps

    return steps.late_step()


@task(task_id="report")
def report() -> dict[str, Any]:
    from shanhai import steps

    return steps.stale_report_step()


with DAG(
    dag_id="watch",
    dag_display_name="看守 watch",
    doc_md=__doc__,
    tags=["watch"],
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={**task_defaults(retries=2, seconds=60), "priority_weight": 1},
):
    late()
    report()
