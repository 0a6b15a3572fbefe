"""An object store in a folder: an object is a file, its key the path below the root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shanhai.errors import ConfigurationError, DeniedError, StoreError
from shanhai.storage import incoming
from shanhai.storage.disk import disk_error, disk_errors
from shanhai.storage.keys import check_key, check_prefix, missing
from shanhai.storage.modes import PRIVATE, Modes
from shanhai.storage.protocol import KeyOrNaming, ObjectInfo, Stored

_MOST_IN_A_FOLDER = 1_000_000
_MOST_FOLDERS_ABOVE = 64


class LocalStore:
    """Keeps the promises of `ObjectStore` on a local file system with hard links.

    Folders are made on first use.

    Args:
        root: the folder; it need not exist yet.
        keep_free_bytes: room that must stay free on its disk.
        modes: of folders and files; for their owner only, or as `modes_of` a folder that others use as well.
    """

    def __init__(self, root: Path, *, keep_free_bytes: int = 0, modes: Modes = PRIVATE) -> None:
        self.root = root.resolve()
        self._modes = modes
        self._keep_free_bytes = keep_free_bytes
        self._swept = False

    def put(self, key: KeyOrNaming, chunks: Iterable[bytes], *, if_absent: bool = False) -> Stored:
        if isinstance(key, str):
            check_key(key)
        self._sweep_once()
        with incoming.incoming_file(self.root, self._keep_free_bytes, self._modes) as file:
            for chunk in chunks:
                file.write(chunk)
            file.finish()
            name = key if isinstance(key, str) else check_key(key(file.sha256))
            created = self._name(file.path, name, if_absent=if_absent)
        return Stored(key=name, size=file.size, sha256=file.sha256, created=created)

    def open(self, key: str) -> BinaryIO:
        path = self._path(key)
        with disk_errors(path):
            try:
                # Of a pipe in its place nobody need be at the other end.
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except (FileNotFoundError, NotADirectoryError):
                raise missing(key) from None
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise missing(key)
            return os.fdopen(descriptor, "rb")

    @contextmanager
    def local_path(self, key: str) -> Iterator[Path]:
        yield self._existing(key)

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with disk_errors(path):
            return path.is_file()

    def stat(self, key: str) -> ObjectInfo:
        path = self._existing(key)
        with disk_errors(path):
            return ObjectInfo(key=key, size=path.stat().st_size)

    def list(self, prefix: str = "") -> Iterator[str]:
        folder = check_prefix(prefix)
        yield from _listed(self._path(folder) if folder else self.root, f"{folder}/" if folder else "")

    def delete(self, key: str) -> None:
        path = self._path(key)
        with disk_errors(path):
            try:
                path.unlink(missing_ok=True)
            except IsADirectoryError:
                return
            if path.parent.is_dir():
                _sync_folder(path.parent)

    def _name(self, source: Path, key: str, *, if_absent: bool) -> bool:
        target = self._path(key)
        with disk_errors(target):
            try:
                self._make_folders(target.parent)
                if if_absent:
                    # A link, unlike a rename, fails when the name is taken: of two writers one wins.
                    os.link(source, target)
                else:
                    source.replace(target)
            except FileExistsError:
                return False if target.is_file() else self._refuse_nesting(key)
            except (IsADirectoryError, NotADirectoryError):
                self._refuse_nesting(key)
            _sync_folder(target.parent)
        return True

    def _refuse_nesting(self, key: str) -> bool:
        raise ConfigurationError("a key is used as the folder of another", given=key)

    def _make_folders(self, folder: Path) -> None:
        if folder.is_dir():
            if folder != self.root:
                self._modes.folder_made(self.root, folder)
            return
        if folder != self.root:
            self._make_folders(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._modes.folder_made(self.root, folder)
        _sync_folder(folder.parent)

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        with disk_errors(path):
            if not path.is_file():
                raise missing(key)
        return path

    def _path(self, key: str) -> Path:
        """The file of a key, which no symbolic link may carry out of the root."""
        path = self.root / check_key(key)
        with disk_errors(path):
            try:
                inside = path.resolve().is_relative_to(self.root)
            except RuntimeError:
                # A link that leads to itself, before Python 3.13.
                inside = False
        if not inside:
            raise DeniedError("a key leads out of the store", given=key, allowed=f"files below {self.root}")
        return path

    def _sweep_once(self) -> None:
        if not self._swept:
            incoming.sweep(self.root, self._modes)
            self._swept = True


def _sync_folder(folder: Path) -> None:
    """Make names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _listed(folder: Path, key: str) -> Iterator[str]:
    """Keys below a folder in their order; of all that lies there, the names of one folder are in memory.

    Raises:
        StoreError: as `_names`, or folders lie in one another deeper than anybody would ever have put a key.
    """
    if key.count("/") > _MOST_FOLDERS_ABOVE:
        raise StoreError("folders nested too deep", given=folder, allowed=_MOST_FOLDERS_ABOVE)
    for name in sorted(_names(folder)):
        if name.endswith("/"):
            yield from _listed(folder / name, key + name)
        else:
            yield key + name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or leads to one; a link that leads to itself, or too far, does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _names(folder: Path) -> Iterator[str]:
    """What lies in a folder and is not hidden; folders end with `/`, and links to folders are none of it.

    Raises:
        StoreError: it cannot be read, or there is more than anybody would ever have left there.
    """
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number == _MOST_IN_A_FOLDER:
                    raise StoreError("a folder with too many names", given=folder, allowed=_MOST_IN_A_FOLDER)
                if entry.name.startswith(".") or (entry.is_symlink() and _is_folder(entry)):
                    continue
                yield f"{entry.name}/" if _is_folder(entry) else entry.name
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise disk_error(error, folder) from error
