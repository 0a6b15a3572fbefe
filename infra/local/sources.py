"""Where the districts' systems are: a simulator that is started, or a folder of downloaded data."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import yaml

from infra.local.configuration import write_private
from infra.local.environment import environment
from infra.local.layout import REPOSITORY, Layout
from infra.local.processes import Started, start
from shanhai.contracts.federation import open_federation
from shanhai.errors import ConfigurationError, SourceError

TOKEN = "gongshu_api_token"  # noqa: S105  (the name of the secret, as the contracts call it)
_PATIENCE_SECONDS = 60.0


def start_simulator(layout: Layout) -> Started:
    """Start the simulated districts on free ports; their addresses are not known yet."""
    log = layout.logs / "simulator.log"
    log.unlink(missing_ok=True)
    token = layout.home / "secrets" / TOKEN
    return start(
        "simulator",
        [sys.executable, "-m", "infra.simulator", "--port", "0", "--print-urls", "--token-file", str(token)],
        environment=environment(layout),
        folder=REPOSITORY,
        log=log,
    )


def use_simulator(layout: Layout, simulator: Started) -> dict[str, str]:
    """Wait for the simulator's addresses and make them the districts' endpoints.

    Raises:
        SourceError: it ended, or said nothing in time.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        for line in simulator.log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                urls = {name: url for name, url in json.loads(line).items() if name != "pid"}
                _write_endpoints(layout, urls)
                return urls
        if not simulator.alive():
            break
        time.sleep(0.1)
    raise SourceError("the simulated districts did not start", hint=f"see {simulator.log}")


def use_folder(layout: Layout, folder: Path) -> dict[str, str]:
    """Make a folder of downloaded data every district's endpoint `data`.

    Raises:
        ConfigurationError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError("no such folder of data", given=folder, hint="make real DATA=<folder>")
    districts = open_federation(layout.federation).districts.values()
    endpoints = {f"{one.name}.data": str(folder.resolve()) for one in districts if "data" in one.endpoints}
    _write_endpoints(layout, endpoints)
    return endpoints


def _write_endpoints(layout: Layout, endpoints: dict[str, str]) -> None:
    write_private(layout.home / "endpoints.yml", yaml.safe_dump(endpoints, allow_unicode=True))
