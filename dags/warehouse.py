"""The Airflow DAG that makes the marts follow the lake: build, publish, report; partners follow in turn.

Any dataset's loaded event triggers it, one run at a time. A run that sees another one waiting leaves
the work to that one, so a burst of loads costs one build.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException
from dag_factories.exchange import due
from dag_factories.loaded import WAREHOUSE, build_waits, on_loaded
from dag_factories.pairings import due_of, nodes_with_partners
from dag_factories.recovery import task_defaults, tell_failed_run


@task(task_id="build", multiple_outputs=False)
def build(**context: Any) -> dict[str, Any]:
    from shanhai import steps

    if build_waits(context):
        raise AirflowSkipException("another build is waiting and will see these loads too")
    return steps.build_step()


@task(task_id="publish", multiple_outputs=False)
def publish() -> dict[str, Any]:
    from shanhai import steps

    return steps.publish_step()


@task(task_id="report", trigger_rule=TriggerRule.NONE_SKIPPED, multiple_outputs=False)
def report() -> dict[str, Any]:
    from shanhai import steps

    return steps.report_step()


with DAG(
    dag_id=WAREHOUSE,
    dag_display_name="数仓 warehouse",
    doc_md=__doc__,
    tags=["warehouse"],
    schedule=on_loaded(),
    catchup=False,
    max_active_runs=1,
    on_failure_callback=tell_failed_run,
    default_args={**task_defaults(retries=2, seconds=10), "priority_weight": 1},
):
    tasks = [build(), publish(), report()]
    tasks[0] >> tasks[1] >> tasks[2]
    for node in nodes_with_partners(own=True):
        tasks[1] >> due.override(outlets=[due_of(node)])(node=node)
    tasks >> EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
