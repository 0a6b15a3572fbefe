"""The home that `make` hands on: the one that is given, else one per kind of run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("given", "expected"), [(None, f"{ROOT}/var/real"), ("/tmp/given", "/tmp/given")])  # noqa: S108
@pytest.mark.parametrize("by", ["environment", "argument"])
def test_make_real_takes_the_home_that_is_given(given: str | None, expected: str, by: str):
    known = {name: text for name, text in os.environ.items() if name not in ("SHANHAI_HOME", "MAKEFLAGS")}
    stated = {} if given is None else {"SHANHAI_HOME": given}
    arguments = [f"{name}={text}" for name, text in stated.items()] if by == "argument" else []
    environment = {**known, **(stated if by == "environment" else {})}
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.runtime", "real", *arguments],  # noqa: S607 - make is found where the developer has it
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert f'SHANHAI_HOME="{expected}" .venv/bin/python -m infra.local real' in done.stdout
