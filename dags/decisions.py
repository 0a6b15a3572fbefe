"""The Airflow DAG by which a person decides about a delivery, or about its refused rows.

Trigger it with the delivery, the action, a name and a reason; where rows move, the marts follow by
themselves. A run decides once, however often it is tried or cleared, unless it found nothing to do. The same
can be done with `shanhai delivery approve | refuse | withdraw`, `shanhai replay` and
`shanhai quarantine release | revoke | discard | reopen`; only the last four take rules.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowSkipException
from dag_factories.loaded import LOADED, emit
from dag_factories.recovery import task_defaults, tell_failed_run


@task(task_id="decide", multiple_outputs=False)
def decide(**context: Any) -> dict[str, Any]:
    from shanhai import steps

    return steps.decide_step(**context["params"], idempotency_key=_key(context["dag_run"]))


def _key(run: Any) -> str:
    """What each try of a run has in common, also of a run that is cleared, and no other run has.

    Whoever triggers a run may name it, and another Airflow on the same home may have had that name.
    """
    return f"{run.dag_id}/{run.run_id}/{run.run_after.isoformat()}"


@task(task_id="announce", outlets=[LOADED])
def announce(**context: Any) -> None:
    """Emit the event unless `decide` says that a build has seen the rows as they are."""
    outcome = context["ti"].xcom_pull(task_ids="decide")
    if outcome and not outcome["changed"]:
        raise AirflowSkipException("a build has seen the rows as they are")
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
        "action": Param(
            type="string",
            enum=["approve", "refuse", "withdraw", "replay", "release", "revoke", "discard", "reopen"],
        ),
        "by": Param(type="string", minLength=1, maxLength=100, description="who decides"),
        "reason": Param(type="string", minLength=1, maxLength=1000),
        "rules": Param([], type="array", items={"type": "string"}, description="broken rules, by name"),
    },
    default_args={**task_defaults(retries=2, seconds=10), "priority_weight": 20},
):
    decide() >> announce()
