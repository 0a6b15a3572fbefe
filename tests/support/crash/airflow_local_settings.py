"""Airflow's cluster policy on a node of the tests: tasks are tried as often as a test kills.

Airflow imports a module of this name when it starts, where its folder is on PYTHONPATH.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["task_policy"]

RETRIES = "SHANHAI_TEST_RETRIES"


def task_policy(task: Any) -> None:
    """Give every task of every DAG so many retries, if it has fewer."""
    task.retries = max(task.retries, int(os.environ.get(RETRIES, "0")))
