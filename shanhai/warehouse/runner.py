"""dbt in this process: one invocation, its results as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.errors import DataError, DiskFullError
from shanhai.storage.disk import says_full
from shanhai.warehouse.project import Project

_QUOTED = re.compile(r"'[^']*'")
_MAKE_ROOM = "make room, then build again: nothing is published"
_BROKEN = ("error", "fail", "runtime error")
_LAKE = "lake"
"""The dbt source of the books; the other sources are called as their districts."""


class BuildFailedError(DataError):
    """A model did not build, or a truth across tables does not hold; nothing is published."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one model or test; `failures` counts the rows that a test found.

    `reads` names every table of the lake that it rests on, directly or through other models.
    """

    name: str
    kind: str
    status: str
    seconds: float
    failures: int
    message: str
    public: bool = False
    reads: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether this ends the build."""
        return self.status in _BROKEN


def invoke(project: Project, command: Sequence[str]) -> tuple[NodeResult, ...]:
    """Run one dbt command on an assembled project; results in the order in which nodes finished.

    Nothing leaves the machine: no usage statistics, no look for newer versions, no packages.

    Raises:
        BuildFailedError: dbt could not parse or compile the project. Broken nodes are only reported.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    project.logs.mkdir(parents=True, exist_ok=True)
    try:
        outcome = dbtRunner().invoke([*_flags(project), *command, *_places(project)])
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    entries = getattr(outcome.result, "results", None) or ()
    parents = {entry.node.unique_id: tuple(getattr(entry.node.depends_on, "nodes", ())) for entry in entries}
    results = tuple(_result(entry, tables_read(entry.node.unique_id, parents)) for entry in entries)
    if outcome.exception is not None:
        text = " ".join(str(outcome.exception).split())[:500]
        if says_full(text):
            raise DiskFullError(f"dbt {command[0]}: the disk is full", given=project.folder, hint=_MAKE_ROOM)
        raise BuildFailedError(
            f"dbt {command[0]} did not start: {text}", hint=f"see {project.logs / 'dbt.log'}"
        )
    return results


def require_sound(project: Project, results: Sequence[NodeResult]) -> None:
    """Refuse results with a broken model or test, and results that have no mart at all.

    Raises:
        BuildFailedError: names each, with the number of rows or dbt's message.
        DiskFullError: there was no room for the scratch file, or for spilling.
    """
    broken = [result for result in results if result.broken]
    full = [result.name for result in broken if says_full(result.message)]
    if full:
        raise DiskFullError("the disk is full", given=", ".join(full)[:500], hint=_MAKE_ROOM)
    if not any(result.public for result in results):
        raise BuildFailedError(
            "dbt found no marts", given=project.folder, hint=f"see {project.logs / 'dbt.log'}"
        )
    if broken:
        given = "; ".join(f"{result.kind} {result.name}: {result.message}" for result in broken)
        raise BuildFailedError(
            "the build failed, nothing is published",
            given=given[:2000],
            hint=f"see {project.logs / 'dbt.log'}",
        )


def _flags(project: Project) -> list[str]:
    return [
        "--no-version-check",
        "--no-send-anonymous-usage-stats",
        # Its manifests are for other tools; what is parsed is kept all the same, for the next build.
        "--no-write-json",
        "--no-use-colors",
        "--log-level=none",
        "--log-level-file=info",
        f"--log-path={project.logs}",
    ]


def _places(project: Project) -> list[str]:
    return [
        f"--project-dir={project.folder}",
        f"--profiles-dir={project.profiles}",
        f"--target-path={project.target}",
    ]


def _message(entry: Any) -> str:
    """dbt's message without the values that DuckDB quotes in it: they may be personal."""
    return _QUOTED.sub("'…'", " ".join(str(entry.message or "").split()))[:300]


def tables_read(node: str, parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The tables of the lake that a dbt node rests on, as `Pins` names them, in alphabetical order.

    Args:
        node: a unique id of dbt, such as `model.shanhai.fct_event`.
        parents: by unique id, what a node refers to; a source is `source.<project>.<schema>.<table>`.
    """
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        known = waiting.pop()
        if known in seen:
            continue
        seen.add(known)
        if known.startswith("source."):
            _, _, schema, table = known.split(".", 3)
            found.add(f"_system.{table}" if schema == _LAKE else f"{schema}.{table}")
        waiting += parents.get(known, ())
    return tuple(sorted(found))


def _result(entry: Any, reads: tuple[str, ...]) -> NodeResult:
    node = entry.node
    return NodeResult(
        name=node.name,
        kind=str(getattr(node.resource_type, "value", node.resource_type)),
        status=str(getattr(entry.status, "value", entry.status)),
        seconds=round(float(entry.execution_time), 3),
        failures=int(entry.failures or 0),
        message=_message(entry),
        public=str(getattr(getattr(node, "access", None), "value", "")) == "public",
        reads=reads,
    )
