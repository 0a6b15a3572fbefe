"""Commitments to keys: AES-GCM alone lets one wrap open under two keys to two contents."""

from __future__ import annotations

import hashlib
import hmac

from shanhai.exchange.failures import Refused
from shanhai.exchange.secret import Secret


def commitment(key_id: str, key: Secret) -> str:
    """Hex SHA-256("shanhai/kek/1\\n" ‖ key id ‖ "\\n" ‖ key)."""
    return hashlib.sha256(b"shanhai/kek/1\n" + key_id.encode("ascii") + b"\n" + key.bytes).hexdigest()


def check_commitment(committed: str, key_id: str, key: Secret) -> None:
    """Return if the key is the one that was committed to.

    Raises:
        Refused: commitment-wrong.
    """
    if not hmac.compare_digest(committed.encode(), commitment(key_id, key).encode()):
        raise Refused("commitment-wrong")
