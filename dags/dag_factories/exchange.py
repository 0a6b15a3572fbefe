"""The two DAGs of a pairing: release and ship; receive, admit and acknowledge.

Each task may be killed and tried again. What waits for a person is told once and fails no run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, PartitionedAssetTimetable, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

from dag_factories.loaded import LOADED, emit
from dag_factories.pairings import PARTITION, due_of, prefix
from dag_factories.recovery import task_defaults, tell_failed_run

if TYPE_CHECKING:
    from shanhai.courier.served import Exchange


def _defaults(exchange: Exchange) -> dict[str, Any]:
    """What all tasks of a pairing share; a relay that trickles must not keep a slot for ever."""
    return {
        **task_defaults(retries=5, seconds=20),
        "priority_weight": 5,
        "execution_timeout": timedelta(seconds=exchange.node.settings.exchange_seconds),
    }


@task(task_id="release", multiple_outputs=False)
def release(node: str, partner: str) -> dict[str, Any]:
    from shanhai import steps

    return steps.release_step(node, partner)


@task(task_id="ship", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def ship(node: str, partner: str) -> dict[str, Any]:
    from shanhai import steps

    return steps.ship_step(node, partner)


@task(task_id="receive", multiple_outputs=False)
def receive(node: str, partner: str) -> dict[str, Any]:
    from shanhai import steps

    return steps.receive_step(node, partner)


@task(task_id="admit", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def admit(node: str, partner: str) -> dict[str, Any]:
    """Walk what was opened, by this run or one before: pull, stage, check, load under our own contract."""
    from shanhai import steps

    return steps.admit_step(node, partner)


@task(task_id="acknowledge", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def acknowledge(node: str, partner: str) -> dict[str, Any]:
    """Take the receipts to the relay, and whatever else waits for it."""
    from shanhai import steps

    return steps.ship_step(node, partner)


@task(task_id="announce", trigger_rule=TriggerRule.ALL_DONE, outlets=[LOADED])
def announce(**context: Any) -> None:
    """Let the marts of this home follow what was admitted; a failed walk may have loaded something."""
    outcome = context["ti"].xcom_pull(task_ids="admit")
    if outcome and not outcome["changed"]:
        raise AirflowSkipException("nothing changed in the lake")
    emit(context)


@task(task_id="due")
def due(node: str, **context: Any) -> None:
    """Emit the event of a node where something may leave it."""
    from shanhai import steps

    if not steps.due_step(node)["due"]:
        raise AirflowSkipException("nothing is to leave")
    context["outlet_events"][due_of(node)].add_partitions(PARTITION)


def send_dag(exchange: Exchange) -> DAG:
    """Release what grants in force name, and ship; follows the event of the node."""
    node = exchange.node.name
    with DAG(
        dag_id=f"{prefix(exchange)}send",
        dag_display_name=f"发送 {node} → {exchange.partner}",
        doc_md=send_dag.__doc__,
        tags=["exchange", node, exchange.partner],
        schedule=PartitionedAssetTimetable(assets=due_of(node)),
        catchup=False,
        max_active_runs=1,
        on_failure_callback=tell_failed_run,
        default_args=_defaults(exchange),
    ) as dag:
        tasks = [step(node=node, partner=exchange.partner) for step in (release, ship)]
        tasks[0] >> tasks[1]
        tasks >> EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
    return dag


def receive_dag(exchange: Exchange) -> DAG:
    """Receive from a partner, admit through the ordinary walk, acknowledge; by the clock."""
    node = exchange.node
    with DAG(
        dag_id=f"{prefix(exchange)}receive",
        dag_display_name=f"接收 {exchange.partner} → {node.name}",
        doc_md=receive_dag.__doc__,
        tags=["exchange", node.name, exchange.partner],
        schedule=CronTriggerTimetable(node.receive, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        on_failure_callback=tell_failed_run,
        default_args=_defaults(exchange),
    ) as dag:
        tasks = [step(node=node.name, partner=exchange.partner) for step in (receive, admit, acknowledge)]
        tasks[0] >> tasks[1] >> tasks[2]
        if node.is_own:
            tasks[1] >> announce()
        tasks >> EmptyOperator(task_id="settled", trigger_rule=TriggerRule.NONE_FAILED)
    return dag
