"""The kills that a part of the long proof wants and has not ordered yet."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat

from kill_places import EACH, Place
from killed_county import Killed, in_reach


class Wanted:
    """So many kills at each place, in an order of their own; those that came too late are wanted again."""

    def __init__(self, places: Sequence[Place], chance: random.Random) -> None:
        self._places = [place for place in places if not place.once]
        self._kills = list(chain.from_iterable(repeat(place, EACH) for place in self._places))
        chance.shuffle(self._kills)

    @property
    def left(self) -> int:
        """How many are wanted still."""
        return len(self._kills)

    def about(self, action: str, delivery: str) -> bool:
        """Whether a kill is wanted that this action on this delivery comes by."""
        return any(_is_on_the_way(place, action, delivery) for place in self._kills)

    def order(self, killed: Killed, most: int, *tasks: str) -> None:
        """Kill these tasks, until so many kills of them are ordered and were not carried out."""
        left = sum(task in tasks for task in killed.tasks_left())
        for place in self._take(most - left, lambda place: place.task in tasks):
            given = {"task": place.task, "action": place.action} if place.action else {}
            killed.order(place.write, place.when, **given)

    def order_of(self, killed: Killed, action: str, delivery: str, most: int) -> None:
        """Kill the task that carries out a decision about a delivery.

        After a write it dies once, as its next try has no reason to come by; before one any number of times.
        """
        taken: list[Place] = []
        for place in [place for place in self._kills if _is_on_the_way(place, action, delivery)]:
            if len(taken) < most and not (place.when == "after" and place in taken):
                taken.append(place)
                self._kills.remove(place)
        killed.order_of(action, delivery, [(place.write, place.when) for place in taken])

    def want_again(self, missed: Iterable[str]) -> None:
        """What orders of these names were to do."""
        self._kills += [place for name in missed for place in self._places if name.startswith(place.kind)]

    def _take(self, most: int, wanted: Callable[[Place], bool]) -> list[Place]:
        taken = [place for place in self._kills if wanted(place)][: max(most, 0)]
        for place in taken:
            self._kills.remove(place)
        return taken


def _is_on_the_way(place: Place, action: str, delivery: str) -> bool:
    return place.action == action and in_reach(place.write, delivery, action)
