"""Locking bytes with age, by a passphrase or to a key (age-encryption.org/v1)."""

from __future__ import annotations

import time

import pyrage

from shanhai.errors import BusyError, ConfigurationError
from shanhai.exchange.secret import Secret
from shanhai.keyring.failures import DamagedKeyFileError, OtherKeyError, PassphraseError

_NO_KEY_FITS = "No matching keys"
_TOO_SLOW = "work"
LEAST_WORK = 16
"""Of scrypt, as a binary logarithm: 64 MiB for each guess."""
_TRIES = 20
_PAUSE_SECONDS = 0.2


def lock(plain: Secret, passphrase: Secret) -> bytes:
    """Lock by a passphrase, through scrypt: about a second on the machine it runs on.

    Raises:
        BusyError: the machine was so busy that it took itself for one on which little work is a second's.
    """
    for _ in range(_TRIES):
        locked = bytes(pyrage.passphrase.encrypt(plain.bytes, _text(passphrase)))
        if work_factor(locked) >= LEAST_WORK:
            return locked
        time.sleep(_PAUSE_SECONDS)
    raise BusyError(
        "a key file was not locked: guessing its passphrase would cost too little",
        given=f"a work factor of {work_factor(locked)}",
        allowed=f"{LEAST_WORK} or more",
        hint="run it again when the machine has less to do",
    )


def work_factor(locked: bytes) -> int:
    """The binary logarithm of N, by the stanza `-> scrypt SALT FACTOR` (age-encryption.org/v1)."""
    _, stanza, *_ = locked.split(b"\n", 2)
    return int(stanza.split()[3])


def unlock(locked: bytes, passphrase: Secret, *, name: str) -> Secret:
    """What was locked by the passphrase. The bytes must be known to be whole.

    Args:
        name: of the file, for the error.

    Raises:
        PassphraseError: it is another passphrase.
        ConfigurationError: the file was locked on a machine that is much faster than this one.
    """
    for _ in range(_TRIES):
        try:
            return Secret(pyrage.passphrase.decrypt(locked, _text(passphrase)))
        except pyrage.DecryptError as error:
            if _TOO_SLOW not in str(error).lower():
                raise PassphraseError(
                    "the passphrase does not open the key file",
                    given=name,
                    hint="type it again, or use the file's own",
                ) from None
        # age measures anew what this machine can do in a second: it was busy with something else then.
        time.sleep(_PAUSE_SECONDS)
    raise ConfigurationError("a key file that takes too long to open here", given=name)


def new_identity() -> Secret:
    """The text of a new age identity: an X25519 private key."""
    return Secret(str(pyrage.x25519.Identity.generate()).encode())


def recipient_of(identity: Secret) -> str:
    """To whom one locks for an identity; public."""
    return str(pyrage.x25519.Identity.from_str(_text(identity)).to_public())


def lock_to(plain: Secret, recipient: str) -> bytes:
    """Lock to a key, without any passphrase."""
    return bytes(pyrage.encrypt(plain.bytes, [pyrage.x25519.Recipient.from_str(recipient)]))


def unlock_with(locked: bytes, identity: Secret, *, name: str) -> Secret:
    """What was locked to an identity's recipient.

    Raises:
        OtherKeyError: it was locked to another.
        DamagedKeyFileError: it is not what was locked.
    """
    try:
        return Secret(pyrage.decrypt(locked, [pyrage.x25519.Identity.from_str(_text(identity))]))
    except pyrage.DecryptError as error:
        if _NO_KEY_FITS in str(error):
            raise OtherKeyError(
                "the file is locked to another key",
                given=name,
                hint="was node.age replaced since it was written?",
            ) from None
        raise DamagedKeyFileError("a key file is damaged", given=name) from None


def _text(secret: Secret) -> str:
    return secret.bytes.decode()
