"""An implementation of HPKE that is not ours opens what we sealed, and nothing under a changed header."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from required import program
from vectors.runner import run
from vectors.vector import load, names

FOLDER = Path(__file__).with_name("hpke")
VECTORS = {"x-wing": names("unwrap")["parcel-good"], "x25519": names("addressing")["hpke-classic-good"]}


def opened(vector: Path, *change: str) -> dict[str, object]:
    node = program("/usr/bin/node", "nodejs")
    if not (FOLDER / "node_modules").is_dir():
        reason = f"@hpke/core is not installed: npm ci --prefix {FOLDER.name}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = [str(node), "open.mjs", str(vector), *change]
    told = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=True)
    found: dict[str, object] = json.loads(told.stdout)
    return found


@pytest.mark.parametrize("alg", VECTORS)
def test_opens_what_we_open(alg: str):
    ours = run(load(VECTORS[alg]))["passes"]
    assert isinstance(ours, dict)
    assert opened(VECTORS[alg]) == {"alg": alg, **ours}


@pytest.mark.parametrize("alg", VECTORS)
def test_refuses_a_changed_header(alg: str):
    assert opened(VECTORS[alg], "changed-header") == {"alg": alg, "refused": "OpenError"}
