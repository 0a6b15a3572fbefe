"""The parts of the long proof are the whole of it: each place is in one part, and none is forgotten."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import get_args

from durable_writes import IN_A_BUCKET, OF_A_PURGE, OF_A_RELEASE, OF_A_REPLAY, UNDER_AIRFLOW, WRITES
from kill_places import ALONE, EACH, MADE_ONCE, PARTS, Place
from killed_once import named
from wanted_kills import Wanted

from shanhai.ingest.decisions import Decision

EVENT = "acounty.events/p000a/0123"
COUNT = "acounty.counts/p000a/0123"


def test_each_place_is_in_one_part():
    times = Counter((place.action, place.write.name, place.when) for place in _all())
    assert set(times.values()) == {1}
    kinds = [place.kind for place in _all()]
    # Kills are counted by how their orders begin.
    assert not [(one, two) for one in kinds for two in kinds if one != two and one.startswith(two)]


def test_a_write_that_no_task_comes_by_under_airflow_is_killed_alone_as_often():
    alone = Counter(write.name for writes in ALONE.values() for write in writes)
    listed = {write.name for write in (*WRITES, *IN_A_BUCKET)}
    assert alone.keys() == listed - {write.name for write in UNDER_AIRFLOW}
    assert set(alone.values()) == {1}
    for module, writes in ALONE.items():
        assert writes
        text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        for used in (f'ALONE["{module}"]', "range(EACH)", "killed_at("):
            assert used in text, (module, used)


def test_each_table_that_is_of_no_dataset_is_killed_as_it_is_made():
    """Else the kills of the long proof at *table* would be about tables of datasets alone."""
    places = [path.partition("/_delta_log/")[0] for path in named("table").makes]
    kinds = {place for place in places if not place.endswith("<dataset>")}
    assert {re.sub("^marts/.*", "marts/<mart>", table) for table in MADE_ONCE} == kinds
    text = Path(__file__).with_name("test_killed_tables.py").read_text(encoding="utf-8")
    assert "range(EACH)" in text


def test_each_write_has_a_place_in_every_kind_of_task_that_makes_it():
    for write in UNDER_AIRFLOW:
        for when in ("before", "after"):
            found = {place.action for place in _all() if (place.write, place.when) == (write, when)}
            if write.tasks[0] not in ("decide", "purge"):
                assert "" in found, write.name
            assert not ("purge" in write.tasks) ^ ("purge" in found), write.name
            assert ("decide" in write.tasks) <= ("replay" in found), write.name


def test_each_decision_is_killed_at_its_commit_and_at_what_it_stages():
    actions = {place.action for place in _all()}
    assert actions == {"", "purge", *get_args(Decision)}
    for action in get_args(Decision):
        assert "commit of a delivery" in _writes(action)
    assert _writes("replay") == {write.name for write in OF_A_REPLAY}
    assert _writes("release") == _writes("revoke") == {write.name for write in OF_A_RELEASE}
    assert _writes("purge") == {write.name for write in OF_A_PURGE}


def test_so_many_kills_are_more_than_two_hundred():
    kills = EACH * sum(1 for _ in _all())
    assert EACH >= 5
    assert kills >= 700, kills


def test_a_decision_is_killed_after_a_write_once_and_what_was_missed_is_wanted_again(tmp_path):
    taken = _Orders()
    wanted = Wanted(PARTS["releases"], random.Random(1))
    before = wanted.left
    for _ in range(3):
        wanted.order_of(taken, "release", EVENT, 9)
    assert before - wanted.left == len(taken.names) == 27
    assert max(Counter(name for name in taken.kills[-1] if name.endswith("after ")).values(), default=0) <= 1
    wanted.want_again(taken.names)
    assert wanted.left == before
    assert not wanted.about("revoke", EVENT)


def test_rows_that_never_compete_are_not_waited_for():
    """Kills that no decision comes by would be ordered for ever."""
    (where,) = (place for place in PARTS["releases"] if place.kind == "release rows that win or stay after ")
    wanted = Wanted([where], random.Random(1))
    assert wanted.about("release", COUNT)
    assert not wanted.about("release", EVENT)


class _Orders:
    """Stands where the killed county is, and keeps the names of its orders."""

    def __init__(self) -> None:
        self.kills: list[list[str]] = []

    def order_of(self, action, delivery, kills):
        self.kills.append([f"{action} {write.name} {when} " for write, when in kills])

    @property
    def names(self) -> list[str]:
        return [f"{name}1" for name in chain.from_iterable(self.kills)]


def _all() -> list[Place]:
    return list(chain.from_iterable(PARTS.values()))


def _writes(action: str) -> set[str]:
    return {place.write.name for place in _all() if place.action == action}
