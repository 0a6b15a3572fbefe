"""Airflow that stays up in the background, with its web UI, until told to go down."""

from __future__ import annotations

import shlex
from contextlib import closing
from functools import partial

from infra.local.configuration import USER, password
from infra.local.keeper import END_SECONDS, start_keeper
from infra.local.keeper import NAME as KEEPER
from infra.local.layout import Layout
from infra.local.lock import check_not_up, clear_record, only_runner, read_record, write_record
from infra.local.processes import stop, stop_alone
from infra.local.progress import Patience, Progress, wait_until_ready
from infra.local.run import Plan, expected_dags, prepare_nodes
from infra.local.running import Running
from shanhai.errors import BusyError

_PARSE_EVERY_SECONDS = 30


def up(plan: Plan) -> int:
    """Start the sources and Airflow and leave them; says the address, the user and the password.

    Returns:
        0, also when it is up already.

    Raises:
        BusyError: a run is active in this home.
        ShanhaiError: something did not start; nothing is left running then.
    """
    layout = plan.layout
    layout.make_folders()
    record = read_record(layout)
    if record is not None and record.mode == "up" and record.alive():
        print(f"already up: {record.address}")
        _keep_again(layout)
        return _say(layout, record.address)
    with only_runner(layout):
        check_not_up(layout)
        progress = Progress()
        running = Running(layout)
        try:
            airflow, api = running.start(
                plan.data,
                progress,
                parse_every=_PARSE_EVERY_SECONDS,
                mode="up",
                meanwhile=partial(prepare_nodes, plan),
            )
            with closing(api):
                patience = Patience(plan.minutes)
                wait_until_ready(airflow, api, expected_dags(plan), progress, patience)
                for dag in ("watch", "purge"):
                    api.unpause(dag)
            running.keep()
        except BaseException:
            running.stop()
            raise
    return _say(layout, running.address)


def down(layout: Layout) -> int:
    """Stop what `up` left running.

    Returns:
        0, also when nothing was up.

    Raises:
        BusyError: a process could not be stopped.
    """
    record = read_record(layout)
    if record is None or record.mode != "up":
        print("nothing is up")
        return 0
    # First the keeper: it would start again what ends, and has not recorded yet what it starts just now.
    for process in record.processes:
        if process.name == KEEPER:
            stop_alone(process, grace=END_SECONDS)
    record = read_record(layout) or record
    left = stop(record.processes)
    if left:
        raise BusyError(
            "processes are left", given=", ".join(str(one.pid) for one in left), hint="end them by hand"
        )
    clear_record(layout)
    print("down")
    return 0


def _keep_again(layout: Layout) -> None:
    """Start another keeper if that of an Airflow that is up has died."""
    with only_runner(layout):
        record = read_record(layout)
        if record is None or any(one.name == KEEPER and one.alive() for one in record.processes):
            return
        others = [one for one in record.processes if one.name != KEEPER]
        write_record(layout, record.mode, record.address, [*others, start_keeper(layout)])


def _say(layout: Layout, address: str) -> int:
    print(f"Airflow: {address}")
    print(f"user: {USER}")
    print(f"password: {password(layout)}")
    print(f"SHANHAI_HOME={shlex.quote(str(layout.home))}")
    return 0
