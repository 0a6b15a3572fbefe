"""One event shown to a stranger: its JSON, the proof that the log committed to it, and the checkpoint.

The proof is a text of C2SP tlog-proof. Nothing else of the log is told but hashes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from shanhai.audit.checkpoints import Checkpoint, read_checkpoint
from shanhai.audit.events import Event, digest_of, leaf_of, read_event
from shanhai.audit.failures import EvidenceError
from shanhai.audit.log import EventLog
from shanhai.audit.proofs import check_inclusion
from shanhai.errors import NotFoundError

MOST_BYTES = 1024 * 1024
_PROOF = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class Disclosed:
    """An event, its place in the log, and the checkpoint under which it was proven."""

    event: Event
    leaf: int
    checkpoint: Checkpoint


def disclose(log: EventLog, leaf: int, note: bytes, size: int) -> bytes:
    """One event with its proof, as a JSON document.

    Args:
        leaf: the event, by its place.
        note: a signed checkpoint that covers it.
        size: how many events the checkpoint covers.

    Raises:
        NotFoundError: there is no such event, the checkpoint is older, or the event was erased.
    """
    entry = log.entry(leaf)
    if entry.document is None:
        raise NotFoundError("the event was erased; only its commitment is left", given=leaf)
    if leaf >= size:
        raise NotFoundError("no checkpoint covers the event yet", given=leaf, allowed=f"below {size}")
    path = [base64.b64encode(one).decode() for one in log.inclusion(leaf, size)]
    proof = "\n".join([_PROOF, f"index {leaf}", *path, "", ""]).encode() + note
    document = _base64(entry.document)
    fields = {"v": 1, "event": document, "sha256": entry.digest, "proof": _base64(proof)}
    return (json.dumps(fields, indent=1) + "\n").encode()


def read_disclosure(data: bytes, origin: str, publics: Collection[bytes]) -> Disclosed:
    """The event of a disclosure, once everything about it is verified.

    Args:
        origin: the log that it must be of.
        publics: the log keys of the node, 32 bytes each, from its keyset.

    Raises:
        EvidenceError: which of its parts is wrong.
    """
    document, digest, proof = _parts(data)
    head, separator, note = proof.partition(b"\n\n")
    if not separator:
        raise EvidenceError("disclosure-malformed")
    checkpoint = read_checkpoint(note, origin, publics)
    try:
        kind, index, *path = head.decode("ascii").split("\n")
        hashes = [base64.b64decode(line, validate=True) for line in path]
    except (ValueError, binascii.Error) as error:
        raise EvidenceError("inclusion-proof-wrong") from error
    found = _INDEX.fullmatch(index)
    if kind != _PROOF or found is None:
        raise EvidenceError("disclosure-malformed")
    leaf = int(found[1])
    if digest_of(document) != digest:
        raise EvidenceError("event-disclosure-altered")
    event = read_event(document)
    check_inclusion(leaf_of(digest), leaf, checkpoint.size, hashes, checkpoint.root)
    return Disclosed(event, leaf, checkpoint)


def _parts(data: bytes) -> tuple[bytes, str, bytes]:
    try:
        fields = json.loads(data) if len(data) <= MOST_BYTES else None
        if (
            not isinstance(fields, dict)
            or fields.keys() != {"v", "event", "sha256", "proof"}
            or fields["v"] != 1
        ):
            raise ValueError("other fields")
        document = base64.b64decode(fields["event"], validate=True)
        return document, str(fields["sha256"]), base64.b64decode(fields["proof"], validate=True)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise EvidenceError("disclosure-malformed") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
