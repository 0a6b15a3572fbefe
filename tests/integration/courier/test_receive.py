"""Receiving from a relay: in order, each once, and the partner is told."""

from __future__ import annotations

import base64
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from received_parcels import (
    granted_and_sent,
    next_number,
    opened,
    receipts,
    rows,
    say_parcel,
    states,
    stopped,
)
from sent_parcels import (
    DAY,
    GRANTED,
    TABLE,
    kinds,
    looked_at,
    private_leftovers,
    received,
    relay_file,
    relay_folder,
    say,
    seal,
    settings_of,
    upload,
)
from two_nodes import Two

from shanhai.clock import system_clock
from shanhai.courier import fetching, outbox, receiving
from shanhai.courier.incoming import one_at_a_time
from shanhai.courier.receiving import receive_from
from shanhai.errors import BusyError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.pairing_states import PairingState


def test_a_parcel_is_opened_into_the_granted_columns_and_the_partner_is_told(pair: Two):
    _, _, said = granted_and_sent(pair)
    done = received(pair.gongshu, "longyou")
    assert done.stopped is None
    assert [(row.type, row.state.value) for row in done.settled] == [
        ("keyset", "taken"),
        ("grant", "taken"),
        ("parcel", "opened"),
    ]
    (file,) = opened(pair.gongshu)
    assert file.relative_to(pair.gongshu.home).as_posix() == rows(pair.gongshu)[-1].opened_file
    assert file.name == f"7-0-2-{said.digest[:12]}.parquet"
    assert file.stat().st_mode & 0o777 == 0o600
    assert pq.read_table(file) == TABLE.select(GRANTED)
    assert pair.gongshu.partner("longyou").state is PairingState.ACTIVE
    assert private_leftovers(pair.gongshu) == []
    assert kinds(pair.gongshu)[-7:] == [
        *("opening", "confirm"),
        *("opening", "grant"),
        *("opening", "receipt", "ship"),
    ]
    upload(pair.gongshu, "longyou")
    assert received(pair.longyou, "gongshu").stopped is None
    told = looked_at(pair.longyou, lambda desk: outbox.by_digest(desk.connection, said.digest))
    assert told is not None
    assert (told.outcome, told.code) == ("received", None)
    acked = pair.longyou.partner("gongshu").acknowledged
    assert acked is not None
    assert (acked.seq, acked.digest) == (2, said.digest)


def test_no_key_and_nothing_withheld_stays_in_the_home(pair: Two):
    sealed, _, _ = granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    kept = b"".join(path.read_bytes() for path in pair.gongshu.home.rglob("*") if path.is_file())
    assert b"opening" in kept
    for key in sealed.keys.values():
        spelled = (key.bytes, key.bytes.hex().encode(), base64.b64encode(key.bytes))
        assert not any(one in kept for one in spelled)
    assert b"not for Gongshu" not in kept


def test_the_same_again_changes_nothing(pair: Two):
    granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    before = (rows(pair.gongshu), kinds(pair.gongshu), receipts(pair.gongshu, "longyou"))
    assert received(pair.gongshu, "longyou").settled == ()
    assert (rows(pair.gongshu), kinds(pair.gongshu), receipts(pair.gongshu, "longyou")) == before


def test_one_that_comes_early_waits_and_is_taken_once(pair: Two):
    granted_and_sent(pair)
    (grant_message,) = relay_folder(pair).rglob("m/000000/0000000001")
    kept = grant_message.read_bytes()
    grant_message.unlink()
    assert stopped(pair) == "gap"
    assert states(pair.gongshu) == ["taken"]
    grant_message.write_bytes(kept)
    assert received(pair.gongshu, "longyou").stopped is None
    assert states(pair.gongshu) == ["taken", "taken", "opened"]


def test_files_that_nobody_named_are_never_fetched(pair: Two, monkeypatch: pytest.MonkeyPatch):
    sealed, _, _ = granted_and_sent(pair)
    (sha256,) = sealed.files
    stray = relay_file(pair, sha256).with_name("0" * 64)
    stray.write_bytes(b"stray")
    asked: list[str] = []
    poured = fetching._poured
    monkeypatch.setattr(
        fetching, "_poured", lambda relay, one, *to: asked.append(one.sha256) or poured(relay, one, *to)
    )
    assert received(pair.gongshu, "longyou").stopped is None
    assert asked == [sha256]


def test_an_expired_parcel_is_settled_and_the_next_one_comes(pair: Two):
    _, grant, _ = granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    old = say_parcel(pair, seal(pair.longyou), grant)
    upload(pair.longyou, "gongshu")
    later = system_clock() + 60 * DAY
    done = received(pair.gongshu, "longyou", now=later)
    assert [(row.digest, row.code) for row in done.settled] == [(old.digest, "expired")]
    assert next_number(pair.gongshu, "longyou") == 4


def test_what_was_begun_is_judged_by_the_moment_when_it_came(pair: Two, monkeypatch: pytest.MonkeyPatch):
    granted_and_sent(pair)

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "open_set", killed)
        with pytest.raises(Killed):
            received(pair.gongshu, "longyou")
    assert states(pair.gongshu)[-1] == "opening"
    assert received(pair.gongshu, "longyou", now=system_clock() + 60 * DAY).stopped is None
    assert states(pair.gongshu)[-1] == "opened"
    assert kinds(pair.gongshu).count("opening") == 3


def test_two_do_not_receive_from_one_partner_at_a_time(pair: Two):
    granted_and_sent(pair)
    pairing = pair.gongshu.partner("longyou").pairing
    with one_at_a_time(pair.gongshu.home, pairing), pytest.raises(BusyError):
        received(pair.gongshu, "longyou")
    assert received(pair.gongshu, "longyou").stopped is None


def test_without_a_log_nothing_is_opened(pair: Two, monkeypatch: pytest.MonkeyPatch):
    granted_and_sent(pair)
    with pair.gongshu.desk(who="system") as desk:
        desk.connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        opened_any: list[object] = []
        monkeypatch.setattr(receiving, "unwrap", lambda *a, **k: opened_any.append(a))
        done = receive_from(desk, settings_of(pair.gongshu), "longyou")
        desk.connection.execute("DROP TRIGGER full")
    assert done.stopped is not None
    assert done.stopped.recovery == "retry"
    assert opened_any == []
    assert states(pair.gongshu) == []
    monkeypatch.undo()
    assert received(pair.gongshu, "longyou").stopped is None


def test_one_issued_in_our_future_waits(pair: Two):
    say(pair.longyou, "gongshu", Suspension(True, None), now=system_clock() + timedelta(hours=2))
    upload(pair.longyou, "gongshu")
    assert stopped(pair) == "issued-in-future"
    assert received(pair.gongshu, "longyou", now=system_clock() + timedelta(hours=3)).stopped is None
