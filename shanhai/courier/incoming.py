"""Private folders of parcels under way, and the way of what was opened to where it is taken from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shanhai.applications.folder import FOLDER as APPLICATIONS
from shanhai.courier.arrived import Arrived
from shanhai.courier.opening import made_in
from shanhai.errors import BusyError
from shanhai.exchange.facts import Facts
from shanhai.exchange.failures import Seen
from shanhai.exchange.subjects import APPLICATION
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import make_folders, sync_folder
from shanhai.storage.held import held

INCOMING = Path("exchange", "incoming")
OPENED = Path("exchange", "opened")
"""Folders of a home: of parcels while they are verified, and of tables until they are admitted."""


@contextmanager
def one_at_a_time(home: Path, pairing: str) -> Iterator[None]:
    """Receive from a partner in this process alone; a process that dies lets go.

    Raises:
        BusyError: another one does.
        StoreError: the home cannot be written.
    """
    busy = BusyError(
        "another process receives from this partner", given=pairing, hint="wait until it is done"
    )
    with held(home / INCOMING / f"{pairing}.lock", busy):
        yield


def folder_for(home: Path, seen: Seen) -> Path:
    """The private folder of a parcel, made where it is not there yet."""
    folder = _folder(home, seen)
    with disk_errors(folder):
        make_folders(folder)
    return folder


@contextmanager
def folder_again(home: Path, seen: Seen) -> Iterator[Path]:
    """A private folder for a parcel that is opened once more; it goes with the block, or by `sweep`.

    Not that of `folder_for`: what was made whole there is published by whoever receives next, and what was
    removed from its place since, or is somebody's in the lake by now, would come once more.

    Raises:
        StoreError: the home cannot be written.
    """
    folder = _folder(home, seen).with_suffix(".again")
    with disk_errors(folder):
        make_folders(folder)
    try:
        yield folder
    finally:
        with disk_errors(folder):
            shutil.rmtree(folder)


def discard(home: Path, seen: Seen) -> None:
    """Remove all that is left of a parcel in its private folder."""
    with disk_errors(home / INCOMING):
        if (folder := _folder(home, seen)).exists():
            shutil.rmtree(folder)


def sweep(home: Path, pairing: str, wanted: set[str]) -> None:
    """Remove the private folders of a pairing that no message needs any more; `wanted` are digests."""
    parent = home / INCOMING / pairing
    with disk_errors(parent):
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder.name not in wanted:
                shutil.rmtree(folder)


def place_of(partner: str, facts: Facts, seen: Seen) -> str:
    """Where something opened is to lie in the home: by partner, subject and version, once a message."""
    name = f"{facts.version}-{seen.generation}-{seen.seq}-{seen.digest[:12]}"
    if facts.subject.kind == APPLICATION:
        return (APPLICATIONS / partner / facts.subject.name / name).as_posix()
    return (OPENED / partner / facts.subject.name / f"{name}.parquet").as_posix()


def publish(home: Path, row: Arrived) -> None:
    """Move what was opened to its place, once its row is committed; once more does no harm.

    Nobody sees it there before the row says that its contents hold, so however often a process is killed on
    the way, it is there once, with the bytes that the row names. The private folder goes last: without it
    all was done, and what became of the opened since is its owner's affair. A folder without what was opened
    is one that was not removed whole.

    Raises:
        StoreError: the home cannot be written.
    """
    if row.opened_file is None:
        raise ValueError("nothing was opened")
    target = home / row.opened_file
    if not _folder(home, row.seen).exists():
        return
    with disk_errors(target):
        made = made_in(_folder(home, row.seen))
        if made is not None and not target.exists():
            make_folders(target.parent)
            made.rename(target)
            sync_folder(target.parent)
    discard(home, row.seen)


def _folder(home: Path, seen: Seen) -> Path:
    return home / INCOMING / seen.pairing / seen.digest
