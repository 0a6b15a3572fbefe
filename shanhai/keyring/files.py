"""Key files: readable by their owner alone, written whole, with the digest beside them that tells damage."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from shanhai.errors import NotFoundError
from shanhai.keyring.failures import DamagedKeyFileError, OpenKeyFileError
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_folder, write_durably


def write_locked(path: Path, data: bytes) -> None:
    """Put a locked file at `path`, and its digest in `<path>.sha256`, as `sha256sum --check` reads it.

    While a file is replaced, both digests are there: killed in between, the old one or the new one is whole.

    Raises:
        StoreError: the folder cannot be written.
    """
    before = _digests(path) if path.is_file() else []
    new = hashlib.sha256(data).hexdigest()
    write_durably(_beside(path), _lines(path, [new, *before]))
    write_durably(path, data)
    if before:
        write_durably(_beside(path), _lines(path, [new]))


def read_locked(path: Path) -> bytes:
    """The bytes of a locked file, which are those that were written.

    Raises:
        NotFoundError: there is none.
        OpenKeyFileError: others may read it, or replace it in its folder.
        DamagedKeyFileError: it, or its digest, is damaged.
    """
    data = read_private(path)
    if hashlib.sha256(data).hexdigest() not in _digests(path):
        raise DamagedKeyFileError(
            "a key file is damaged",
            given=path,
            allowed=f"bytes of the digest in {_beside(path).name}",
            hint="put back a copy of both files",
        )
    return data


def read_private(path: Path) -> bytes:
    """The bytes of a file that nobody else may read.

    Raises:
        NotFoundError: there is none.
        OpenKeyFileError: others may read it, or replace it in its folder.
    """
    with disk_errors(path):
        if not path.is_file():
            raise NotFoundError(
                "no such key file",
                given=path,
                hint="put back a copy and its .sha256: docs/guide/keys.md, When a key file does not open",
            )
        with path.open("rb") as file:
            # Asked of the file that is read: another may take its name meanwhile.
            for place, others, found in (
                (path, 0o077, os.fstat(file.fileno())),
                (path.parent, 0o022, path.parent.stat()),
            ):
                if stat.S_IMODE(found.st_mode) & others or found.st_uid not in (os.geteuid(), 0):
                    raise _open_to_others(place, found)
            return file.read()


def _open_to_others(place: Path, found: os.stat_result) -> OpenKeyFileError:
    return OpenKeyFileError(
        "others may read or replace a file of keys or passphrases",
        given=f"{place}, mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}",
        allowed="0600 for the file, no writing by others in its folder, and your own",
        hint=f"chmod go-rwx {place}, and think about who may have read it; "
        "from a stick without modes copy it into a private folder first",
    )


def remove_locked(path: Path) -> None:
    """Remove a locked file and its digest; once more does no harm. Old blocks of the disk are not wiped."""
    with disk_errors(path):
        path.unlink(missing_ok=True)
        _beside(path).unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _digests(path: Path) -> list[str]:
    file = _beside(path)
    with disk_errors(path):
        lines = file.read_text(encoding="ascii", errors="replace").splitlines() if file.is_file() else []
    return [line.split(" ")[0] for line in lines]


def _lines(path: Path, digests: list[str]) -> bytes:
    return "".join(f"{digest}  {path.name}\n" for digest in digests).encode()
