"""Steps tell how far they are: bytes that come, deliveries of all, bytes of a delivery."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from one_city import DATASET, HEADER

from shanhai.errors import SourceError
from shanhai.ingest import snapshot, walk
from shanhai.ingest.watched import watched


def test_each_step_tells_how_many_deliveries_are_done(city) -> None:
    city.put("p1.csv", HEADER + "a,1,2024-01-01\n" * 500)
    city.put("p2.csv", HEADER + "b,1,2024-01-02\n")
    told: list[tuple[str, int, int]] = []
    walk.walk(replace(city.node, progress=lambda *facts: told.append(facts)), DATASET)
    for step in ("staged", "checked", "loaded"):
        steps = [(done, of) for what, done, of in told if what == f"{DATASET}, deliveries {step}"]
        assert steps == [(0, 2), (1, 2), (2, 2)], step
    for place in (1, 2):
        of_body = [facts for facts in told if facts[0] == f"{DATASET}, bytes of body {place}"]
        assert of_body[-1][1:] == (1, 1)
    size = len(HEADER.encode()) + 500 * len("a,1,2024-01-01\n")
    assert (f"{DATASET}, bytes of body 1", size, 0) in told
    assert (f"{city.delivery('p1').short}, bytes read", size, size) in told


def test_nothing_is_awaited_of_a_body_that_is_empty_or_breaks_off(city) -> None:
    city.put("p1.csv", "")
    city.put("p2.csv", HEADER + "b,1,2024-01-02\n")
    awaited: dict[str, tuple[int, int]] = {}

    def tell(what: str, done: int, of: int) -> None:
        awaited[what] = (done, of)
        city.put("p2.csv", HEADER if done > 1 else HEADER * 2)  # it changes while it is read

    with pytest.raises(SourceError):
        snapshot.pull(replace(city.node, progress=tell), DATASET)
    assert awaited == {f"{DATASET}, bytes of body {place}": (1, 1) for place in (1, 2)}


def test_a_long_query_tells_how_far_it_is() -> None:
    told: list[int] = []
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(6_000_000)")
        with watched(con, lambda _what, done, _of: told.append(done), "rows", 6_000_000):
            con.execute("SELECT count(DISTINCT md5(n::VARCHAR)) FROM numbers").fetchall()
    assert any(0 < done < 6_000_000 for done in told), told
    assert (told[0], told[-1]) == (0, 6_000_000)
