"""A relay in one tar, for a stick that people carry: entries are found by content, not by name."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import secrets
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from shanhai.courier.relays.layout import Place, RelayConflictError
from shanhai.courier.relays.writable import check_writable
from shanhai.errors import DataError, NotFoundError, StoreError
from shanhai.exchange import dsse
from shanhai.exchange.failures import Refused
from shanhai.exchange.messages import Header, read_header, read_payload
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.durable import sync_folder

_PIECE_BYTES = 1 << 20
_MOST_ENTRIES = 100_000
_DOCUMENT_BYTES = dsse.MOST_BYTES[dsse.SET]
_DAMAGED = (tarfile.TarError, ValueError, OverflowError, RecursionError)
"""What the library raises of a damaged tar: sizes below zero or beyond a file, and names without end, too."""


@dataclass(frozen=True)
class _Index:
    """What a tar holds: names prove nothing and are not kept, and an entry may be called anything.

    Attributes:
        files: every regular entry by the SHA-256 of its bytes.
        statements: digests of entries by the digest of the payload.
        messages: digests of entries by number, in their order.
        ours: the same of those to the partner; of several with one number the first.
    """

    files: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    statements: dict[str, str] = field(default_factory=dict)
    messages: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    ours: dict[tuple[int, int], str] = field(default_factory=dict)


class TarRelay:
    """A `Relay` in a tar, which is written whole when it is closed, and never changed afterwards.

    Entries are called by their digests. Of a tar that somebody brings, only regular entries are looked at,
    nothing is unpacked, and no name becomes a path.
    """

    at_once = False
    looked_back: int | None = None

    def __init__(self, path: Path, place: Place) -> None:
        self._path = path
        self._place = place
        self._put: dict[str, Path | bytes] = {}
        self._has_message = False
        self._index: _Index | None = None

    def check_takes(self, messages: Sequence[bytes], size: int) -> None:
        if not self._check_absent_or_holds({hashlib.sha256(one).hexdigest(): one for one in messages}):
            check_writable(self._path.parent)
            # Not to the byte: what fails later counts as begun.
            require_room(self._path.parent, size + sum(map(len, messages)))

    def put_file(self, sha256: str, file: Path) -> None:
        with disk_errors(file), file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != sha256:
                raise DataError("a file of a set was changed on the disk", given=file.name, allowed=sha256)
        self._put[sha256] = file

    def put_statement(self, digest: str, data: bytes) -> None:
        self._put[hashlib.sha256(data).hexdigest()] = data

    def put_message(self, generation: int, seq: int, data: bytes) -> None:
        self._has_message = True
        self._put[hashlib.sha256(data).hexdigest()] = data

    def messages(self, generation: int, first: int) -> Iterator[tuple[int, int]]:
        yield from sorted(number for number in self._indexed().messages if number >= (generation, first))

    def message(self, generation: int, seq: int) -> bytes:
        found = self._indexed().messages.get((generation, seq))
        return self._document(found[0] if found else None, f"message {generation}/{seq}")

    def others(self, generation: int, seq: int) -> Iterator[bytes]:
        for sha256 in self._indexed().messages.get((generation, seq), [])[1:]:
            yield self._document(sha256, f"message {generation}/{seq}")

    def statement(self, digest: str) -> bytes:
        return self._document(self._indexed().statements.get(digest), f"set {digest}")

    @contextmanager
    def file(self, sha256: str) -> Iterator[BinaryIO]:
        member = self._indexed().files.get(sha256)
        if member is None:
            raise NotFoundError("there is no such file in the tar", given=sha256)
        with _opened(self._path) as tar, _entry(tar, member) as opened:
            yield opened

    def close(self) -> None:
        """Write the tar, if a message was put: files that none names are nothing to anybody.

        Raises:
            RelayConflictError: a file is there that does not have it all.
            StoreError: it cannot be written.
        """
        if not self._has_message:
            return
        with disk_errors(self._path):
            self._sweep()
            if self._check_absent_or_holds(self._put):
                return
            # Of its own, since another process may write the same tar now.
            new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.new")
            try:
                with _held(new) as raw:
                    self._write(raw)
                    if self._check_absent_or_holds(self._put):
                        return
                    # A stick may have a file system without links, by which one could only create.
                    new.rename(self._path)
                sync_folder(self._path.parent)
            finally:
                new.unlink(missing_ok=True)

    def _write(self, raw: BinaryIO) -> None:
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for sha256, content in self._put.items():
                _add(tar, sha256, content)
        raw.flush()
        os.fsync(raw.fileno())

    def _sweep(self) -> None:
        """Remove what processes that died had begun to write; one that lives holds its own."""
        begun = re.compile(rf"\.{re.escape(self._path.name)}\.[0-9a-f]{{16}}\.new")
        for left in self._path.parent.glob(".*.new"):
            if begun.fullmatch(left.name):
                with suppress(OSError):
                    _remove_unless_held(left)

    def _check_absent_or_holds(self, entries: Mapping[str, Path | bytes]) -> bool:
        """Whether the tar is there. Killed after it was written, the same is; anything else is somebody's."""
        with disk_errors(self._path):
            if not self._path.exists():
                if self._path.parent.is_dir():
                    return False
                raise StoreError(
                    "the folder of the tar is not there", given=self._path.parent, hint="is its disk mounted?"
                )
        if entries.keys() <= self._indexed().files.keys():
            return True
        raise RelayConflictError(
            "there is another file already",
            given=self._path,
            hint="take it to the partner first, or name another file",
            other=next((self._document(one, "message") for one in self._contradicting(entries)), None),
        )

    def _contradicting(self, entries: Mapping[str, Path | bytes]) -> Iterator[str]:
        """Digests of entries of the tar that have the number of a message of ours."""
        for sha256, content in entries.items():
            header = _header(content) if isinstance(content, bytes) else None
            other = None if header is None else self._indexed().ours.get((header.generation, header.seq))
            if other is not None and other != sha256:
                yield other

    def _document(self, sha256: str | None, what: str) -> bytes:
        member = None if sha256 is None else self._indexed().files.get(sha256)
        if member is None:
            raise NotFoundError("it is not in the tar", given=what)
        with _opened(self._path) as tar, _entry(tar, member) as opened:
            return opened.read(_DOCUMENT_BYTES + 1)

    def _indexed(self) -> _Index:
        if self._index is None:
            self._index = _index(self._path, self._place)
        return self._index


@contextmanager
def _held(new: Path) -> Iterator[BinaryIO]:
    """A new file to write, held as long as its writer lives, where the file system can tell that."""
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with suppress(OSError):
            fcntl.flock(raw, fcntl.LOCK_EX)
        yield raw


def _remove_unless_held(left: Path) -> None:
    descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()
    finally:
        os.close(descriptor)


def _add(tar: tarfile.TarFile, sha256: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(sha256)
    entry.mode = 0o600
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    with content.open("rb") as opened:
        entry.size = os.fstat(opened.fileno()).st_size
        tar.addfile(entry, opened)


def _index(path: Path, place: Place) -> _Index:
    found = _Index()
    with _opened(path) as tar:
        for number, member in enumerate(tar):
            if number >= _MOST_ENTRIES:
                raise DataError("a tar with too many entries", given=path, allowed=_MOST_ENTRIES)
            if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
                with _entry(tar, member) as opened:
                    _note(found, member, opened, place)
    return found


def _note(found: _Index, member: tarfile.TarInfo, opened: BinaryIO, place: Place) -> None:
    beginning = opened.read(_DOCUMENT_BYTES)
    digest = hashlib.sha256(beginning)
    if len(beginning) < member.size:
        while piece := opened.read(_PIECE_BYTES):
            digest.update(piece)
    sha256 = digest.hexdigest()
    found.files.setdefault(sha256, member)
    if not beginning.lstrip().startswith(b"{"):
        return
    header = _header(beginning)
    if header is not None:
        if header.pairing == place.pairing:
            number = (header.generation, header.seq)
            if place.them not in (None, header.sender_node):
                found.ours.setdefault(number, sha256)
            elif sha256 not in found.messages.setdefault(number, []):
                found.messages[number].append(sha256)
        return
    try:
        found.statements.setdefault(dsse.read(beginning, dsse.SET).digest, sha256)
    except Refused:
        return


def _header(data: bytes) -> Header | None:
    try:
        return read_header(read_payload(dsse.read(data, dsse.MESSAGE).payload)[0])
    except Refused:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    with disk_errors(path):
        if not path.is_file():
            raise NotFoundError(
                "a folder is no tar" if path.is_dir() else "no such tar",
                given=path,
                allowed="the path of a file",
                hint="is its disk mounted? A tar in a folder is tar:<folder>/<name>.tar",
            )
        try:
            with tarfile.open(path, mode="r:") as tar:
                yield tar
        except _DAMAGED as error:
            raise DataError(
                "not a tar, or a damaged one",
                given=path,
                allowed="a tar that shanhai ship wrote, whole",
                hint="carry it again; the sender writes another with shanhai ship --again --relay tar:<file>",
            ) from error


@contextmanager
def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[BinaryIO]:
    opened = tar.extractfile(member)
    if opened is None:
        raise DataError("an entry of a tar cannot be read", given=tar.name)
    with opened:
        yield cast("BinaryIO", opened)
