"""Several processes build and publish one home at once: one does it, the others say that they came second."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from little_county import County
from plain_state import differences, read_state

BUSY = 75
REPOSITORY = Path(__file__).parents[3]
HELD = """
import sys, time
from pathlib import Path
from shanhai.cli import main
def look(frame, event, _):
    if event == "call" and frame.f_code.co_name == "keep_build":
        sys.setprofile(None)
        there = Path(sys.argv[1])
        there.touch()
        while there.exists():
            time.sleep(0.1)
sys.setprofile(look)
sys.exit(main(sys.argv[2:]))
"""
"""A command that waits before it keeps the record of its build, for as long as a file is there."""


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county with a home that was loaded, and one that was built and published undisturbed."""
    made = County(tmp_path_factory.mktemp("county"), seed=19)
    made.declare(retries=0)
    made.send(2)
    for home in ("home", "clean"):
        assert made.run(made.root / home, "walk", "--all") == 0
    for verb in ("build", "publish"):
        assert made.command(made.root / "clean", verb) == 0
    return made


def begin(county: County, home: Path, *arguments: str, python: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *python, "--home", str(home), "--federation", str(county.root), *arguments],
        env={**os.environ, "SHANHAI_DBT_PROJECT": str(county.marts)},
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(county: County, home: Path, *verbs: str) -> list[tuple[int, str]]:
    """Exit codes and what was said, of commands that begin at the same moment."""
    begun = [begin(county, home, verb, python=("-m", "shanhai.cli")) for verb in verbs]
    said = [one.communicate(timeout=1800)[1] for one in begun]
    return [(one.returncode, text) for one, text in zip(begun, said, strict=True)]


def test_of_many_that_build_at_once_one_does_and_nothing_is_published_twice(county: County) -> None:
    home = county.root / "home"
    for verbs in (["build"] * 2, ["publish", "publish", "build"]):
        done = together(county, home, *verbs)
        assert 0 in {code for code, _ in done}, done
        assert {code for code, _ in done} <= {0, BUSY}, done
        assert all("another build" in said for code, said in done if code == BUSY), done
        assert read_state(home).faults == []
    for verb in ("build", "publish"):
        assert county.command(home, verb) == 0
    assert differences(read_state(county.root / "clean"), read_state(home)) == []
    # Marts without a change have one version with rows, and the publication is the only one.
    publications = list((home / "lake" / "_system" / "publications").glob("part-*.parquet"))
    assert len(publications) == 1


def test_a_build_that_ended_can_be_published_whoever_builds_meanwhile(county: County, tmp_path: Path) -> None:
    """Its record must not come after the scratch file of another one."""
    home = county.root / "home"
    waits = tmp_path / "waits"
    first = begin(county, home, "build", python=("-c", HELD, str(waits)))
    while not waits.exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.2)
    (second,) = together(county, home, "build")
    waits.unlink()
    first.communicate(timeout=1800)
    assert (first.returncode, second[0]) == (0, BUSY)
    assert county.command(home, "publish") == 0
