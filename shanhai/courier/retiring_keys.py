"""Delete the private keys that open what nobody can have sealed any more, between two rotations too."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier.database import open_state
from shanhai.courier.log_kept import check_kept
from shanhai.courier.opening_needs import needed_for
from shanhai.courier.own_keys import keyring_of
from shanhai.exchange.secret import Secret
from shanhai.exchange.suites import OpenKey


@dataclass(frozen=True)
class OldKey:
    """A private key that is held, and to which the newest keyset lets nobody seal any more.

    Attributes:
        needed_for: the partners that may still have sealed something to it; none: it goes.
    """

    kid: str
    alg: str
    needed_for: tuple[str, ...]


def retire_keys(home: Path, passphrase: Secret, *, now: datetime, dry_run: bool = False) -> list[OldKey]:
    """Delete the old keys that open and are needed for nobody; killed anywhere, it may be run again.

    Returns:
        The old keys that were held, those that are needed among them.

    Raises:
        NotFoundError: the node has no keys.
        PassphraseError, DamagedKeyFileError, OpenKeyFileError: the key file stays closed.
        EvidenceError: the log does not go on from what it signed last.
        BusyError: another process changes the keys.
        StoreError: the key file cannot be written.
    """
    keyring = keyring_of(home)
    keyring.keyset()
    check_kept(home)
    with keyring.changing():
        keyring.finish()
        held = keyring.unlock(passphrase)
        with contextlib.closing(open_state(home)) as connection, transaction(connection):
            needs = needed_for(connection, keyring.keysets(), now)
            old = [
                OldKey(key.kid, key.alg, needs[key.kid])
                for key in held.keys
                if isinstance(key, OpenKey) and key.kid in needs
            ]
            gone = [one.kid for one in old if not one.needed_for]
            if gone and not dry_run:
                keyring.lock(held.without(gone), passphrase)
    return old
