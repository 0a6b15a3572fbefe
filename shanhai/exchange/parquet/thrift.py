"""Read the few Thrift structures of a Parquet file, which are somebody else's bytes.

Source: Thrift compact protocol (thrift/doc/specs/thrift-compact-protocol.md) and parquet.thrift.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from shanhai.exchange.failures import Refused

Value: TypeAlias = "bool | int | float | bytes | list[Value] | Struct"
Struct: TypeAlias = dict[int, Value]
"""Field id → value. Unknown fields are kept, so whoever reads can refuse them."""

_MOST_DEPTH = 16
_MOST_VALUES = 4_000_000
"""Values of one structure: a footer at its limit of bytes must not become gigabytes of Python objects."""

_TRUE, _FALSE = 1, 2
_INTEGERS = {4: 16, 5: 32, 6: 64}
"""Bits of i16, i32 and i64, by the number of the type."""


def read_struct(data: bytes, start: int = 0) -> tuple[Struct, int]:
    """The structure at `start` and where it ends.

    Raises:
        Refused: `file-malformed`.
    """
    reader = _Reader(data, start)
    try:
        return reader.structure(0), reader.at
    except (IndexError, struct.error):
        raise Refused("file-malformed") from None


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at
        self._left = _MOST_VALUES

    def structure(self, depth: int) -> Struct:
        if depth > _MOST_DEPTH:
            raise Refused("file-malformed")
        fields: Struct = {}
        number = 0
        while (head := self._byte()) != 0:
            step = head >> 4
            number = number + step if step else self._zigzag(16)
            # A library keeps 16 bits of it, and would read another field.
            if number in fields or not 0 < number < 1 << 15:
                raise Refused("file-malformed")
            fields[number] = self._value(head & 0x0F, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        self._left -= 1
        if self._left < 0:
            raise Refused("file-malformed")
        if kind in _INTEGERS:
            return self._zigzag(_INTEGERS[kind])
        match kind:
            case 1 | 2:
                return kind == _TRUE
            case 3:
                return self._byte()
            case 7:
                return float(struct.unpack("<d", self._bytes(8))[0])
            case 8:
                return self._bytes(self._varint(31))
            case 9 | 10:
                return self._list(depth + 1)
            case 12:
                return self.structure(depth + 1)
            case _:
                # Parquet has no maps.
                raise Refused("file-malformed")

    def _list(self, depth: int) -> list[Value]:
        if depth > _MOST_DEPTH:
            raise Refused("file-malformed")
        head = self._byte()
        count = head >> 4 if head >> 4 != 0x0F else self._varint(31)
        kind = head & 0x0F
        if kind in (_TRUE, _FALSE):
            return [byte == _TRUE for byte in self._bytes(count)]
        return [self._value(kind, depth) for _ in range(count)]

    def _byte(self) -> int:
        byte = self._data[self.at]
        self.at += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise Refused("file-malformed")
        self.at += count
        return self._data[self.at - count : self.at]

    def _varint(self, bits: int) -> int:
        """A number of at most so many bits: a library would cut off the others."""
        result = shift = 0
        while shift < 70:
            byte = self._byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                if result >> bits:
                    break
                return result
            shift += 7
        raise Refused("file-malformed")

    def _zigzag(self, bits: int) -> int:
        value = self._varint(bits)
        return (value >> 1) ^ -(value & 1)
