"""The generated knobs of the datasets, read from `dags/datasets.json` of the federation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import get_parsing_context

from shanhai.settings import load_settings

FILE = Path("dags") / "datasets.json"


@dataclass(frozen=True)
class Knobs:
    """What the DAG of one dataset needs to know of its contract.

    `window` is the strftime form of a partition key; `start` and `end` are days in `time_zone`.
    """

    dag_id: str
    dataset: str
    title: str
    docs: str
    cron: str | None
    time_zone: str
    window: str
    start: str | None
    end: str | None
    due_hours: float | None
    retries: int
    retry_seconds: float
    tags: tuple[str, ...]


def wanted_knobs() -> Iterator[Knobs]:
    """The knobs of every dataset; while a task runs, only those of the task's own DAG."""
    wanted = get_parsing_context().dag_id
    for entry in json.loads((load_settings().federation / FILE).read_text(encoding="utf-8"))["datasets"]:
        if wanted in (None, entry["dag_id"]):
            yield _knobs(entry)


def _knobs(entry: dict[str, Any]) -> Knobs:
    return Knobs(**{**entry, "tags": tuple(entry["tags"])})
