"""What the footer of a sealed file says, checked: needs the footer's key and no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.material import Material, read_material
from shanhai.exchange.parquet.modules import Cipher, Kind
from shanhai.exchange.parquet.outline import Outline
from shanhai.exchange.parquet.thrift import Struct, Value, read_struct

_MOST_LEVELS = 1 + 2 * profile.MOST_DEPTH
"""Levels of the schema below its root: each list takes two."""


@dataclass(frozen=True)
class Chunk:
    """One column within one row group.

    Attributes:
        place: ordinals of row group and column.
        metadata: the column's metadata as encrypted module.
        indexes: kind, start and end of the page indexes, each one module.
    """

    place: tuple[int, int]
    material: Material
    metadata: bytes = field(repr=False)
    indexes: tuple[tuple[Kind, int, int], ...]


@dataclass(frozen=True)
class Footer:
    """A footer that keeps to the profile.

    Attributes:
        rows: of the file.
        columns: how many; they are called c0000 … in this order.
        chunks: by row group, then by column.
    """

    rows: int
    columns: int
    groups: int
    chunks: tuple[Chunk, ...]


def read_footer(file: BinaryIO, outer: Outline, keys: KeyHolder) -> Footer:
    """Open the footer and check that every column of every row group is encrypted under a key of its own.

    Raises:
        Refused: `plaintext-column`, `column-under-footer-key`, the codes of key material, `odd-column-names`,
            `nesting-bomb`, `too-many-modules`, `file-malformed`, `module-forged`, `dek-wrong`,
            `key-not-held`.
    """
    cipher = Cipher(keys.unwrap(outer.material.wrapped, outer.material.key_id), outer.file_id)
    data, _ = cipher.open_at(file, (outer.footer_at, outer.size - 8), Kind.FOOTER)
    told, used = read_struct(data)
    if used != len(data) or set(told) - {1, 2, 3, 4, 6, 7}:
        # Field 5 would carry comments of the table, 8 and 9 belong to plaintext footers.
        raise Refused("file-malformed")
    schema, groups = _structs(told.get(2)), _structs(told.get(4, []))
    if any(set(one) - _OF_ELEMENT for one in schema) or any(set(one) - _OF_GROUP for one in groups):
        # A library that knows more fields than we do would see another file.
        raise Refused("file-malformed")
    leaves = _leaves(schema)
    if len(groups) > profile.MOST_GROUPS or len(groups) * len(leaves) > profile.MOST_CHUNKS:
        raise Refused("too-many-modules")
    chunks = tuple(
        chunk for number, group in enumerate(groups) for chunk in _chunks(group, number, leaves, outer)
    )
    _check_columns(leaves)
    rows = [_integer(group.get(3)) for group in groups]
    if sum(rows) != _integer(told.get(3)):
        raise Refused("file-malformed")
    return Footer(sum(rows), len(leaves), len(groups), chunks)


_OF_ELEMENT = frozenset(range(1, 11))
_OF_GROUP = frozenset(range(1, 8))
"""Fields of SchemaElement and RowGroup in parquet.thrift."""


def _leaves(schema: list[Struct]) -> list[tuple[str, ...]]:
    """The path of each leaf. Without recursion: the nesting is as deep as a stranger likes."""
    if not schema or len(schema) > 1 + profile.MOST_COLUMNS * _MOST_LEVELS:
        raise Refused("too-many-modules" if schema else "file-malformed")
    leaves: list[tuple[str, ...]] = []
    path: list[str] = []
    open_levels = [_integer(schema[0].get(5))]
    for element in schema[1:]:
        while open_levels and open_levels[-1] == 0:
            open_levels.pop()
            path = path[:-1]
        if not open_levels:
            raise Refused("file-malformed")
        open_levels[-1] -= 1
        children = _integer(element.get(5, 0))
        if children == 0:
            leaves.append((*path, _text(element.get(4))))
            continue
        path.append(_text(element.get(4)))
        open_levels.append(children)
        if len(path) >= _MOST_LEVELS:
            raise Refused("nesting-bomb")
    if any(open_levels) or not 0 < len(leaves) <= profile.MOST_COLUMNS:
        raise Refused("file-malformed")
    return leaves


def _check_columns(leaves: list[tuple[str, ...]]) -> None:
    """One leaf a column, named by its number: the footer's key would show a structure's inner names."""
    if [leaf[0] for leaf in leaves] != [profile.physical_name(number) for number in range(len(leaves))]:
        raise Refused("odd-column-names")
    if any(name not in ("list", "element") for leaf in leaves for name in leaf[1:]):
        raise Refused("odd-column-names")


def _chunks(group: Struct, number: int, leaves: list[tuple[str, ...]], outer: Outline) -> list[Chunk]:
    columns = _structs(group.get(1))
    if len(columns) != len(leaves) or group.get(7) != number:
        raise Refused("file-malformed")
    return [
        _chunk(column, (number, at), leaf, outer)
        for at, (column, leaf) in enumerate(zip(columns, leaves, strict=True))
    ]


def _chunk(column: Struct, place: tuple[int, int], leaf: tuple[str, ...], outer: Outline) -> Chunk:
    crypto = column.get(8)
    if crypto is None:
        raise Refused("plaintext-column")
    if isinstance(crypto, dict) and 1 in crypto:
        raise Refused("column-under-footer-key")
    if 3 in column:
        # Metadata with statistics, readable by whoever holds the footer's key.
        raise Refused("plaintext-column")
    if not isinstance(crypto, dict) or set(crypto) != {2} or set(column) - {2, 4, 5, 6, 7, 8, 9}:
        # Field 1 would name another file.
        raise Refused("file-malformed")
    own = crypto[2]
    if not isinstance(own, dict) or own.get(1) != [part.encode() for part in leaf]:
        raise Refused("file-malformed")
    material = read_material(_bytes(own.get(2)), of_footer=False)
    if material.key_id != profile.column_key_id(outer.material.set_id, place[1]):
        raise Refused("key-id-wrong")
    indexes = _index(column, Kind.COLUMN_INDEX, 6, outer) + _index(column, Kind.OFFSET_INDEX, 4, outer)
    return Chunk(place, material, _bytes(column.get(9)), indexes)


def _index(column: Struct, kind: Kind, number: int, outer: Outline) -> tuple[tuple[Kind, int, int], ...]:
    if number not in column and number + 1 not in column:
        return ()
    start, length = _integer(column.get(number)), _integer(column.get(number + 1))
    if start < 4 or start + length > outer.modules_end:
        raise Refused("file-malformed")
    return ((kind, start, start + length),)


def _structs(value: Value | None) -> list[Struct]:
    if not isinstance(value, list):
        raise Refused("file-malformed")
    structs = [one for one in value if isinstance(one, dict)]
    if len(structs) != len(value):
        raise Refused("file-malformed")
    return structs


def _integer(value: Value | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused("file-malformed")
    return value


def _bytes(value: Value | None) -> bytes:
    if not isinstance(value, bytes):
        raise Refused("file-malformed")
    return value


def _text(value: Value | None) -> str:
    try:
        return _bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("file-malformed") from None
