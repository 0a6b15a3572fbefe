"""One event for a stranger: told with nothing of the others, and refused when any part was changed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from event_log import ORIGIN, START, Books, books, log_key

from shanhai.audit.database import transaction
from shanhai.audit.disclosure import disclose, read_disclosure
from shanhai.audit.events import digest_of
from shanhai.audit.failures import EvidenceError
from shanhai.errors import NotFoundError


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Books:
    return books(tmp_path_factory.mktemp("log"), 7)


def told(kept: Books, leaf: int) -> bytes:
    return disclose(kept.log, leaf, (kept.folder / "checkpoint").read_bytes(), 7)


@pytest.mark.parametrize("leaf", range(7))
def test_an_event_is_proven_and_no_other_told(kept: Books, leaf: int):
    data = told(kept, leaf)
    found = read_disclosure(data, ORIGIN, [kept.key.public])
    assert (found.leaf, found.event, found.checkpoint.size) == (leaf, kept.log.entry(leaf).event, 7)
    inside = b"".join(
        base64.b64decode(value) for value in json.loads(data).values() if isinstance(value, str)
    )
    assert [other for other in range(7) if f"{other:032x}".encode() in inside] == [leaf]


def changed(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    fields = json.loads(data)
    inside = base64.b64decode(fields[name])
    assert old in inside
    return json.dumps({**fields, name: base64.b64encode(inside.replace(old, new, 1)).decode()}).encode()


def rewritten(data: bytes) -> bytes:
    """Another event with the digest that it has: whole in itself, and not in the log."""
    fields = json.loads(changed(data, "event", b"Chen", b"Chan"))
    return json.dumps({**fields, "sha256": digest_of(base64.b64decode(fields["event"]))}).encode()


def beside(kept: Books) -> bytes:
    return base64.b64encode(kept.log.inclusion(3, 7)[0])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data, kept: changed(data, "event", b"Chen", b"Chan"), "event-disclosure-altered"),
        (lambda data, kept: rewritten(data), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "event", b'"v":1', b'"v":2'), "event-disclosure-altered"),
        (lambda data, kept: changed(data, "event", b",", b", "), "event-disclosure-altered"),
        (lambda data, kept: changed(data, "proof", b"index 3", b"index 2"), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "proof", b"index 3", b"index 9"), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "proof", b"index 3", b"index 03"), "disclosure-malformed"),
        (lambda data, kept: changed(data, "proof", beside(kept) + b"\n", b""), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "proof", beside(kept), b"A" * 43 + b"="), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "proof", beside(kept), b"!"), "inclusion-proof-wrong"),
        (lambda data, kept: changed(data, "proof", b"\n7\n", b"\n8\n"), "checkpoint-forged"),
        (lambda data, kept: changed(data, "proof", b"/0\n7", b"/1\n7"), "checkpoint-origin-other"),
        (lambda data, kept: changed(data, "proof", b"@v1", b"@v2"), "disclosure-malformed"),
        (lambda data, kept: data.replace(b'"v": 1', b'"v": 2'), "disclosure-malformed"),
        (lambda data, kept: data.replace(b'"proof"', b'"prove"'), "disclosure-malformed"),
        (lambda data, kept: data[:-9], "disclosure-malformed"),
        (lambda data, kept: b"", "disclosure-malformed"),
        (lambda data, kept: b"[" * 100_000, "disclosure-malformed"),
    ],
)
def test_a_disclosure_that_was_altered_is_refused(kept: Books, change, code: str):
    """event-disclosure-altered, inclusion-proof-wrong, checkpoint-origin-other"""
    with pytest.raises(EvidenceError) as refused:
        read_disclosure(change(told(kept, 3), kept), ORIGIN, [kept.key.public])
    assert refused.value.code == code


def test_the_key_of_another_proves_nothing(kept: Books):
    with pytest.raises(EvidenceError, match="checkpoint-forged"):
        read_disclosure(told(kept, 3), ORIGIN, [log_key().public])


def test_what_no_checkpoint_covers_or_was_erased_is_not_disclosed(tmp_path: Path):
    kept = books(tmp_path, 7)
    with transaction(kept.connection):
        erased = kept.log.erase(3, who="Chen Wei", at=START)
    for leaf in (3, erased, 100):
        with pytest.raises(NotFoundError):
            told(kept, leaf)
