"""What Airflow makes of the product's DAGs, asked by a script in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from infra.local.configuration import free_port, write_configuration
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout


def asked_of_dags(layout: Layout, script: str, *arguments: str, **variables: str) -> dict[str, Any]:
    """What a script prints as JSON behind `RESULT`.

    Args:
        script: gets the DAG folder as its first argument, then `arguments`.
        variables: of its environment, beside the layout's.
    """
    write_configuration(layout, port=free_port(), slots=1, parse_every=1)
    paths = f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'dags'}"
    done = subprocess.run(
        [sys.executable, "-c", script, str(REPOSITORY / "dags"), *arguments],
        env={**environment(layout), "PYTHONPATH": paths, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.partition("RESULT")[2])
    return found
