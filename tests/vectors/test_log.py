"""Runs the vectors of the group `log`: events, proofs and checkpoints that hold, and those that do not."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from vectors.log import GROUP, vectors
from vectors.vector import load, names

from shanhai.audit.database import open_database, transaction
from shanhai.audit.disclosure import read_disclosure
from shanhai.audit.events import digest_of, leaf_of, read_event
from shanhai.audit.failures import EvidenceError, LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.audit.proofs import check_consistency
from shanhai.audit.tree import grown
from shanhai.audit.verify import Expected, verify_log

WANTED = """entry-edited entry-deleted log-unwritable inclusion-proof-wrong consistency-proof-wrong
    checkpoint-origin-other event-disclosure-altered event-guess-by-low-entropy"""
FILES = names(GROUP)
Given = dict[str, Any]


def test_every_name_has_a_vector():
    assert set(WANTED.split()) <= FILES.keys()


def test_the_files_are_what_the_generator_writes():
    assert {vector.name: vector.text() for vector in vectors()} == {
        name: file.read_text(encoding="utf-8") for name, file in FILES.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_gives_what_it_says(name: str, tmp_path: Path):
    vector = load(FILES[name])
    try:
        outcome = {"passes": OPERATIONS[vector.operation](vector.given, tmp_path)}
    except EvidenceError as error:
        outcome = {"refused": error.code, "stage": GROUP}
        if "leaf" in vector.expect:
            outcome["leaf"] = error.leaf
    except LogUnwritableError:
        with contextlib.closing(open_database(tmp_path / "exchange.db")) as connection:
            events = EventLog(connection).size
            (crossed,) = connection.execute("SELECT count(*) FROM crossing").fetchone()
        outcome = {"refused": "log-unwritable", "stage": GROUP, "events": events, "crossed": crossed}
    assert outcome == vector.expect


def _disclosure(given: Given, folder: Path) -> Given:
    publics = [bytes.fromhex(key) for key in given["log_keys"]]
    found = read_disclosure(base64.b64decode(given["disclosure"]), given["origin"], publics)
    return {"leaf": found.leaf, "size": found.checkpoint.size, "event": found.event.document.decode()}


def _consistency(given: Given, folder: Path) -> Given:
    roots = {name: bytes.fromhex(given[name]) for name in ("old_root", "new_root")}
    check_consistency(given["old"], given["new"], [bytes.fromhex(one) for one in given["path"]], **roots)
    return {}


def _verify(given: Given, folder: Path) -> Given:
    for path, data in given["files"].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(base64.b64decode(data))
    publics = [bytes.fromhex(key) for key in given["log_keys"]]
    with contextlib.closing(_database(given, folder)) as connection:
        found = verify_log(EventLog(connection), folder, Expected(given["origin"], publics))
    # The log and its files disagree in more than one way; the one that names an event is what is wanted.
    named = [error for error in found.wrong if error.code.startswith("entry-")]
    if named:
        raise named[0]
    assert not found.wrong
    return {"events": found.events}


def _append(given: Given, folder: Path) -> Given:
    """The crossing stands for whatever is done in the transaction of its event."""
    with contextlib.closing(_database(given, folder)) as connection:
        connection.execute("CREATE TABLE crossing (event TEXT) STRICT")
        connection.execute(f"PRAGMA query_only = {'OFF' if given['writable'] else 'ON'}")
        with transaction(connection):
            EventLog(connection).append(read_event(given["event"].encode()))
            connection.execute("INSERT INTO crossing VALUES ('sent')")
    return {}


def _guess(given: Given, folder: Path) -> Given:
    guesses = [base64.b64decode(guess) for guess in given["guesses"]]
    for guess in guesses:
        read_event(guess)
    return {"matches": sum(digest_of(guess) == given["digest"] for guess in guesses)}


def _database(given: Given, folder: Path):
    """The events as they are held, and the tree that fits their digests."""
    connection = open_database(folder / "exchange.db")
    known: dict[tuple[int, int], bytes] = {}
    for leaf, one in enumerate(given["events"]):
        connection.execute(
            "INSERT INTO event VALUES (?, ?, ?)", (leaf, one["document"].encode(), one["digest"])
        )
        for node in grown(leaf, leaf_of(one["digest"]), lambda level, index: known[level, index]):
            known[node.level, node.index] = node.hash
            connection.execute("INSERT INTO event_tree VALUES (?, ?, ?)", (node.level, node.index, node.hash))
    return connection


OPERATIONS = {
    "disclosure": _disclosure,
    "consistency": _consistency,
    "verify": _verify,
    "append": _append,
    "guess": _guess,
}


def test_a_vector_is_small():
    assert max(file.stat().st_size for file in FILES.values()) < 64 * 1024
    assert {json.loads(file.read_text())["group"] for file in FILES.values()} == {GROUP}
