"""Receiving from a relay: in order, each once, verified first, and nothing left of what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
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
    SealedSet,
    grant_of,
    kinds,
    looked_at,
    private_leftovers,
    received,
    relay_file,
    relay_folder,
    say,
    seal,
    seal_folder,
    settings_of,
    upload,
)
from two_nodes import NodeHome, Two, confirmed

from shanhai.clock import system_clock
from shanhai.courier import fetching, opening, outbox, receiving, waiting
from shanhai.courier.inbox import InboxState
from shanhai.courier.incoming import one_at_a_time
from shanhai.courier.receiving import receive_from
from shanhai.courier.reopening import reopen
from shanhai.errors import BusyError, ConfigurationError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.facts import Facts, write_facts
from shanhai.exchange.failures import Refused
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.parquet.encrypt import Packing
from shanhai.exchange.sets import set_digest, sign_set
from shanhai.exchange.subjects import APPLICATION, Subject


@pytest.fixture
def pair(two: Two) -> Two:
    """Both have confirmed, and neither knows it of the other: that the first message tells."""
    confirmed(two)
    return two


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


def damaged(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (lambda file: file.write_bytes(damaged(file.read_bytes())), "file-altered"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "size-lies"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "size-lies"),
        (lambda file: file.unlink(), "file-omitted"),
    ],
    ids=["altered", "cut", "longer", "gone"],
)
def test_what_the_relay_does_to_a_file_is_seen_before_anything_is_opened(
    pair: Two, alter: Callable[[Path], object], code: str
):
    sealed, _, said = granted_and_sent(pair)
    (sha256,) = sealed.files
    file = relay_file(pair, sha256)
    alter(file)
    for _ in range(2):
        assert stopped(pair) == code
    assert next_number(pair.gongshu, "longyou") == 2
    assert private_leftovers(pair.gongshu) == []
    assert opened(pair.gongshu) == []
    assert kinds(pair.gongshu).count("opening") == 2
    assert kinds(pair.gongshu).count("refused") == 1
    assert receipts(pair.gongshu, "longyou") == []
    evidence = json.loads((pair.gongshu.home / "exchange" / "refused" / f"{said.digest}.json").read_text())
    assert (evidence["code"], evidence["stage"], evidence["seq"]) == (code, "set", 2)
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert ("refused", said.digest) in [(one.kind, one.about) for one in waits]
    file.write_bytes(sealed.files[sha256])
    assert received(pair.gongshu, "longyou").stopped is None
    assert states(pair.gongshu)[-1] == "opened"
    assert looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection)) == ()


def test_a_statement_that_the_relay_lost_is_asked_for_again(pair: Two):
    sealed, _, _ = granted_and_sent(pair)
    (statement,) = relay_folder(pair).rglob(f"s/{sealed.statement.digest}")
    statement.unlink()
    assert stopped(pair) == "file-omitted"
    statement.write_bytes(sealed.envelope)
    assert received(pair.gongshu, "longyou").stopped is None


def test_a_statement_that_the_relay_showed_torn_is_asked_for_again(pair: Two):
    sealed, _, _ = granted_and_sent(pair)
    (statement,) = relay_folder(pair).rglob(f"s/{sealed.statement.digest}")
    statement.write_bytes(sealed.envelope[:-40])
    for _ in range(2):
        assert received(pair.gongshu, "longyou").stopped is not None
    statement.write_bytes(sealed.envelope)
    assert received(pair.gongshu, "longyou").stopped is None
    assert states(pair.gongshu)[-1] == "opened"


def test_files_that_nobody_named_are_never_fetched(pair: Two, monkeypatch: pytest.MonkeyPatch):
    sealed, _, _ = granted_and_sent(pair)
    (sha256,) = sealed.files
    stray = relay_file(pair, sha256).with_name("0" * 64)
    stray.write_bytes(b"stray")
    asked: list[str] = []
    poured = fetching._poured
    monkeypatch.setattr(
        fetching, "_poured", lambda relay, one, part: asked.append(one.sha256) or poured(relay, one, part)
    )
    assert received(pair.gongshu, "longyou").stopped is None
    assert asked == [sha256]


def test_a_copy_that_changes_after_its_digest_was_taken_is_refused_whatever_was_read(
    pair: Two, monkeypatch: pytest.MonkeyPatch
):
    granted_and_sent(pair)
    parse = opening.parse

    def parse_then_touch(file, out, job, *, cell):
        done = parse(file, out, job, cell=cell)
        path = Path(f"/proc/self/fd/{file.fileno()}").readlink()
        with path.open("r+b") as other:
            other.write(b"P")
        return done

    monkeypatch.setattr(opening, "parse", parse_then_touch)
    assert stopped(pair) == "changed-between-hash-and-parse"
    assert opened(pair.gongshu) == []
    monkeypatch.undo()
    assert received(pair.gongshu, "longyou").stopped is None


def test_a_parcel_beyond_its_grant_keeps_its_number_and_leaves_evidence_alone(pair: Two):
    grant = grant_of(pair)
    say(pair.longyou, "gongshu", grant)
    sealed = seal(pair.longyou)
    bad = say_parcel(pair, sealed, grant, purpose="something_else")
    good = say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    done = received(pair.gongshu, "longyou")
    assert done.stopped is None
    assert [(row.digest, row.code) for row in done.settled[-2:]] == [
        (bad.digest, "terms-exceed-grant"),
        (good.digest, None),
    ]
    refused = rows(pair.gongshu)[-2]
    assert (refused.subject, refused.body, refused.opened_file) == (None, None, None)
    assert [file.name[:6] for file in opened(pair.gongshu)] == ["7-0-3-"]
    upload(pair.gongshu, "longyou")
    received(pair.longyou, "gongshu")
    told = looked_at(pair.longyou, lambda desk: outbox.by_digest(desk.connection, bad.digest))
    assert told is not None
    assert (told.outcome, told.code) == ("refused", "terms-exceed-grant")


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"columns": ("string", "string", "string")}, "schema-differs"),
        ({"files": None}, "rows-differ"),
    ],
)
def test_facts_that_lie_are_refused_for_good_and_nothing_is_left(pair: Two, lie: dict, code: str):
    honest = seal(pair.longyou)
    if lie == {"files": None}:
        (one,) = honest.facts.files
        lie = {"files": (replace(one, rows=one.rows + 1),)}
    _, grant, said = granted_and_sent(pair, seal(pair.longyou, **lie))
    following = say_parcel(pair, honest, grant)
    upload(pair.longyou, "gongshu", honest)
    done = received(pair.gongshu, "longyou")
    assert [(row.digest, row.state.value, row.code, row.stage) for row in done.settled[-2:]] == [
        (said.digest, "refused", code, "contents"),
        (following.digest, "opened", None, None),
    ]
    assert private_leftovers(pair.gongshu) == []


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


def test_a_set_of_several_files_becomes_one_table_in_order(pair: Two):
    numbers = list(range(30_000))
    table = pa.table({"id": [f"id {n}" for n in numbers], "n": numbers, "note": ["x"] * len(numbers)})
    sealed = seal(pair.longyou, table, packing=Packing(most_bytes=400_000, group_bytes=300_000))
    assert len(sealed.files) > 2
    granted_and_sent(pair, sealed)
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    assert pq.read_table(file) == table.select(GRANTED)


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"parcel_bytes": 1 << 20}, "parser-memory"), ({"parcel_seconds": 0.001}, "parser-hang")],
)
def test_what_a_parcel_may_take_is_not_for_its_sender_to_say(
    pair: Two, limits: dict[str, float], code: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in limits.items():
        monkeypatch.setenv(f"SHANHAI_{name.upper()}", str(value))
    _, _, said = granted_and_sent(pair)
    last = received(pair.gongshu, "longyou").settled[-1]
    assert (last.digest, last.state.value) == (said.digest, "refused")
    assert (last.code, last.stage) == (code, "contents")
    assert private_leftovers(pair.gongshu) == []


def test_a_set_without_rows_is_a_table_without_rows(pair: Two):
    granted_and_sent(pair, seal(pair.longyou, TABLE.slice(0, 0)))
    received(pair.gongshu, "longyou")
    (file,) = opened(pair.gongshu)
    assert pq.read_table(file).equals(TABLE.slice(0, 0).select(GRANTED))


def test_the_same_set_opened_twice_gives_the_same_bytes(pair: Two):
    sealed, grant, _ = granted_and_sent(pair)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    first, second = opened(pair.gongshu)
    assert first.name != second.name
    assert first.read_bytes() == second.read_bytes()
    assert len({row.opened_sha256 for row in rows(pair.gongshu) if row.type == "parcel"}) == 1


def test_an_accepted_parcel_is_opened_again_by_what_was_recorded(pair: Two, tmp_path: Path):
    sealed, grant, _ = granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    say(pair.longyou, "gongshu", replace(grant, rev=2, revoked=True))
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    row = rows(pair.gongshu)[2]
    with pair.gongshu.desk(now=system_clock() + 60 * DAY) as desk:
        made = reopen(desk, settings_of(pair.gongshu), row, tmp_path / "again.parquet")
        assert made.sha256 == row.opened_sha256
        with pytest.raises(ConfigurationError):
            reopen(desk, settings_of(pair.gongshu), row, tmp_path / "again.parquet")
        other = replace(row, digest="0" * 64)
        with pytest.raises(Refused, match="reopened-other-bytes"):
            reopen(desk, settings_of(pair.gongshu), other, tmp_path / "other.parquet")
        relay_file(pair, next(iter(sealed.files))).unlink()
        with pytest.raises(Refused, match="file-omitted"):
            reopen(desk, settings_of(pair.gongshu), row, tmp_path / "gone.parquet")
    assert pq.read_table(tmp_path / "again.parquet") == TABLE.select(GRANTED)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == ["again.parquet"]
    assert private_leftovers(pair.gongshu) == []


FOLDER = {
    "README.md": b"# Dashboards\n",
    "bin/run.sh": b"#!/bin/sh\necho never by itself\n",
    "data/empty": b"",
    "data/large.bin": bytes(range(256)) * 9000,
}


def test_an_application_becomes_a_folder_that_waits_for_a_person(pair: Two):
    sealed = seal_folder(pair.longyou, FOLDER)
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    said = say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").stopped is None
    row = rows(pair.gongshu)[-1]
    assert (row.subject, row.state) == ("dashboards", InboxState.OPENED)
    assert row.opened_sha256 == sealed.facts.listing
    folder = pair.gongshu.home / (row.opened_file or "")
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == FOLDER
    assert {name: path.stat().st_mode & 0o777 for name, path in found.items()} == {
        name: 0o755 if name.endswith(".sh") else 0o644 for name in FOLDER
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert [(one.kind, one.about) for one in waits] == [("adopt", said.digest)]
    assert private_leftovers(pair.gongshu) == []
    folder.rename(pair.gongshu.home / "taken_by_a_person")
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").stopped is None
    assert states(pair.gongshu)[-2:] == ["opened", "opened"]


def test_a_folder_that_is_not_its_listing_leaves_nothing(pair: Two):
    sealed = seal_folder(pair.longyou, FOLDER)
    lying = seal_folder(pair.longyou, {**FOLDER, "README.md": b"# Other\n"})
    forged = replace(sealed.facts, listing=lying.facts.listing)
    sealed = _with_facts(pair.longyou, sealed, forged)
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    done = received(pair.gongshu, "longyou")
    assert done.settled[-1].code == "content-digest-wrong"
    assert not (pair.gongshu.home / "applications").exists()
    assert private_leftovers(pair.gongshu) == []


def _with_facts(node: NodeHome, sealed: SealedSet, facts: Facts) -> SealedSet:
    statement = replace(
        sealed.statement, facts_sha256=hashlib.sha256(write_facts(facts)).hexdigest(), digest=""
    )
    statement = replace(statement, digest=set_digest(statement))
    with node.desk() as desk:
        envelope = sign_set(statement, desk.speaker.signers)
    return replace(sealed, statement=statement, envelope=envelope, facts=facts)


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


def test_later_columns_of_the_same_set_are_another_message_and_nothing_else(pair: Two):
    sealed, grant, _ = granted_and_sent(pair)
    wider = replace(grant, rev=2, columns=("id", "n", "note"))
    say(pair.longyou, "gongshu", wider)
    say_parcel(pair, sealed, wider)
    upload(pair.longyou, "gongshu")
    assert received(pair.gongshu, "longyou").stopped is None
    widths = [pq.read_schema(file).names for file in opened(pair.gongshu)]
    assert widths == [["id", "n"], ["id", "n", "note"]]


def test_one_issued_in_our_future_waits(pair: Two):
    say(pair.longyou, "gongshu", Suspension(True, None), now=system_clock() + timedelta(hours=2))
    upload(pair.longyou, "gongshu")
    assert stopped(pair) == "issued-in-future"
    assert received(pair.gongshu, "longyou", now=system_clock() + timedelta(hours=3)).stopped is None
