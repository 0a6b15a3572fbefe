"""What waits for a person under a scheduler: told once, and no key is opened for it."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from one_city import City
from served_pair import Pair, served_pair, without_passphrases
from two_nodes import Two

from shanhai import steps
from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import scheduled, settling, standing, turns, waiting
from shanhai.courier.database import open_state
from shanhai.courier.telling import tell_waiting
from shanhai.errors import BusyError, RetryableError
from shanhai.settings import Settings


@pytest.fixture
def pair(two: Two, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    return served_pair(two, city, tmp_path, monkeypatch)


def test_what_was_noted_is_told_also_where_the_task_fails(pair: Pair):
    relay = Path(pair.seller.two.gongshu.partner("longyou").relay.removeprefix("file://"))
    relay.rename(relay.with_name("unplugged"))
    with pair.seller.two.longyou.desk() as desk, transaction(desk.connection):
        waiting.waits(desk.connection, "adopt", "a" * 64, desk.now)
    with pytest.raises(RetryableError, match="relay"):
        steps.receive_step("longyou", "gongshu")
    assert pair.told_of("adopt") == ["a" * 64]


def test_of_two_tasks_that_tell_at_once_one_does(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    home, told = pair.longyou.home, []

    def slowly(_: Settings, __: str, **facts: Any) -> bool:
        time.sleep(0.3)
        told.append(facts["about"])
        return True

    def tell() -> None:
        with contextlib.closing(open_state(home)) as connection:
            tell_waiting(pair.longyou, connection, "longyou")

    monkeypatch.setattr("shanhai.courier.telling.notify", slowly)
    with pair.seller.two.longyou.desk() as desk, transaction(desk.connection):
        waiting.waits(desk.connection, "adopt", "a" * 64, desk.now)
    both = [threading.Thread(target=tell) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert told == ["a" * 64]


def test_a_clock_that_is_wrong_is_told_once(pair: Pair):
    with pair.seller.two.gongshu.desk(now=system_clock() + timedelta(days=1)) as desk:
        standing.suspend(desk, "longyou")
    steps.ship_step("gongshu", "longyou")
    for _ in range(2):
        assert steps.receive_step("longyou", "gongshu")["stopped"] == "issued-in-future"
    assert len(pair.told_of("clock")) == 1


def test_keys_stay_closed_where_only_a_person_can_go_on(pair: Pair):
    pair.strict_contract()
    pair.grant("village", "n")
    pair.send()
    pair.take()
    without_passphrases(pair)
    assert steps.admit_step("longyou", "gongshu") == {"admitted": [], "changed": False}


def test_a_release_waits_for_its_turn_before_it_opens_keys(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    pair.grant("n")
    without_passphrases(pair)
    monkeypatch.setattr(scheduled, "wait_for_turn", functools.partial(turns.wait_for_turn, patience=0))
    with turns.one_at_a_time(pair.seller.home), pytest.raises(BusyError, match="another release"):
        steps.release_step("gongshu", "longyou")


def test_what_was_opened_is_put_in_its_place_though_nothing_is_received_any_more(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    pair.grant("village", "n")
    pair.send()
    with monkeypatch.context() as patch:
        patch.setattr(settling.incoming, "publish", killed)
        with pytest.raises(Killed):
            steps.receive_step("longyou", "gongshu")
    with pair.seller.two.longyou.desk() as desk:
        standing.suspend(desk, "gongshu")
    without_passphrases(pair)
    opened = pair.longyou.home / "exchange" / "opened"
    assert list(opened.rglob("*.parquet")) == []
    assert steps.receive_step("longyou", "gongshu")["stopped"] == "pairing-suspended"
    assert len(list(opened.rglob("*.parquet"))) == 1
