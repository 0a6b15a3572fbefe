"""Orders for a program that is killed at named places: a test gives one, the program carries it out."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from two_nodes import NodeHome

from shanhai.exchange.secret import Secret
from shanhai.keyring.holdings import Holdings
from shanhai.settings import Settings, read_settings

SUPPORT = Path(__file__).parent


def carried_out(
    program: str, node: NodeHome, *, federation: Path, folder: Path, places: Sequence[str], work: str = ""
) -> tuple[list[dict[str, Any]], str]:
    """What a program of this folder told on standard output, and what it wrote on standard error.

    Args:
        folder: where it copies the home of the node to, once for each place.
        work: what it is to do, where it can do several things.
    """
    order = {
        "work": work,
        "home": str(node.home),
        "federation": str(federation),
        "folder": str(folder),
        "holdings": base64.b64encode(node.holdings.document().bytes).decode(),
        "places": places,
    }
    done = subprocess.run(
        [sys.executable, str(SUPPORT / program)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def ordered(order: dict[str, Any], home: Path) -> tuple[NodeHome, Settings]:
    """The node of an order in a copy of its home, and its settings."""
    holdings = Holdings.read(Secret(base64.b64decode(order["holdings"])))
    settings = read_settings(home=home, federation=order["federation"], free_disk_bytes=0)
    return NodeHome(home, "gongshu", holdings), settings
