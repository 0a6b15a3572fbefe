"""One run from nothing to a summary: start everything, let the scheduler work, stop everything."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from infra.local.airflow import Airflow
from infra.local.api import Api
from infra.local.books import ledger_rows, marts, node_of, pending_deliveries
from infra.local.demonstration import OWN, PARTNERS, prepare_exchange
from infra.local.exchanged import describe_exchange, disagreements, exchanged, parcels_until_now
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import check_not_up, only_runner
from infra.local.problems import OutOfTimeError, describe_failures, describe_stuck
from infra.local.progress import Patience, Progress, wait_until_idle, wait_until_ready
from infra.local.running import Running
from infra.local.summary import Outcome, describe
from shanhai.errors import ConfigurationError

FIXED_DAGS = frozenset({"warehouse", "decisions", "watch", "purge"})
_PARSE_EVERY_SECONDS = 600


@dataclass(frozen=True)
class Plan:
    """What to run: `data` is a folder of downloaded data, or None for the simulated districts."""

    layout: Layout
    data: Path | None
    minutes: float

    @property
    def exchanges(self) -> bool:
        """Whether the nodes of the demonstration are part of it."""
        return self.data is None and self.layout.federation == REPOSITORY


def run(plan: Plan) -> int:
    """Take every dataset of the federation through the walk under a scheduler of its own.

    Returns:
        0, or 1 when a DAG run failed; a held delivery is no failure.

    Raises:
        BusyError: another run is active in this home.
        ShanhaiError: something could not be started, or for too long nothing ended.
    """
    plan.layout.make_folders()
    progress = Progress()
    with only_runner(plan.layout):
        check_not_up(plan.layout)
        with Running(plan.layout).guarded() as running:
            airflow, api = running.start(
                plan.data, progress, parse_every=_PARSE_EVERY_SECONDS, meanwhile=partial(prepare_nodes, plan)
            )
            patience = Patience(plan.minutes)
            try:
                return _work(plan, airflow, api, progress, patience, running)
            except OutOfTimeError:
                for line in describe_stuck(plan.layout, api):
                    progress.say(line)
                raise


def prepare_nodes(plan: Plan) -> None:
    """Make the nodes of the demonstration; downloaded data are exchanged with nobody."""
    if plan.exchanges:
        prepare_exchange(plan.layout)


def calendars(layout: Layout) -> dict[str, bool]:
    """The DAGs of the federation's datasets by id, and whether each has a calendar; from the generated knobs.

    Raises:
        ConfigurationError: there are none.
    """
    if not layout.knobs.is_file():
        raise ConfigurationError("the DAGs were not generated", given=layout.knobs, hint="shanhai generate")
    document = json.loads(layout.knobs.read_text(encoding="utf-8"))
    return {entry["dag_id"]: entry["cron"] is not None for entry in document["datasets"]}


def expected_dags(plan: Plan) -> frozenset[str]:
    """The DAGs that Airflow must know before anything begins."""
    pairings = [dag for dags in rounds(lambda _: False) for dag in dags] if plan.exchanges else []
    return FIXED_DAGS | calendars(plan.layout).keys() | set(pairings)


def rounds(has_run: Callable[[str], bool]) -> Iterator[list[str]]:
    """What the exchange does by the clock, now and in its order: send, receive, hear what became of it.

    Args:
        has_run: asked of the DAGs that send; those that followed a publication already are left out.
    """
    sends = [f"exchange__{OWN}__{name}__send" for name in PARTNERS]
    due = [dag_id for dag_id in sends if not has_run(dag_id)]
    if due:
        yield due
    yield [f"exchange__{name}__{OWN}__receive" for name in PARTNERS]
    yield [f"exchange__{OWN}__{name}__receive" for name in PARTNERS]


def _work(
    plan: Plan, airflow: Airflow, api: Api, progress: Progress, patience: Patience, running: Running
) -> int:
    since = datetime.now(UTC)
    datasets = calendars(plan.layout)
    node = node_of(plan.layout)
    before = ledger_rows(node)
    parcels = parcels_until_now(plan.layout) if plan.exchanges else 0
    wait_until_ready(airflow, api, expected_dags(plan), progress, patience)
    progress.say("the scheduler works")
    _trigger(api, datasets, since)
    failed = wait_until_idle(airflow, api, node, since, progress, patience)
    if plan.exchanges:
        for dags in rounds(lambda dag_id: api.count(dag_id, start_date_gte=since.isoformat()) > 0):
            progress.say(f"exchange: {', '.join(dags)}")
            for dag_id in dags:
                api.trigger(dag_id)
            failed = wait_until_idle(airflow, api, node, since, progress, patience)
    complaints = list(describe_failures(plan.layout, api, failed))
    progress.say("all runs ended; shutting down")
    running.stop()
    waiting = pending_deliveries(node)
    complaints += [f"without a verdict: {delivery}" for delivery in waiting]
    outcome = Outcome(
        rows=ledger_rows(node),
        rows_before=sum(row.counts.loaded for row in before),
        deliveries_before=len(before),
        marts=marts(node),
        seconds=progress.seconds,
    )
    lines = list(describe(outcome, plan.layout))
    if plan.exchanges:
        crossed = exchanged(plan.layout, parcels)
        lines += describe_exchange(crossed)
        complaints += disagreements(crossed)
    for line in (*lines, *complaints, f"SHANHAI_HOME={shlex.quote(str(plan.layout.home))}"):
        print(line, flush=True)
    return 1 if complaints else 0


def _trigger(api: Api, datasets: Mapping[str, bool], since: datetime) -> None:
    """Pull again what was pulled before `since`, and for the first time what has no calendar.

    The first runs of a calendar are the scheduler's own.
    """
    for dag_id, has_calendar in datasets.items():
        if not has_calendar or api.began_before(dag_id, since):
            api.trigger(dag_id)
