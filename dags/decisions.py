"""The Airflow DAG by which a person decides about a held delivery.

Trigger it with the delivery, the action, a name and a reason; the marts follow by themselves. The
same decision can be taken with `shanhai delivery approve | refuse | withdraw`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from dag_factories.loaded import LOADED, emit
from dag_factories.recovery import task_defaults, tell_failed_run


@task(task_id="decide")
def decide(**context: Any) -> dict[str, Any]:
    from shanhai import steps

    return steps.decide_step(**context["params"])


@task(task_id="announce", outlets=[LOADED])
def announce(**context: Any) -> None:
    emit(context)


with DAG(
    dag_id="decisions",
    dag_display_name="决定 decisions",
    doc_md=__doc__,
    tags=["decisions"],
    schedule=None,
    catchup=False,
    max_active_runs=1,
    on_failure_callback=tell_failed_run,
    params={
        "delivery": Param(
            type="string",
            pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*/[^/]+/[0-9a-f]{12,64}$",
            description="<district>.<dataset>/<partition>/<sha256>",
        ),
        "action": Param(type="string", enum=["approve", "refuse", "withdraw"]),
        "by": Param(type="string", minLength=1, maxLength=100, description="who decides"),
        "reason": Param(type="string", minLength=1, maxLength=1000),
    },
    default_args={**task_defaults(retries=2, seconds=10), "priority_weight": 20},
):
    decide() >> announce()
