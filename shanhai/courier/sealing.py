"""From rows to the files of a set: each is durable and read back before anything is signed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shanhai.courier.progress import Tell, metered, silent
from shanhai.errors import FaultError
from shanhai.exchange.commitments import commitment
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.decrypt import Declared, first_rows
from shanhai.exchange.parquet.encrypt import SealedFile, encrypt
from shanhai.exchange.parquet.footer import Footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.material import Material
from shanhai.exchange.parquet.profile import column_key_id, footer_key_id, physical_name
from shanhai.exchange.parquet.rows import plain_schema
from shanhai.exchange.parquet.types import schema_names
from shanhai.exchange.parquet.walk import walk
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.durable import make_folders, sync_folder

if TYPE_CHECKING:
    import pyarrow as pa

OUTGOING = Path("exchange", "outgoing")
"""Where the files of each set lie in a home, until nobody can need them any more."""
LANES = 2
"""Files of a table that are written at the same time."""


class SealingError(FaultError):
    """What was written is not what was meant. Nothing was signed."""


@dataclass(frozen=True)
class Draft:
    """A set that is written and not signed yet.

    Attributes:
        columns: type by physical name, in order.
        keys: by key id, the footer's among them; they lie locked in the keyring.
    """

    set_id: str
    columns: Mapping[str, str]
    files: tuple[SealedFile, ...]
    keys: Mapping[str, Secret] = field(repr=False)

    @property
    def commits(self) -> dict[str, str]:
        """The commitment to each key."""
        return {key_id: commitment(key_id, key) for key_id, key in self.keys.items()}

    @property
    def set_files(self) -> tuple[SetFile, ...]:
        """As the statement names them."""
        return tuple(SetFile(file.sha256, file.size) for file in self.files)


def folder_of(home: Path, set_id: str) -> Path:
    """The folder of a set's files."""
    return home / OUTGOING / set_id


def new_keys(set_id: str, columns: int) -> dict[str, Secret]:
    """A key for the footers and one for each column, each 32 random bytes."""
    ids = [footer_key_id(set_id), *(column_key_id(set_id, number) for number in range(columns))]
    return {key_id: Secret.random() for key_id in ids}


def write_set(
    reader: pa.RecordBatchReader,
    home: Path,
    set_id: str,
    keys: Mapping[str, Secret],
    *,
    free_bytes: int = 0,
    lanes: int = 1,
    tell: Tell = silent,
) -> Draft:
    """Write all rows into sealed files that are durable, called by their digests and proven to be sealed.

    Args:
        lanes: files that are written and proven at the same time; with one, rows keep their order.
        keys: of the footer and of each column of `reader`; they must be locked in the keyring already.
        free_bytes: room to leave on the disk, looked at before each file.
        tell: is told how many bytes of files were read back.

    Raises:
        DataError: a type or a value that cannot be sealed.
        SealingError: a file does not open as it should, or opens where it should not.
        StoreError: the folder cannot be written.
    """
    folder = folder_of(home, set_id)
    columns = schema_names(plain_schema(reader.schema))
    with disk_errors(folder):
        make_folders(folder)
    with _files(folder, free_bytes) as (new_file, written):
        files = encrypt(reader, new_file, set_id=set_id, keys=KeyHolder(keys), lanes=lanes)
        with disk_errors(folder):
            for (path, opened), file in zip(written.items(), files, strict=True):
                os.fsync(opened.fileno())
                path.rename(folder / file.name)
            sync_folder(folder)
    draft = Draft(set_id, columns, tuple(files), keys)
    _check_all(folder, draft, lanes, tell)
    return draft


def remove_files(home: Path, set_id: str) -> None:
    """Remove the files of a set; once more does no harm."""
    folder = folder_of(home, set_id)
    with disk_errors(folder):
        if folder.is_dir():
            shutil.rmtree(folder)
            sync_folder(folder.parent)


@contextmanager
def _files(folder: Path, free_bytes: int) -> Iterator[tuple[Callable[[], BinaryIO], dict[Path, BinaryIO]]]:
    """What gives the next file to write, and all that it gave, in order; closed at the end."""
    written: dict[Path, BinaryIO] = {}
    with ExitStack() as opened:

        def new_file() -> BinaryIO:
            require_room(folder, free_bytes)
            path = folder / f"{len(written):05}.new"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            written[path] = opened.enter_context(os.fdopen(descriptor, "wb"))
            return written[path]

        yield new_file, written


def _check_all(folder: Path, draft: Draft, lanes: int, tell: Tell) -> None:
    size = sum(file.size for file in draft.files)
    with metered(tell, "bytes read back", size) as add, ThreadPoolExecutor(lanes) as pool:
        checked = pool.map(lambda file: _check(folder / file.name, file, draft), draft.files)
        for file, _ in zip(draft.files, checked, strict=True):
            add(file.size)


def _check(path: Path, file: SealedFile, draft: Draft) -> None:
    """Every byte opens under some key in its place, and every column under its own key and under no other."""
    try:
        with path.open("rb") as opened:
            walked = walk(opened, file.size, KeyHolder(draft.keys))
            if walked.only_counted or walked.footer.rows != file.rows:
                raise SealingError("a sealed file has bytes that nothing accounts for", given=path.name)
            for number in range(len(draft.columns)):
                _check_column(opened, walked.footer, file, draft, number)
    except Refused as refusal:
        raise SealingError("a sealed file does not open", given=f"{path.name}: {refusal.code}") from refusal


def _check_column(opened: BinaryIO, footer: Footer, file: SealedFile, draft: Draft, number: int) -> None:
    own, of_footer = column_key_id(draft.set_id, number), footer_key_id(draft.set_id)
    name = physical_name(number)
    keys = KeyHolder({key_id: draft.keys[key_id] for key_id in (of_footer, own)})
    declared = Declared(file.rows, file.decoded, draft.columns)
    rows = first_rows(opened, footer, keys, column=name, declared=declared)
    if file.rows and (rows is None or own not in keys.asked):
        raise SealingError("a column is read without its key", given=name)
    if file.rows and not _stays_closed(footer, draft, number, own):
        raise SealingError("a column opens under the keys of others", given=name)


def _stays_closed(footer: Footer, draft: Draft, number: int, own: str) -> bool:
    """Whether the data keys of a column, under which all of it opened, cannot be had by all other keys."""
    others = KeyHolder({key_id: key for key_id, key in draft.keys.items() if key_id != own})
    materials = {chunk.material for chunk in footer.chunks if chunk.place[1] == number}
    return bool(materials) and not any(_unwraps(others, material) for material in materials)


def _unwraps(keys: KeyHolder, material: Material) -> bool:
    try:
        keys.unwrap(material.wrapped, material.key_id)
    except Refused as refusal:
        return refusal.code != "key-not-held"
    return True
