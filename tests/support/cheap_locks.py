"""Key files locked by age as ever, but to a key for each passphrase: no second of scrypt each."""

from __future__ import annotations

import functools
from collections import defaultdict

import pyrage
import pytest
from two_nodes import PASSPHRASES, NodeHome

from shanhai.courier.own_keys import keyring_of
from shanhai.keyring import age

_BY_A_PASSPHRASE = functools.cache(pyrage.passphrase.decrypt)
_IDENTITIES: defaultdict[str, pyrage.x25519.Identity] = defaultdict(pyrage.x25519.Identity.generate)
"""Of this process, by passphrase: what is locked by one opens by no other."""


def lock_cheaply(patch: pytest.MonkeyPatch) -> None:
    """From now on every passphrase locks so; what was locked before opens still, once by scrypt."""

    def encrypt(plain: bytes, passphrase: str) -> bytes:
        return pyrage.encrypt(plain, [_IDENTITIES[passphrase].to_public()])

    def decrypt(locked: bytes, passphrase: str) -> bytes:
        try:
            return pyrage.decrypt(locked, [_IDENTITIES[passphrase]])
        except pyrage.DecryptError:
            return _BY_A_PASSPHRASE(locked, passphrase)

    patch.setattr(pyrage.passphrase, "encrypt", encrypt)
    patch.setattr(pyrage.passphrase, "decrypt", decrypt)
    # Such a lock has no scrypt.
    patch.setattr(age, "work_factor", lambda _: age.LEAST_WORK)


def locked_anew(node: NodeHome) -> None:
    """Lock both files of a node as files are locked now."""
    keyring = keyring_of(node.home)
    keyring.lock_roots(keyring.unlock_roots(PASSPHRASES.root), PASSPHRASES.root)
    keyring.lock(node.holdings, PASSPHRASES.node)
