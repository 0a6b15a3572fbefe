"""What is left of a message that was refused: its bytes, why, and nothing that was sealed in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from shanhai.errors import DataError
from shanhai.exchange.failures import Refused
from shanhai.exchange.strict import from_base64, to_base64, write_moment
from shanhai.storage.durable import write_durably

FOLDER = Path("exchange", "refused")
"""Where it lies in a home, a file a message."""

_FIELDS = ("v", "digest", "pairing", "partner", "generation", "seq", "code", "stage", "at", "message", "set")
MOST_BYTES = 8 << 20


@dataclass(frozen=True)
class Evidence:
    """A refusal, and what was refused.

    Attributes:
        digest: of the payload; of what is no envelope that somebody signed, of the bytes themselves.
        message: the envelope; None where nobody is known to have signed it: it may be anything, and large.
        statement: the envelope of the set, where it was had.
        code, stage: why, and where in the order of checks.
    """

    digest: str
    pairing: str
    partner: str
    generation: int | None
    seq: int | None
    code: str
    stage: str
    at: datetime
    message: bytes | None = field(repr=False)
    statement: bytes | None = field(repr=False)


def evidence_of(
    refusal: Refused, envelope: bytes, statement: bytes | None, *, pairing: str, partner: str, at: datetime
) -> Evidence:
    """The evidence of a refusal; of bytes that nobody signed only their digest is kept."""
    seen = refusal.seen
    return Evidence(
        digest=seen.digest if seen else hashlib.sha256(envelope).hexdigest(),
        pairing=pairing,
        partner=partner,
        generation=seen.generation if seen else None,
        seq=seen.seq if seen else None,
        code=refusal.code,
        stage=refusal.stage.value,
        at=at,
        message=envelope if seen else None,
        statement=statement if seen else None,
    )


def keep(home: Path, evidence: Evidence) -> Path:
    """Write the evidence, durably; where the same was found before, it stays as it was written then.

    Raises:
        StoreError: the home cannot be written.
    """
    told: dict[str, Any] = {
        "v": 1,
        "digest": evidence.digest,
        "pairing": evidence.pairing,
        "partner": evidence.partner,
        "generation": evidence.generation,
        "seq": evidence.seq,
        "code": evidence.code,
        "stage": evidence.stage,
        "at": write_moment(evidence.at),
        "message": None if evidence.message is None else to_base64(evidence.message),
        "set": None if evidence.statement is None else to_base64(evidence.statement),
    }
    file = home / FOLDER / f"{evidence.digest}.json"
    if not _is_kept(file, told):
        write_durably(file, (json.dumps(told, indent=1) + "\n").encode())
    return file


def _is_kept(file: Path, told: dict[str, Any]) -> bool:
    """Whether a file tells the same, of whatever moment: what stays refused is found anew at each run."""
    try:
        known = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(known, dict) and {**known, "at": told["at"]} == told


def carried_by(data: bytes) -> tuple[bytes, bytes | None] | None:
    """Message and set statement of a file of evidence; None of any other file.

    Raises:
        DataError: the file has evidence of something of which no bytes were kept, or is damaged.
    """
    try:
        told = json.loads(data) if len(data) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or tuple(told) != _FIELDS:
        return None
    if told["message"] is None:
        raise DataError(
            "of this message no bytes were kept: nobody is known to have signed it", given=str(told["code"])
        )
    try:
        message = from_base64(told["message"])
        return message, None if told["set"] is None else from_base64(told["set"])
    except (ValueError, TypeError) as error:
        raise DataError("a file of evidence is damaged", given="message or set") from error
