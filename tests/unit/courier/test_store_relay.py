"""A relay in a store: its messages come in the order of their numbers, whatever the order of their names."""

from __future__ import annotations

import random

import pytest

from shanhai.courier.relays.layout import Place, message_key, number_of
from shanhai.courier.relays.store import StoreRelay
from shanhai.exchange.strict import GREATEST
from shanhai.storage.memory import MemoryStore

NUMBERS = [(0, 2), (0, 10), (2, 0), (10, 0), (999_999, 9_999_999_999), (999_999, 10**10), (1_000_000, 0)]


def relay_with(numbers: list[tuple[int, int]]) -> StoreRelay:
    store = MemoryStore()
    for number in numbers:
        store.put(message_key("out", *number), [b"a message"])
    store.put("out/m/000000/0000000002/part", [b"no message"])
    store.put("out/m/0/3", [b"no message"])
    return StoreRelay(store, Place("pairing", "in", "out"))


@pytest.mark.parametrize("seed", range(3))
def test_messages_come_in_the_order_of_their_numbers(seed: int):
    print("seed", seed)
    relay = relay_with(random.Random(seed).sample(NUMBERS, len(NUMBERS)))
    assert list(relay.messages(0, 0)) == NUMBERS
    assert list(relay.messages(2, 0)) == NUMBERS[2:]
    assert list(relay.messages(999_999, 10**10)) == NUMBERS[5:]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_has_one_key(number: tuple[int, int]):
    assert number_of("out", message_key("out", *number)) == number
    assert number_of("out", f"out/m/0{number[0]:06d}/{number[1]:010d}") is None


@pytest.mark.parametrize("beyond", [(0, GREATEST + 1), (GREATEST + 1, 0), (0, 10**22)])
def test_a_number_that_no_message_can_have_is_none(beyond: tuple[int, int]):
    """Else whoever may write to the relay could let each run end with a refusal."""
    assert number_of("out", message_key("out", *beyond)) is None
    assert number_of("out", message_key("out", GREATEST, GREATEST)) == (GREATEST, GREATEST)


def test_the_messages_of_a_relay_are_listed_in_bounds(monkeypatch: pytest.MonkeyPatch):
    """A relay may have any number of them; the first are all that is asked for, in order."""
    place, kept = Place("0" * 32, "a/1", "a/2"), MemoryStore()
    relay = StoreRelay(kept, place)
    for seq in (4, 0, 3, 2, 1):
        kept.put(message_key("a/2", 0, seq), [b"{}"])
    monkeypatch.setattr("shanhai.courier.relays.store.MOST_LISTED", 2)
    assert list(relay.messages(0, 1)) == [(0, 1), (0, 2)]
    assert list(relay.messages(0, 3)) == [(0, 3), (0, 4)]
