"""Lost bytes of a delivery, and purged ones: what is told when the source shows them again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from called import Called, calling
from one_city import DATASET, HEADER, City

from shanhai.ingest.purge import purge
from shanhai.ingest.sidecar import body_key, sidecars

DATA = 65
ROWS = f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n"
Said = Callable[..., Called]


@pytest.fixture
def said(city: City, capsys: pytest.CaptureFixture[str]) -> Said:
    """Calls a verb at a city with one delivery."""
    city.put("p1.csv", ROWS)
    city.walk()
    return calling(capsys, "--home", str(city.root / "home"), "--federation", str(city.root))


@pytest.mark.parametrize("how", ["gone", "altered"])
def test_a_recount_names_the_delivery_whose_bytes_are_lost_and_a_pull_says_that_they_are_back(
    city: City, said: Said, how: str
) -> None:
    (source,) = sidecars(city.node, DATASET)
    body = city.node.home / "snapshots" / body_key(source.bodies[0].sha256)
    body.chmod(0o600)
    body.unlink() if how == "gone" else body.write_bytes(b"x")
    code, _, told = said("delivery", "recount", source.id.short)
    assert code == DATA
    assert source.id.short in told
    assert f"shanhai pull {DATASET}: {body}" in told
    body.unlink(missing_ok=True)
    code, _, told = said("pull", str(DATASET))
    assert (code, f"brought back delivery={source.id.short}" in told) == (0, True)
    assert "brought back" not in said("pull", str(DATASET))[2]
    assert said("delivery", "recount", source.id.short)[0] == 0


def test_bytes_that_were_purged_are_not_told_as_lost_whenever_the_source_shows_them(
    city: City, said: Said
) -> None:
    city.declare(retention={"quarantine_days": 1, "snapshot_days": 1})
    (source,) = sidecars(city.node, DATASET)
    city.put("p1.csv", f"{HEADER}a,2,2024-01-02\nb,2,2024-01-02\n")
    city.walk()
    city.now += timedelta(days=9)
    body = city.node.home / "snapshots" / body_key(source.bodies[0].sha256)
    purge(city.node, [DATASET])
    assert not body.exists()
    city.put("p1.csv", ROWS)
    assert "brought back" not in said("pull", str(DATASET))[2]
    assert body.exists()
