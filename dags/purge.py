"""The Airflow DAG that removes once a day what the contracts' retention lets go.

The same is done by `shanhai purge`; what it would do, and why, is told by `shanhai purge --dry-run`.
It cannot be undone.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from dag_factories.recovery import task_defaults, tell_failed_run


@task(task_id="purge", multiple_outputs=False)
def purge() -> dict[str, Any]:
    from shanhai import steps

    return steps.purge_step()


with DAG(
    dag_id="purge",
    dag_display_name="清除 purge",
    doc_md=__doc__,
    tags=["purge"],
    schedule=CronTriggerTimetable("30 4 * * *", timezone="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    on_failure_callback=tell_failed_run,
    is_paused_upon_creation=True,
    default_args={**task_defaults(retries=5, seconds=300), "priority_weight": 1},
):
    purge()
