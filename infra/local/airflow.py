"""The embedded Airflow as a whole: prepared once a home, started as three processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from infra.local.configuration import free_port, write_configuration
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout
from infra.local.processes import Started, start
from shanhai.errors import ConfigurationError

SLOTS = (os.cpu_count() or 2) + 2
NAMES = ("scheduler", "api-server", "dag-processor")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Airflow:
    """A running API server, scheduler and DAG processor; nothing here defers, so no triggerer."""

    layout: Layout
    address: str
    processes: tuple[Started, ...]

    def dead(self) -> list[Started]:
        """Processes that ended although nobody asked them to."""
        return [process for process in self.processes if not process.alive()]


def prepare(layout: Layout) -> None:
    """Create or migrate the metadata database, once for each version of Airflow.

    Raises:
        ConfigurationError: `airflow db migrate` failed; the message names its log.
    """
    marker, wanted = layout.airflow / "version", version("apache-airflow")
    if marker.is_file() and marker.read_text() == wanted and layout.database.is_file():
        return
    log = layout.logs / "airflow-db-migrate.log"
    write_configuration(layout, port=free_port(), slots=SLOTS, parse_every=30)
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment(layout),
            cwd=REPOSITORY,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ConfigurationError("Airflow's metadata database could not be prepared", hint=f"see {log}")
    for file in layout.airflow.glob("airflow.db*"):
        file.chmod(0o600)
    marker.write_text(wanted)


def start_airflow(
    layout: Layout,
    *,
    parse_every: int,
    started: Callable[[Started], Started],
    variables: Mapping[str, str] = _NONE,
) -> Airflow:
    """Start the three processes on a free port, telling each to `started` at once.

    Args:
        layout: the home.
        parse_every: DAG files are read again after so many seconds.
        started: told each process; returns it.
        variables: of the environment, before those of `environment`.
    """
    port = free_port()
    write_configuration(layout, port=port, slots=SLOTS, parse_every=parse_every)
    processes = tuple(started(start_process(layout, name, port, variables=variables)) for name in NAMES)
    return Airflow(layout, f"http://127.0.0.1:{port}", processes)


def start_process(layout: Layout, name: str, port: int, *, variables: Mapping[str, str] = _NONE) -> Started:
    """Start one of `NAMES`, by the configuration that was written; the API server listens on `port`."""
    arguments = {
        "scheduler": ["-m", "infra.local.scheduler"],
        "api-server": ["-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)],
        "dag-processor": ["-m", "airflow", "dag-processor"],
    }
    return start(
        name,
        [sys.executable, *arguments[name]],
        environment={**environment(layout), **variables},
        folder=REPOSITORY,
        log=_fresh(layout.logs / f"{name}.log"),
    )


def previous_log(log: Path) -> Path:
    """Where the log of the process before is kept."""
    return log.with_suffix(".previous.log")


def _fresh(log: Path) -> Path:
    """Keep the log of the run before, and no more than that."""
    if log.exists():
        log.replace(previous_log(log))
    return log
