"""From a call of the command line to the open node that an act of the exchange needs, and who acts."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shanhai.errors import ConfigurationError, as_typed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from shanhai.cli.session import Session
    from shanhai.courier.desk import Desk


def person(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuses, of an option that names a person, what names nobody: also where nothing is to be done.

    Raises:
        ConfigurationError: no event can have the name, or it stands for what nobody decided.
    """
    from shanhai.audit.events import check_name, is_system

    if value is None:
        return None
    if is_system(value):
        raise ConfigurationError(
            "that is no person: it stands for what nobody decided",
            given=as_typed(value),
            allowed="the name of whoever decides",
            hint=f"{param.opts[0]} NAME",
        )
    check_name(value)
    return value


by_option = click.option(
    "--by", required=True, metavar="NAME", callback=person, help="Who does it; kept in the audit log."
)
"""Adds `--by NAME`: the person who acts."""


def _address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    from shanhai.courier.relays.opening import check_address

    return None if value is None else check_address(value)


other_relay_option = click.option(
    "--relay",
    metavar="URL",
    callback=_address,
    help="Another relay for this time, such as tar:/media/usb/parcels.tar.",
)
"""Adds `--relay URL`: its form is looked at before anything is done, also where nothing would be."""


class FileToWrite(click.Path):
    """A file in a folder that is there, looked at before anything is done: a disk may not be mounted."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        _check_there(file.parent)
        return file


class FolderToWrite(click.Path):
    """A folder to write files into, which is there, for the same reason."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        folder = Path(os.fsdecode(super().convert(value, param, ctx)))
        _check_there(folder)
        return folder


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigurationError(
            "the folder to write into is not there",
            given=folder,
            hint="make it, or choose another; is its disk mounted?",
        )


@contextlib.contextmanager
def at_desk(session: Session, who: str) -> Iterator[Desk]:
    """The node of the home with its keys open, after its passphrase was asked for.

    Raises:
        NotFoundError: the home has no keys.
        PassphraseError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
    """
    from shanhai.cli.passphrase import passphrase
    from shanhai.clock import system_clock
    from shanhai.courier.desk import open_desk
    from shanhai.courier.own_keys import keyring_of

    home = session.settings.home
    # Nobody is asked for the passphrase of keys that are not there.
    keyring_of(home).keyset()
    secret = passphrase(session.settings, "node")
    with open_desk(home, secret, who=who, now=system_clock(), tell=session.progress) as desk:
        yield desk


@contextlib.contextmanager
def state_of(session: Session) -> Iterator[sqlite3.Connection | None]:
    """The state of the exchange, without any key; None of a home where there is none yet.

    Raises:
        NotFoundError: there is no home.
        EvidenceError: this node has keys, and its log is lost or was shortened.
    """
    from shanhai.audit.database import FILE
    from shanhai.courier.database import open_state
    from shanhai.courier.log_kept import check_kept
    from shanhai.ingest.node import check_home

    home = session.settings.home
    check_kept(home)
    if not (home / FILE).is_file():
        check_home(home)
        yield None
        return
    with contextlib.closing(open_state(home)) as connection:
        yield connection


def write_once(path: Path, data: bytes) -> None:
    """Write a file for people to carry, readable by its owner alone. The same once more does no harm.

    Raises:
        ConfigurationError: the file is there and holds something else.
        StoreError: the folder cannot be written.
    """
    from shanhai.storage.durable import write_durably

    if path.is_file() and path.read_bytes() != data:
        raise ConfigurationError("the file holds something else", given=path, hint="name another one")
    write_durably(path, data)
