"""Passphrases from files of their own: never from an argument, never from the value of a variable."""

from __future__ import annotations

from pathlib import Path

from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.exchange.secret import Secret
from shanhai.keyring.core_dumps import forbid_core_dumps
from shanhai.keyring.files import read_private
from shanhai.storage.disk import disk_errors

SHORTEST = 12
_LONGEST_BYTES = 1024


def passphrase_in(file: Path) -> Secret:
    """The first line of a file that nobody else may read.

    Raises:
        NotFoundError: there is no such file.
        OpenKeyFileError: others may read it.
        ConfigurationError: it holds no passphrase.
    """
    with disk_errors(file):
        there = file.is_file()
    if not there:
        raise NotFoundError(
            "no such file with a passphrase",
            given=file,
            hint="SHANHAI_PASSPHRASE_FILE and SHANHAI_ROOT_PASSPHRASE_FILE name such files",
        )
    return checked(read_private(file).partition(b"\n")[0].rstrip(b"\r"), given=str(file))


def checked(text: bytes, *, given: str) -> Secret:
    """A passphrase that is long enough to lock keys with; from now on the process leaves no core dump.

    Args:
        given: where it came from, for the error.

    Raises:
        ConfigurationError: it is too short, or no text.
    """
    try:
        long_enough = len(text.decode()) >= SHORTEST and len(text) <= _LONGEST_BYTES
    except UnicodeDecodeError:
        long_enough = False
    if not long_enough:
        raise ConfigurationError(
            "not a passphrase", given=given, allowed=f"a line of text of {SHORTEST} characters or more"
        )
    forbid_core_dumps()
    return Secret(text)
