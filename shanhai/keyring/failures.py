"""What keeps a key file closed, each with what helps."""

from __future__ import annotations

from shanhai.errors import ConfigurationError, DataError, DeniedError


class PassphraseError(DeniedError):
    """The passphrase does not open the key file (`passphrase-wrong`)."""


class OtherKeyError(DeniedError):
    """The file is locked to another key than the one that is held (`keyfile-other-key`)."""


class DamagedKeyFileError(DataError):
    """The bytes of a key file are not those that were written (`keyfile-damaged`)."""


class OpenKeyFileError(ConfigurationError):
    """Others may read or replace a key file (`keyfile-world-readable`)."""
