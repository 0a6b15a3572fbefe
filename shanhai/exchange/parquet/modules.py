"""Open one encrypted module of a sealed file, in its place.

Source: Parquet Modular Encryption, "Module AAD" (parquet-format/Encryption.md).
"""

from __future__ import annotations

from enum import IntEnum
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.outline import module_length


class Kind(IntEnum):
    """The types of modules, as they enter the additional data."""

    FOOTER = 0
    COLUMN_METADATA = 1
    DATA_PAGE = 2
    DICTIONARY_PAGE = 3
    DATA_PAGE_HEADER = 4
    DICTIONARY_PAGE_HEADER = 5
    COLUMN_INDEX = 6
    OFFSET_INDEX = 7


class Cipher:
    """Opens modules under one data key of one file."""

    def __init__(self, dek: bytes, file_id: bytes) -> None:
        self._aead = AESGCM(dek)
        self._file_id = file_id

    def open(self, module: bytes, kind: Kind, *place: int) -> bytes:
        """The plaintext of a module, which is given without its length.

        Args:
            place: ordinals of the row group, the column and the page, as many as the kind has. They are
                authenticated: a module that was moved does not open.

        Raises:
            Refused: `module-forged`.
        """
        ordinals = b"".join(ordinal.to_bytes(2, "little") for ordinal in place)
        try:
            return self._aead.decrypt(module[:12], module[12:], self._file_id + bytes([kind]) + ordinals)
        except InvalidTag:
            raise Refused("module-forged") from None

    def open_prefixed(self, data: bytes, kind: Kind, *place: int) -> bytes:
        """The same for a module with its length of four bytes before it.

        Raises:
            Refused: `module-forged`.
        """
        if int.from_bytes(data[:4], "little") != len(data) - 4:
            raise Refused("module-forged")
        return self.open(data[4:], kind, *place)

    def open_at(self, file: BinaryIO, span: tuple[int, int], kind: Kind, *place: int) -> tuple[bytes, int]:
        """The plaintext of the module that begins at `span`, and where it ends, at most the end of `span`.

        Raises:
            Refused: `module-forged`, `plaintext-column`.
        """
        start, end = span
        length = module_length(file, start, end)
        return self.open(file.read(length - 4), kind, *place), start + length
