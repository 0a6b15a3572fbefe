"""Asking for a passphrase: from the file that a setting names, else at the terminal without showing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from shanhai.errors import ConfigurationError

if TYPE_CHECKING:
    from shanhai.courier.own_keys import Passphrases
    from shanhai.exchange.secret import Secret
    from shanhai.settings import Settings

_WORDS = {"root": "Passphrase of the root keys", "node": "Passphrase of the node's keys"}


def passphrase(settings: Settings, of: Literal["root", "node"], *, new: bool = False) -> Secret:
    """One passphrase.

    Args:
        of: which key file it opens.
        new: ask twice, because nothing can tell later that it was mistyped.

    Raises:
        ConfigurationError: there is neither a file nor a terminal, or it is no passphrase.
        OpenKeyFileError: others may read the file.
    """
    from shanhai.keyring.passphrases import checked, passphrase_in

    file = _file(settings, of)
    if file is not None:
        return passphrase_in(file)
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"{_WORDS[of].lower()}: nobody to ask",
            given="no terminal",
            allowed=f"a terminal, or a file named by SHANHAI_{_variable(of)}",
        )
    typed = click.prompt(_WORDS[of], hide_input=True, confirmation_prompt=new, err=True, type=str)
    return checked(typed.encode(), given="what was typed")


def both_passphrases(settings: Settings, *, new: bool = False) -> Passphrases:
    """That of the root keys, then that of the node's.

    Raises:
        As `passphrase`; ConfigurationError also of new ones that are the same.
    """
    from shanhai.courier.own_keys import Passphrases

    given = Passphrases(
        root=passphrase(settings, "root", new=new), node=passphrase(settings, "node", new=new)
    )
    if new and given.root.bytes == given.node.bytes:
        raise ConfigurationError(
            "root keys and node's keys have the same passphrase",
            given="one passphrase",
            allowed="two that differ",
            hint="that of the node is used every day: who learns it must not have the root keys by it",
        )
    return given


def _file(settings: Settings, of: str) -> Path | None:
    return settings.root_passphrase_file if of == "root" else settings.passphrase_file


def _variable(of: str) -> str:
    return "ROOT_PASSPHRASE_FILE" if of == "root" else "PASSPHRASE_FILE"
