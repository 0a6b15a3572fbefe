"""Events: a closed set of kinds, no place for values, one way to write them, and nothing to guess from."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import datetime, timedelta, timezone

import pytest
from event_log import START

from shanhai.audit.events import (
    ABOUT,
    KINDS,
    SYSTEM,
    Event,
    digest_of,
    happened,
    is_system,
    leaf_of,
    read_event,
)
from shanhai.audit.failures import EvidenceError
from shanhai.errors import ConfigurationError


def test_an_event_is_read_as_it_was_written():
    about = {"grant": "ab12", "revision": 3, "dataset": "longyou.visits", "pairing": "cd", "digest": "0" * 64}
    event = happened("grant", who="Chén Wěi", at=START, **about)
    assert read_event(event.document) == event
    assert json.loads(event.document)["at"] == "2026-11-20T08:00:00Z"


def test_the_moment_is_told_in_utc():
    at = datetime(2026, 11, 20, 16, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    assert read_event(happened("end", who=SYSTEM, at=at, pairing="ab").document).at == START


def test_every_kind_is_about_something_known():
    assert [name for names in KINDS.values() for name in names if name not in ABOUT] == []


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("sold", {"pairing": "ab"}),
        ("end", {}),
        ("end", {"pairing": "ab", "resident": "x"}),
        ("end", {"pairing": "李 小龙 330105199001011234"}),
        ("end", {"pairing": 7}),
        ("retire", {"set": "ab", "revision": True}),
        ("retire", {"set": "ab", "revision": -1}),
        ("retire", {"set": "ab", "digest": "ab"}),
        ("grant", {"grant": "ab", "revision": 1, "pairing": "cd"}),
        ("keyset", {"node": "ab", "version": 1}),
        ("release", {"grant": "ab", "revision": 1, "pairing": "cd", "set": "ef"}),
        ("approve", {"grant": "ab", "revision": 1, "pairing": "cd", "message": "ef"}),
        ("end", {"pairing": "a" * 201}),
    ],
)
def test_what_is_no_event_cannot_be_made(kind: str, about: dict[str, str | int]):
    with pytest.raises(ValueError, match="not an event"):
        happened(kind, who=SYSTEM, at=START, **about)


@pytest.mark.parametrize("who", ["system", "System", " SYSTEM ", "ｓｙｓｔｅｍ"])
def test_nobody_has_a_name_that_people_could_have(who: str):
    assert is_system(who)
    assert not is_system(f"{who} Wei")


@pytest.mark.parametrize("who", ["", " ", "a\nb", "x" * 101, "<b>", "_"])
def test_who_did_it_has_a_name(who: str):
    with pytest.raises(ConfigurationError, match="name of a person"):
        happened("end", who=who, at=START, pairing="ab")


def test_another_spelling_of_an_event_is_refused():
    event = happened("end", who=SYSTEM, at=START, pairing="ab")
    text = event.document.decode()
    changed = [
        text.replace(",", ", "),
        text.replace('"v":1', '"v":1.0'),
        text.replace('"v":1', '"v":true'),
        text.replace('"v":1', '"v":1,"v":1'),
        text.replace('"v":1', '"v":1,"x":1'),
        text.replace("system", "\\u0073ystem"),
        text.replace("08:00:00Z", "08:00:00+00:00"),
        text.replace('"kind":"end"', '"kind":"sold"'),
        "[" * 2000,
        "",
        "7",
        text.replace("ab", "a" * 5000),
    ]
    for one in changed:
        assert one != text
        with pytest.raises(EvidenceError, match="event-disclosure-altered"):
            read_event(one.encode())


def test_whoever_guesses_an_event_learns_nothing_from_its_leaf():
    """event-guess-by-low-entropy: every guess at an event of few possible values fails without the salt."""
    event = happened("suspend", who="Chen Wei", at=START, pairing="ab")
    leaf = leaf_of(digest_of(event.document))
    salts = [bytes(32), *(happened("end", who=SYSTEM, at=START, pairing="ab").salt for _ in range(3))]
    guesses = itertools.product(("suspend", "resume", "end"), ("Chen Wei", SYSTEM), range(60), salts)
    for kind, who, minute, salt in guesses:
        guess = Event(kind, who, START + timedelta(minutes=minute), {"pairing": "ab"}, salt)
        assert leaf_of(digest_of(guess.document)) != leaf
    assert leaf_of(digest_of(dataclasses.replace(event).document)) == leaf
