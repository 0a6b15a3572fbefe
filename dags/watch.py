"""The Airflow DAG that looks for late deliveries every half hour and tells somebody."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from dag_factories.recovery import task_defaults


@task(task_id="late")
def late() -> dict[str, Any]:
    from shanhai import steps

    return steps.late_step()


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
