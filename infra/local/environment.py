"""The environment of the processes that the runner starts."""

from __future__ import annotations

import os

from infra.local.layout import REPOSITORY, Layout

_QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}


def environment(layout: Layout) -> dict[str, str]:
    """The caller's variables without its own Airflow settings, pointed at this node.

    A proxy of the caller is never used for loopback addresses.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    no_proxy = ",".join(filter(None, [inherited.get("NO_PROXY", ""), "127.0.0.1", "localhost"]))
    return {
        **inherited,
        **_QUIET,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), inherited.get("PYTHONPATH", "")])),
        "AIRFLOW_HOME": str(layout.airflow),
        "SHANHAI_HOME": str(layout.home),
        "SHANHAI_FEDERATION": str(layout.federation),
        "SHANHAI_DBT_PROJECT": str(REPOSITORY / "dbt"),
    }
