"""Signed notes: a text and signatures below it (C2SP signed-note), with Ed25519, type 0x01."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from shanhai.audit.failures import EvidenceError
from shanhai.exchange.algorithms import ED25519, VerifyKey
from shanhai.exchange.failures import Refused

MOST_BYTES = 256 * 1024
"""Room for a text and the sixteen signatures that a verifier has to accept, also post-quantum ones."""

_TYPE = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

Sign = Callable[[bytes], bytes]
"""Signs bytes with an Ed25519 key that it alone holds: 64 bytes."""


@dataclass(frozen=True)
class Signature:
    """One line below the text: who says to have signed, a hint at the key, and the signature."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and signatures that nobody has checked yet."""

    text: str
    signatures: tuple[Signature, ...]


def key_id(name: str, public: bytes) -> bytes:
    """Four bytes that find the key of a signature; a hint, no proof."""
    return hashlib.sha256(name.encode() + b"\n" + _TYPE + public).digest()[:4]


def sign_note(text: str, name: str, public: bytes, sign: Sign) -> bytes:
    """The text with one signature.

    Args:
        text: what is signed; ends in a newline.
        name: of the key; without blanks and plus signs.
        public: the key, 32 bytes.
    """
    if not text.endswith("\n") or _CONTROL.search(text) or not _NAME.fullmatch(name):
        raise ValueError("a note ends in a newline and has no control characters, its key's name no blanks")
    signed = base64.b64encode(key_id(name, public) + sign(text.encode())).decode()
    return f"{text}\n— {name} {signed}\n".encode()


def parse_note(data: bytes) -> Note:
    """A note as it was received, unchecked.

    Raises:
        EvidenceError: `note-malformed`.
    """
    try:
        whole = data.decode() if len(data) <= MOST_BYTES else ""
    except UnicodeDecodeError:
        whole = ""
    text, separator, below = whole.rpartition("\n\n")
    if not (text and separator and below.endswith("\n")) or _CONTROL.search(whole):
        raise EvidenceError("note-malformed")
    return Note(text + "\n", tuple(_signature(line) for line in below[:-1].split("\n")))


def check_signed(note: Note, name: str, publics: Collection[bytes]) -> None:
    """See that one of the keys signed the note under the name, and that no signature of theirs is wrong.

    Raises:
        EvidenceError: `checkpoint-forged`.
    """
    known = {key_id(name, public): public for public in publics}
    ours = [one for one in note.signatures if one.name == name and one.key_id in known]
    if not ours:
        raise EvidenceError("checkpoint-forged")
    for one in ours:
        try:
            VerifyKey(ED25519, known[one.key_id]).verify(one.signature, note.text.encode())
        except Refused as error:
            raise EvidenceError("checkpoint-forged") from error


def _signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    try:
        data = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        data = b""
    if found is None or len(data) <= 4:
        raise EvidenceError("note-malformed")
    return Signature(found[1], data[:4], data[4:])
