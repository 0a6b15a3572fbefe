"""What no build has seen: told by the last that ended well, and by the last that failed."""

from __future__ import annotations

from pathlib import Path

from one_city import HEADER, City

from shanhai.warehouse.failed_build import keep_failed
from shanhai.warehouse.last_build import BuildResult, keep_build
from shanhai.warehouse.sources import pin
from shanhai.warehouse.unseen import unseen


def test_a_build_that_ended_has_seen_its_versions_well_or_not(city: City) -> None:
    node = city.node
    (node.home / "scratch").mkdir(parents=True, exist_ok=True)
    assert unseen(node.settings, node.federation) == []
    for number, ended in enumerate(("well", "badly", "well")):
        city.put("p1.csv", f"{HEADER}a,{number},2024-01-0{number + 1}\n")
        city.walk()
        assert unseen(node.settings, node.federation) == ["acity.events"]
        pins = pin(node.settings, node.federation)
        if ended == "well":
            keep_build(node.settings, BuildResult("it", pins, (), Path("build.duckdb"), 0.0))
        else:
            keep_failed(node.settings, pins)
        assert unseen(node.settings, node.federation) == []
