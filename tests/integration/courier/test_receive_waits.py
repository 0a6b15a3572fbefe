"""What holds up a direction is noted until it does no more; what nothing depends on holds up nothing."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from received_parcels import granted_and_sent, opened, states, stopped
from sent_parcels import looked_at, received, relay_folder, say, settings_of, upload
from two_nodes import Two
from unsteady_disk import unsteady

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import partners, settling, standing, waiting
from shanhai.courier.receiving import receive_from
from shanhai.courier.status import status
from shanhai.errors import DeniedError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.failures import Refused


class Killed(BaseException):
    """As a process that dies: nothing catches it."""


def waits(two: Two) -> list[str]:
    return [one.kind for one in looked_at(two.gongshu, lambda desk: waiting.open_ones(desk.connection))]


def place(two: Two, seq: int) -> Path:
    (found,) = relay_folder(two).rglob(f"m/000000/{seq:010d}")
    return found


def test_one_issued_in_our_future_waits_and_is_noted_until_its_time(pair: Two):
    say(pair.longyou, "gongshu", Suspension(True, None), now=system_clock() + timedelta(hours=2))
    upload(pair.longyou, "gongshu")
    for _ in range(2):
        assert stopped(pair) == "issued-in-future"
        assert waits(pair) == ["clock"]
    assert received(pair.gongshu, "longyou", now=system_clock() + timedelta(hours=3)).stopped is None
    assert waits(pair) == []


def test_a_gap_is_noted_whoever_receives_and_stays_noted_while_the_relay_is_down(pair: Two):
    granted_and_sent(pair)
    missing = place(pair, 1)
    kept = missing.read_bytes()
    missing.unlink()
    assert stopped(pair) == "gap"
    assert waits(pair) == ["missing"]
    relay = relay_folder(pair)
    relay.rename(relay.with_name("unplugged"))
    assert received(pair.gongshu, "longyou").stopped is not None
    assert waits(pair) == ["missing"]
    relay.with_name("unplugged").rename(relay)
    missing.write_bytes(kept)
    assert received(pair.gongshu, "longyou").stopped is None
    assert waits(pair) == []


@pytest.mark.parametrize(
    "rot",
    [b"", b"\0" * 700, b'{"payload": 1}', b"x" * (3 << 20), "a later one"],
    ids=["empty", "zeros", "other", "huge", "later"],
)
def test_garbage_in_the_place_of_a_settled_message_stops_nothing(pair: Two, rot: bytes | str):
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    for suspended in (True, False):
        say(pair.longyou, "gongshu", Suspension(suspended, None))
    upload(pair.longyou, "gongshu")
    old = place(pair, 0)
    good = old.read_bytes()
    old.write_bytes(place(pair, 4).read_bytes() if isinstance(rot, str) else rot)
    done = received(pair.gongshu, "longyou")
    assert ([row.type for row in done.settled], done.stopped) == (["suspend", "resume"], None)
    if not isinstance(rot, str):
        assert "relay" in waits(pair)
        (evidence,) = (pair.gongshu.home / "exchange" / "refused").iterdir()
        assert evidence.stat().st_size < 2000
        assert received(pair.gongshu, "longyou").stopped is None
    old.write_bytes(good)
    assert received(pair.gongshu, "longyou").stopped is None
    assert waits(pair) == []


def test_garbage_in_the_next_place_stops_it_as_ever(pair: Two):
    granted_and_sent(pair)
    place(pair, 1).write_bytes(b"{}")
    assert stopped(pair) == "json-missing-field"
    assert waits(pair) == ["refused"]
    found = looked_at(pair.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [one.words for one in found.waiting] == ["message 0/1 of longyou, or one behind it"]


def test_a_message_that_waits_is_named_as_people_name_it(pair: Two):
    granted_and_sent(pair)
    for file in (Path(pair.relay.removeprefix("file://")) / pair.longyou.partner("gongshu").folder_out).glob(
        "f/*"
    ):
        file.unlink()
    assert stopped(pair) == "file-omitted"
    found = looked_at(pair.gongshu, lambda desk: status(desk.home, desk.connection, desk.now))
    assert [one.words for one in found.waiting] == ["message 0/2 of longyou"]


def test_evidence_of_what_stays_refused_is_written_once(pair: Two):
    granted_and_sent(pair)
    place(pair, 1).write_bytes(b"{}")
    stopped(pair)
    (evidence,) = (pair.gongshu.home / "exchange" / "refused").iterdir()
    before = evidence.stat()
    assert received(pair.gongshu, "longyou", now=system_clock() + timedelta(minutes=10)).stopped is not None
    assert evidence.stat().st_ino == before.st_ino
    evidence.write_bytes(evidence.read_bytes()[:40])
    stopped(pair)
    assert json.loads(evidence.read_bytes())["code"] == "json-missing-field"


def killed_before_it_was_in_its_place(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receive a parcel; its row and receipt are committed, and the file is not moved."""

    def killed(*_: object) -> None:
        raise Killed

    granted_and_sent(two)
    with monkeypatch.context() as patch:
        patch.setattr(settling.incoming, "publish", killed)
        with pytest.raises(Killed):
            received(two.gongshu, "longyou")
    assert states(two.gongshu)[-1] == "opened"
    assert opened(two.gongshu) == []


def test_what_was_acknowledged_is_put_in_its_place_though_the_pairing_is_suspended_by_now(
    pair: Two, monkeypatch: pytest.MonkeyPatch
):
    killed_before_it_was_in_its_place(pair, monkeypatch)
    with pair.gongshu.desk() as desk:
        standing.suspend(desk, "longyou")
        with pytest.raises(Refused, match="pairing-suspended"):
            receive_from(desk, settings_of(pair.gongshu), "longyou")
    assert len(opened(pair.gongshu)) == 1


def test_or_frozen(pair: Two, monkeypatch: pytest.MonkeyPatch):
    killed_before_it_was_in_its_place(pair, monkeypatch)
    with pair.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        with transaction(desk.connection):
            partners.freeze(desk.connection, pairing, "a" * 64, desk.now)
        with pytest.raises(DeniedError):
            receive_from(desk, settings_of(pair.gongshu), "longyou")
    assert len(opened(pair.gongshu)) == 1


@pytest.mark.parametrize(
    "target",
    ["nowhere", "/etc/hostname", "0000000000", None],
    ids=["dangling", "outside", "itself", "pipe"],
)
def test_what_is_no_file_in_the_place_of_a_settled_message_stops_nothing(pair: Two, target: str | None):
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    not_a_file(place(pair, 0), target)
    done = received(pair.gongshu, "longyou")
    assert ([row.type for row in done.settled], done.stopped) == (["suspend"], None)
    assert "relay" in waits(pair)


@pytest.mark.parametrize("shown", ["old", "pipe"])
def test_what_is_no_next_message_in_its_place_is_told_to_a_person(pair: Two, shown: str):
    """Else nobody would know why nothing comes: no message behind it shows a gap."""
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    newest = place(pair, 3)
    good = newest.read_bytes()
    if shown == "pipe":
        not_a_file(newest, None)
    else:
        newest.write_bytes(place(pair, 1).read_bytes())
    done = received(pair.gongshu, "longyou")
    assert (done.settled, done.stopped, waits(pair)) == ((), None, ["relay"])
    newest.unlink()
    newest.write_bytes(good)
    assert [row.type for row in received(pair.gongshu, "longyou").settled] == ["suspend"]
    assert waits(pair) == []


def test_what_cannot_be_read_now_in_the_place_of_a_settled_message_tells_nobody_of_another(pair: Two):
    """Nor does it say that all is well again: what was told before stays until it is read."""
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    old = place(pair, 0)
    good = old.read_bytes()
    for number, told in enumerate(([], ["relay"])):
        if told:
            old.write_bytes(b"{}")
            received(pair.gongshu, "longyou")
            assert waits(pair) == told
            old.write_bytes(good)
        say(pair.longyou, "gongshu", Suspension(number == 0, None))
        upload(pair.longyou, "gongshu")
        with unsteady(old, lambda _, kind: kind == "read") as disk:
            done = received(pair.gongshu, "longyou")
        assert disk.failed, "the relay failed"
        assert ([row.type for row in done.settled], done.stopped) == ([("suspend", "resume")[number]], None)
        assert waits(pair) == told
    assert received(pair.gongshu, "longyou").stopped is None
    assert waits(pair) == []


def test_what_is_a_link_that_leads_too_far_is_read_by_nobody(pair: Two):
    granted_and_sent(pair)
    assert received(pair.gongshu, "longyou").stopped is None
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    not_a_file(place(pair, 0), "x" * 300)
    assert [row.type for row in received(pair.gongshu, "longyou").settled] == ["suspend"]
    assert waits(pair) == []


def test_what_is_no_file_in_the_place_of_the_next_message_is_a_gap(pair: Two):
    granted_and_sent(pair)
    not_a_file(place(pair, 1), None)
    assert stopped(pair) == "gap"
    assert sorted(waits(pair)) == ["missing", "relay"]


def not_a_file(at: Path, target: str | None) -> None:
    """A link in the place of a file, or a pipe."""
    at.unlink()
    if target is None:
        os.mkfifo(at)
    else:
        at.symlink_to(target)


def test_a_message_is_judged_at_the_moment_at_which_its_turn_comes(pair: Two):
    """The one before it took an hour, in which it was issued."""
    now = system_clock().replace(microsecond=0)
    later = now + timedelta(hours=1)
    say(pair.longyou, "gongshu", Suspension(True, None), now=now)
    say(pair.longyou, "gongshu", Suspension(False, None), now=later)
    upload(pair.longyou, "gongshu")
    with pair.gongshu.desk(who="system", now=now) as desk:
        moments = iter([now, now])
        object.__setattr__(desk, "clock", lambda: next(moments, later))
        done = receive_from(desk, settings_of(pair.gongshu), "longyou")
    assert (done.stopped, [row.received for row in done.settled]) == (None, [now, now, later])
