"""Bodies inside .gz and .zip, unpacked into the work folder while counting what comes out."""

from __future__ import annotations

import copy
import errno
import fnmatch
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from shanhai.contracts.model import Format, WorkbookFormat
from shanhai.errors import DiskFullError, UnreadableError
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.storage.disk import require_room

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
_EMPTY_ZIP_MAGIC = b"PK\x05\x06"
_BLOCK_BYTES = 1 << 18
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)
"""What `zipfile` raises for damaged, encrypted and unknown archives."""
_NAMES_SHOWN = 10


def unpack(body: BodyFile, stated: Format, target: Path, limits: Limits) -> Path:
    """The file with the plain bytes of a body: its own, or `target` with what came out of the package.

    Raises:
        UnreadableError: not the package that the contract states, damaged, encrypted, or a bomb.
        DiskFullError: no room beside `target`.
    """
    kind = _kind(body, stated)
    if kind == "none":
        return body.path
    with room_for(target):
        if kind == "gz":
            _write(_gunzip(body), target, body, limits)
        else:
            _write(_unzip(body, stated.member, limits, target.parent), target, body, limits)
    return target


def beginning(body: BodyFile, stated: Format, size: int) -> bytes:
    """The first plain bytes of a body, no more than `size`; nothing is written.

    Raises:
        UnreadableError: as `unpack`, and only for what comes before those bytes.
    """
    kind = _kind(body, stated)
    if kind == "none":
        with body.path.open("rb") as stream:
            return stream.read(size)
    blocks = _gunzip(body) if kind == "gz" else _unzip(body, stated.member, Limits(), body.path.parent)
    taken = b""
    for block in blocks:
        taken += block
        if len(taken) >= size:
            break
    return taken[:size]


@contextmanager
def room_for(target: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Turn a full disk while writing `target` into its own error, and leave no half file.

    Args:
        needed_bytes: what is about to be written, where that is known: then room is looked for first.

    Raises:
        DiskFullError: there is no room, now or while writing.
    """
    require_room(target.parent, needed_bytes)
    try:
        yield
    except OSError as error:
        target.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("no room to unpack a body", given=target.parent.name) from error
        raise


def _kind(body: BodyFile, stated: Format) -> str:
    with body.path.open("rb") as stream:
        magic = stream.read(4)
    is_book = isinstance(stated, WorkbookFormat)
    found = "none"
    if magic.startswith(GZIP_MAGIC):
        found = "gz"
    elif magic in (ZIP_MAGIC, _EMPTY_ZIP_MAGIC) and not (is_book and _is_workbook(body)):
        found = "zip"
    if stated.compression in ("auto", found):
        return found
    if stated.compression == "none" and is_book:
        return "none"  # whatever it is, it is no workbook, and the workbook reader says so
    raise UnreadableError(
        f"{body.name}: not packed as the contract states",
        given="neither gz nor zip" if found == "none" else found,
        allowed=stated.compression,
        hint="correct `compression` in the contract, or ask the source what it sent",
    )


def _is_workbook(body: BodyFile) -> bool:
    try:
        with zipfile.ZipFile(body.path) as archive:
            return not {"[Content_Types].xml", "mimetype"}.isdisjoint(archive.namelist())
    except (*_DAMAGED, OSError):
        return False


def _write(blocks: Iterator[bytes], target: Path, body: BodyFile, limits: Limits) -> None:
    packed = body.path.stat().st_size
    done = 0
    try:
        with target.open("wb") as out:
            for block in blocks:
                done += len(block)
                check_bomb(body.name, packed, done, limits)
                out.write(block)
    except UnreadableError:
        target.unlink(missing_ok=True)
        raise


def check_bomb(name: str, packed: int, unpacked: int, limits: Limits) -> None:
    """Refuse a package that yields too much, in all or for its size.

    Raises:
        UnreadableError: it does.
    """
    hint = "ask the source to send it in parts"
    if unpacked > limits.decoded_bytes:
        raise UnreadableError(
            f"{name}: unpacks to too much",
            given=f"more than {limits.decoded_bytes} bytes from {packed}",
            allowed=f"{limits.decoded_bytes} bytes",
            hint=hint,
        )
    if unpacked > max(limits.ratio_from_bytes, packed * limits.ratio):
        raise UnreadableError(
            f"{name}: unpacks to too much for its size, like a decompression bomb",
            given=f"more than {unpacked} bytes from {packed}",
            allowed=f"{limits.ratio} times its size",
            hint=hint,
        )


def _gunzip(body: BodyFile) -> Iterator[bytes]:
    """The bytes of all members of a .gz file; zeros after the last one are padding."""
    with body.path.open("rb") as stream:
        packed = stream.read(_BLOCK_BYTES)
        while packed:
            inflater = zlib.decompressobj(wbits=31)
            yield from _inflate(stream, packed, inflater, body)
            packed = (inflater.unused_data or stream.read(_BLOCK_BYTES)).lstrip(b"\0")
            if not packed:
                packed = stream.read(_BLOCK_BYTES).lstrip(b"\0")


def _inflate(stream: BinaryIO, packed: bytes, inflater: zlib._Decompress, body: BodyFile) -> Iterator[bytes]:
    try:
        while not inflater.eof:
            if block := inflater.decompress(packed, _BLOCK_BYTES):
                yield block
            packed = inflater.unconsumed_tail or (b"" if inflater.eof else stream.read(_BLOCK_BYTES))
            if not packed and not inflater.eof:
                raise UnreadableError(f"{body.name}: the gz file is cut off", hint="pull it again")
    except zlib.error as error:
        raise UnreadableError(
            f"{body.name}: the gz file is damaged", given=error, hint="pull it again"
        ) from error


def _unzip(body: BodyFile, member: str | None, limits: Limits, folder: Path) -> Iterator[bytes]:
    damaged = UnreadableError(
        f"{body.name}: the zip file is damaged or of an unknown kind",
        given="a broken archive",
        hint="pull it again",
    )
    with refusing_damage(damaged), zipfile.ZipFile(body.path) as archive:
        info = _chosen(archive, body, member)
        check_bomb(body.name, max(info.compress_size, 1), info.file_size, limits)
        require_room(folder, info.file_size)
        yield from member_blocks(archive, info, limits)


@contextmanager
def refusing_damage(refusal: UnreadableError) -> Iterator[None]:
    """Turn what a damaged archive makes `zipfile` raise into `refusal`."""
    try:
        yield
    except _DAMAGED as error:
        raise refusal from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a member that begins before the file does
            raise
        raise refusal from error


def _chosen(archive: zipfile.ZipFile, body: BodyFile, member: str | None) -> zipfile.ZipInfo:
    files = [info for info in archive.infolist() if not info.is_dir()]
    for info in files:
        check_member_name(info, body.name)
    matching = [info for info in files if member is None or fnmatch.fnmatchcase(info.filename, member)]
    if len(matching) != 1:
        names = [info.filename for info in files[:_NAMES_SHOWN]]
        more = "" if len(files) <= _NAMES_SHOWN else f" and {len(files) - _NAMES_SHOWN} more"
        raise UnreadableError(
            f"{body.name}: {len(matching)} members match instead of one",
            given=f"{member or 'any'} among {', '.join(names) or 'none'}{more}",
            allowed="a glob that matches exactly one member",
            hint="state `member` in the contract's format",
        )
    if matching[0].flag_bits & _ENCRYPTED:
        raise UnreadableError(
            f"{body.name}: the member is encrypted", given=matching[0].filename, allowed="plain members"
        )
    return matching[0]


def member_blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> Iterator[bytes]:
    """The true content of a member, however small a size its entry declares.

    Raises:
        what `refusing_damage` takes: the content does not match its checksum.
    """
    whole = copy.copy(info)
    whole.file_size = limits.decoded_bytes + 1  # `zipfile` stops at the declared size, other readers do not
    with archive.open(whole) as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def check_member_name(info: zipfile.ZipInfo, body: str) -> None:
    """Refuse archives whose names climb out of a folder: whoever packed them meant harm.

    Raises:
        UnreadableError: the name is absolute or has `..` in it.
    """
    name = info.orig_filename.replace("\\", "/")
    if name.startswith("/") or ".." in PurePosixPath(name).parts or name[1:2] == ":":
        raise UnreadableError(
            f"{body}: a member's name leads out of the archive", given=repr(name), allowed="relative names"
        )
