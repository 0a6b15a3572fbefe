"""What is refused: it is seen before anything is opened, and nothing is left of it but evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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
    grant_of,
    kinds,
    looked_at,
    private_leftovers,
    received,
    relay_file,
    relay_folder,
    say,
    seal,
    upload,
)
from two_nodes import Two

from shanhai.courier import cells, outbox, waiting
from shanhai.exchange.failures import Refused


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
        found = received(pair.gongshu, "longyou").stopped
        assert isinstance(found, Refused)
        assert (found.code, found.given) == (code, f"{sha256}.parquet, message 0/2 of longyou")
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
    found = received(pair.gongshu, "longyou").stopped
    assert isinstance(found, Refused)
    told = f"statement {statement.name}, message 0/2 of longyou"
    assert (found.code, found.given) == ("file-omitted", told)
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


def test_a_copy_that_changes_after_its_digest_was_taken_is_refused_whatever_was_read(
    pair: Two, monkeypatch: pytest.MonkeyPatch
):
    granted_and_sent(pair)
    parse = cells.parse

    def parse_then_touch(file, out, job, *, cell, stop):
        done = parse(file, out, job, cell=cell, stop=stop)
        path = Path(f"/proc/self/fd/{file.fileno()}").readlink()
        with path.open("r+b") as other:
            other.write(b"P")
        return done

    monkeypatch.setattr(cells, "parse", parse_then_touch)
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
