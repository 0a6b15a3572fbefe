"""Airflow's scheduler, with the heavy libraries imported before it forks its workers.

Every task runs in a process forked from here. Great Expectations alone takes seven seconds to import;
imported once, its pages are shared by all tasks.
"""

from __future__ import annotations

import importlib
import sys

PRELOADED = (
    "shanhai.steps",
    "shanhai.courier.scheduled",
    "shanhai.quality.satisfy",
    "shanhai.report.write",
    "shanhai.warehouse.publish",
    "great_expectations",
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.operators.python",
)


def main() -> None:
    """Import, then run `airflow scheduler` without its log server, which would listen on all interfaces."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"preload_failed module={name} error={error}", file=sys.stderr)
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    importlib.import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
