"""Write a folder that came as rows: below one new private folder, durably, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from shanhai.errors import StoreError
from shanhai.exchange.folders import EXECUTABLE, Listed, Part, Piece, Rebuild
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_folder

FOLDER = Path("applications", "received")
"""Where received folders lie in a home: `<partner>/<application>/<version>…`."""

ADOPTED = Path("applications", "adopted")
"""Where those lie that a person adopted, one version of each: `<partner>.<application>`."""


def write_folder(listing: Sequence[Listed], rows: Iterable[Part], folder: Path) -> tuple[str, ...]:
    """Write the files of a folder below `folder`, which must not be there yet.

    Nothing outside of it is touched: paths are checked before the first is written, and every folder on
    their way is made here. Whoever calls renames it when all is well, and removes it when not.

    Args:
        listing: what the files must be.
        rows: their parts, in the order of the listing.

    Returns:
        The paths of the files that may be run, in the order of the listing.

    Raises:
        Refused: the codes of `Rebuild`; what was written by then is worth nothing.
        StoreError: the folder is there, or cannot be written.
    """
    rebuild, executable = Rebuild(listing), []
    with disk_errors(folder):
        if folder.exists():
            raise StoreError("a folder is in the way", given=folder, hint="remove it")
        folder.mkdir(mode=0o700)
        for part in rows:
            piece = rebuild.take(part)
            _write(folder, piece)
            if piece.last and piece.mode == EXECUTABLE:
                executable.append(piece.path)
        rebuild.finish()
        for place, _, _ in os.walk(folder, topdown=False):
            sync_folder(Path(place))
    return tuple(executable)


def _write(folder: Path, piece: Piece) -> None:
    target = folder / piece.path
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_APPEND
    if piece.first:
        target.parent.mkdir(parents=True, exist_ok=True)
        flags |= os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(target, flags, 0o600), "ab") as file:
        file.write(piece.content)
        if piece.last:
            # The mode of the process's umask is not the one that was promised.
            os.fchmod(file.fileno(), piece.mode)
            file.flush()
            os.fsync(file.fileno())
