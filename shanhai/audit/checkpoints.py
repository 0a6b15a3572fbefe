"""Checkpoints: the size and root of a log at one moment, signed by its key (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass

from shanhai.audit.failures import EvidenceError
from shanhai.audit.notes import Sign, check_signed, parse_note, sign_note
from shanhai.audit.proofs import HASH_BYTES

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class LogKey:
    """What signs the checkpoints of one log.

    Args:
        origin: the name of the log and of its key: `shanhai/<node>/<generation>`.
        public: the Ed25519 key, 32 bytes.
        sign: signs bytes with its private half.
    """

    origin: str
    public: bytes
    sign: Sign


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: its origin, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The lines that are signed. Lines beyond the three are not ours to write."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def origin_of(node: str, generation: int) -> str:
    """The name of a node's log; a restored node starts a new one."""
    return f"shanhai/{node}/{generation}"


def sign_checkpoint(size: int, root: bytes, key: LogKey) -> bytes:
    """The signed note of a checkpoint."""
    return sign_note(Checkpoint(key.origin, size, root).text, key.origin, key.public, key.sign)


def read_checkpoint(data: bytes, origin: str, publics: Collection[bytes]) -> Checkpoint:
    """A checkpoint, once its signature is verified over the bytes that were received.

    Args:
        data: the signed note; other signatures in it, as of cosigners, are left alone.
        origin: the log that it must be of.
        publics: the log keys of the node, 32 bytes each.

    Raises:
        EvidenceError: `note-malformed`, `checkpoint-malformed`, `checkpoint-origin-other`,
            `checkpoint-forged`.
    """
    note = parse_note(data)
    first, *lines = note.text[:-1].split("\n")
    if first != origin:
        raise EvidenceError("checkpoint-origin-other")
    check_signed(note, origin, publics)
    if len(lines) < 2 or not all(lines) or not _SIZE.fullmatch(lines[0]):
        raise EvidenceError("checkpoint-malformed")
    return Checkpoint(first, int(lines[0]), _hash(lines[1]))


def _hash(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError("checkpoint-malformed") from error
    if len(data) != HASH_BYTES or base64.b64encode(data).decode() != text:
        raise EvidenceError("checkpoint-malformed")
    return data
