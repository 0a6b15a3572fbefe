"""Show that each byte of a sealed file belongs to exactly one authenticated module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.footer import Chunk, Footer, read_footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.modules import Cipher, Kind
from shanhai.exchange.parquet.outline import count_modules, outline
from shanhai.exchange.parquet.thrift import Struct, Value, read_struct

_DICTIONARY, _DATA = 2, (0, 3)
"""Types of pages."""

_OF_METADATA = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 16, 17})
"""Fields of ColumnMetaData in parquet.thrift that a sealed file may have."""


@dataclass(frozen=True)
class Walked:
    """What a walk has shown.

    Attributes:
        footer: what the file says of itself.
        opened: modules that were decrypted and authenticated in their place.
        only_counted: modules of withheld columns, of which only the chain of lengths was seen.
    """

    footer: Footer
    opened: int
    only_counted: int


def walk(file: BinaryIO, size: int, keys: KeyHolder, *, whole: bool = True) -> Walked:
    """Account for all bytes of a file between its magics.

    The sender walks with all keys before it signs (`whole`): every byte is then part of one module that opens
    under the key of its column, for its kind and place, and `only_counted` is 0. With the keys of some
    columns the same holds for those columns, the footer and nothing else; bytes between them form a chain of
    modules. One module is in memory at a time.

    Raises:
        Refused: a code of the stage `set`, `dek-wrong`, or `key-not-held` if `whole` and a key is missing.
    """
    outer = outline(file, size)
    footer = read_footer(file, outer, keys)
    ciphers = _ciphers(footer, keys, outer.file_id, whole=whole)
    spans: list[tuple[int, int]] = []
    opened = 1
    for chunk in footer.chunks:
        spans.extend((start, end) for _, start, end in chunk.indexes)
        if (cipher := ciphers.get(chunk.material.key_id)) is not None:
            start, end, modules = _open_chunk(file, chunk, cipher, outer.modules_end)
            spans.append((start, end))
            opened += modules
    gaps = list(_gaps(spans, 4, outer.modules_end))
    if whole and gaps:
        raise Refused("plaintext-column")
    return Walked(footer, opened, _counted(file, footer, ciphers, gaps))


def _ciphers(footer: Footer, keys: KeyHolder, file_id: bytes, *, whole: bool) -> dict[str, Cipher]:
    """A cipher for each column whose key is held. A column has one data key in a file."""
    materials = {chunk.material.key_id: chunk.material for chunk in footer.chunks}
    if any(materials[chunk.material.key_id] != chunk.material for chunk in footer.chunks):
        raise Refused("file-malformed")
    return {
        key_id: Cipher(keys.unwrap(material.wrapped, key_id), file_id)
        for key_id, material in materials.items()
        if whole or key_id in keys
    }


def _counted(
    file: BinaryIO, footer: Footer, ciphers: dict[str, Cipher], gaps: Iterable[tuple[int, int]]
) -> int:
    withheld = (chunk for chunk in footer.chunks if chunk.material.key_id not in ciphers)
    return sum(count_modules(file, start, end) for start, end in gaps) + sum(
        count_modules(file, start, end) for chunk in withheld for _, start, end in chunk.indexes
    )


def _open_chunk(file: BinaryIO, chunk: Chunk, cipher: Cipher, end: int) -> tuple[int, int, int]:
    """Open metadata, indexes and pages of a chunk. Returns start and end of its pages, and modules opened."""
    metadata, _ = read_struct(cipher.open_prefixed(chunk.metadata, Kind.COLUMN_METADATA, *chunk.place))
    for kind, start, stop in chunk.indexes:
        _, reached = cipher.open_at(file, (start, stop), kind, *chunk.place)
        if reached != stop:
            raise Refused("file-malformed")
    # No comments, index pages or bloom filters, whose bytes nothing here would account for, and
    # no field that a library knows and we do not.
    if set(metadata) - _OF_METADATA:
        raise Refused("file-malformed")
    dictionary = metadata.get(11)
    start = _number(metadata, 9) if dictionary is None else min(_number(metadata, 11), _number(metadata, 9))
    stop = start + _number(metadata, 7)
    if not 4 <= start <= stop <= end:
        raise Refused("file-malformed")
    modules = _open_pages(file, chunk, cipher, (start, stop), dictionary=dictionary is not None)
    return start, stop, 1 + len(chunk.indexes) + modules


def _open_pages(
    file: BinaryIO, chunk: Chunk, cipher: Cipher, span: tuple[int, int], *, dictionary: bool
) -> int:
    at, end = span
    modules = 0
    if dictionary:
        at = _open_page(file, cipher, (at, end), _DICTIONARY, *chunk.place)
        modules += 2
    page = 0
    while at < end:
        if page >= profile.MOST_PAGES:
            raise Refused("too-many-modules")
        at = _open_page(file, cipher, (at, end), _DATA, *chunk.place, page)
        page += 1
        modules += 2
    return modules


def _open_page(
    file: BinaryIO, cipher: Cipher, span: tuple[int, int], kinds: int | tuple[int, ...], *place: int
) -> int:
    """Open a page's header and its data, which are two modules. Returns where the page ends."""
    start, end = span
    of_dictionary = kinds == _DICTIONARY
    header_kind = Kind.DICTIONARY_PAGE_HEADER if of_dictionary else Kind.DATA_PAGE_HEADER
    data_kind = Kind.DICTIONARY_PAGE if of_dictionary else Kind.DATA_PAGE
    told, at = cipher.open_at(file, (start, end), header_kind, *place)
    header, _ = read_struct(told)
    if header.get(1) not in ((_DICTIONARY,) if of_dictionary else _DATA):
        raise Refused("file-malformed")
    _, stop = cipher.open_at(file, (at, end), data_kind, *place)
    if stop - at != _number(header, 3):
        raise Refused("file-malformed")
    return stop


def _gaps(spans: list[tuple[int, int]], start: int, end: int) -> Iterable[tuple[int, int]]:
    """What no span covers from `start` to `end`.

    Raises:
        Refused: `file-malformed`: two spans overlap.
    """
    at = start
    for first, last in sorted(spans):
        if first < at:
            raise Refused("file-malformed")
        if first > at:
            yield at, first
        at = last
    if at < end:
        yield at, end


def _number(fields: Struct, number: int) -> int:
    value: Value | None = fields.get(number)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused("file-malformed")
    return value
