"""A small county that nothing happens to, walked by the command line while its home is watched.

Its tables get checkpoints, as they do in service when they have a hundred commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checkpoints import let_checkpoints_come
from killed_county import of_a_verdict
from little_county import County
from plain_state import read_state, read_table
from watched_home import Act, watched


@dataclass(frozen=True)
class Clean:
    """A home after a walk with everything in it, and what was seen of its names meanwhile."""

    home: Path
    seen: frozenset[tuple[Act, str]]


def walk_cleanly(root: Path) -> Clean:
    """Load, decide, discard, release, widen contracts, replay, build, publish, report, lose a file, purge."""
    county = County(root, seed=7)
    county.declare(retries=0)
    home = county.root / "home"
    home.mkdir()

    def run(*arguments: str) -> None:
        assert county.run(home, *arguments) == 0, arguments

    mart = county.marts / "models" / "marts" / "mart_every_event.sql"
    right = mart.read_text()
    with watched(home) as found:
        for number in (2, 3):
            county.send(number)
            run("walk", "--all")
        mart.write_text("select 1 as nothing from nowhere")
        assert county.run(home, "build") == 65
        mart.write_text(right)
        for verb in ("build", "publish", "report"):
            run(verb)
        let_checkpoints_come(home, every=2)
        state = read_state(home)
        person = ("--by", "Li Wei", "--reason", "looked at it")
        run("delivery", "approve", of_a_verdict(state, "held", "events")[0], *person)
        run("delivery", "withdraw", of_a_verdict(state, "accepted", "events")[0], *person)
        first, *_ = of_a_verdict(state, "accepted", "visits")
        run("quarantine", "discard", first, "--rule", "n.type", *person)
        released, *_ = of_a_verdict(state, "accepted", "counts")
        run("quarantine", "release", released, "--rule", "n.range", *person)
        county.late(home)
        county.declare(retries=0, wide=True)
        run("replay", "--all-behind", *person)
        for verb in ("build", "publish", "report"):
            run(verb)
        refused = read_table(home / "lake" / "_system" / "quarantine")
        (home / "quarantine" / refused.live[refused.version][0]).unlink()
        assert county.purge(home, days=400) > 0
    return Clean(home, frozenset(found.seen))
