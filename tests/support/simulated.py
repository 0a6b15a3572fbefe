"""A node of the product's own federation whose sources are the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from infra.simulator.server import Simulator
from shanhai.ingest.node import Node, open_node
from shanhai.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "simulated-token"


@contextmanager
def simulated_node(home: Path) -> Iterator[Node]:
    """A new node in an empty folder; the simulator serves until the end of the block."""
    (home / "secrets").mkdir()
    (home / "secrets" / "gongshu_api_token").write_text(TOKEN)
    with Simulator(token=TOKEN) as simulator:
        (home / "endpoints.yml").write_text(yaml.safe_dump(simulator.urls))
        yield open_node(read_settings(home=home, federation=ROOT))
