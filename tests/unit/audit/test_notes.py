"""Signed notes and checkpoints: the specification's own example verifies, and what differs is refused."""

from __future__ import annotations

import base64

import pytest
from event_log import ORIGIN, log_key

from shanhai.audit.checkpoints import Checkpoint, read_checkpoint, sign_checkpoint
from shanhai.audit.failures import EvidenceError
from shanhai.audit.notes import check_signed, key_id, parse_note, sign_note

# The verifier key and note of golang.org/x/mod/sumdb/note, from which the specification was written.
PETER = "PeterNeumann"
PETER_KEY = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETER_ID = "c74f20a3"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
    "ngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = bytes(range(32))


def test_a_note_of_another_implementation_verifies():
    public = PETER_KEY[1:]
    assert key_id(PETER, public).hex() == PETER_ID
    check_signed(parse_note(PETER_NOTE.encode()), PETER, [public])
    with pytest.raises(EvidenceError, match="checkpoint-forged"):
        check_signed(parse_note(PETER_NOTE.replace("answer", "anwser").encode()), PETER, [public])


def test_a_checkpoint_reads_as_it_was_signed():
    key = log_key()
    note = sign_checkpoint(7, ROOT, key)
    assert note.decode().startswith(f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n\n— {ORIGIN} ")
    assert read_checkpoint(note, ORIGIN, [log_key().public, key.public]) == Checkpoint(ORIGIN, 7, ROOT)


def test_signatures_of_others_are_left_alone():
    key = log_key()
    note = sign_checkpoint(7, ROOT, key)
    cosigned = note + "— partner AAAAAAAAAAAA\n".encode()
    assert read_checkpoint(cosigned, ORIGIN, [key.public]).size == 7


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda note: note.replace(b"\n7\n", b"\n8\n"), "checkpoint-forged"),
        (lambda note: note[:-20] + b"AAAA" + note[-16:], "checkpoint-forged"),
        (lambda note: note.replace(b"/0\n7", b"/1\n7"), "checkpoint-origin-other"),
        (lambda note: note.partition(b"\n\n")[0] + b"\n", "note-malformed"),
        (lambda note: note.rstrip(b"\n"), "note-malformed"),
        (lambda note: note.replace(b"\n7\n", b"\n7\r\n"), "note-malformed"),
        (lambda note: note + b"\xff\n", "note-malformed"),
        (lambda note: note + b"\x00" * 300_000, "note-malformed"),
        (lambda note: b"", "note-malformed"),
    ],
)
def test_a_note_that_was_changed_is_refused(change, code: str):
    key = log_key()
    with pytest.raises(EvidenceError) as refused:
        read_checkpoint(change(sign_checkpoint(7, ROOT, key)), ORIGIN, [key.public])
    assert refused.value.code == code


@pytest.mark.parametrize("size", ["07", "-1", "7.0", "1e3", "", "٧"])
def test_a_size_is_written_in_one_way(size: str):
    key = log_key()
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(ROOT).decode()}\n"
    note = sign_note(text, ORIGIN, key.public, key.sign)
    with pytest.raises(EvidenceError, match="checkpoint-malformed"):
        read_checkpoint(note, ORIGIN, [key.public])


def test_a_checkpoint_of_another_origin_under_the_same_key_is_refused():
    key = log_key()
    text = Checkpoint("shanhai/other/0", 7, ROOT).text
    with pytest.raises(EvidenceError, match="checkpoint-origin-other"):
        read_checkpoint(sign_note(text, ORIGIN, key.public, key.sign), ORIGIN, [key.public])
