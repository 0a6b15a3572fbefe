"""The Airflow DAG that looks every half hour for what is late, and for what did not follow.

It tells somebody of late deliveries, lets the marts follow a decision that was taken at the command line, and
partners what no publication has let go, and writes the report when it is not of the books as they are.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException
from dag_factories.exchange import due
from dag_factories.loaded import LOADED, emit
from dag_factories.pairings import due_of, nodes_with_partners
from dag_factories.recovery import task_defaults, tell_failed_run


@task(task_id="late", multiple_outputs=False)
def late() -> dict[str, Any]:
    from shanhai import steps

    return steps.late_step()


@task(task_id="marts", outlets=[LOADED])
def marts(**context: Any) -> None:
    """Emit the event where the lake has rows that no build has seen."""
    from shanhai import steps

    if not steps.unseen_step()["unseen"]:
        raise AirflowSkipException("a build has seen the lake as it is")
    emit(context)


@task(task_id="report", multiple_outputs=False)
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
    on_failure_callback=tell_failed_run,
    is_paused_upon_creation=True,
    default_args={**task_defaults(retries=2, seconds=60), "priority_weight": 1},
):
    late()
    marts()
    report()
    for node in nodes_with_partners():
        due.override(task_id=f"due__{node}", outlets=[due_of(node)])(node=node)
