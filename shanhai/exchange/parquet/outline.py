"""What anybody can check of a sealed file, without any key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.material import Material, read_material
from shanhai.exchange.parquet.thrift import read_struct

MAGIC = b"PARE"
_OVERHEAD = 12 + 16
"""Nonce and tag of a module."""


@dataclass(frozen=True)
class Outline:
    """The outer structure of a file.

    Attributes:
        file_id: the eight random bytes that bind every module to this file.
        material: of the footer.
        footer_at: where the footer's module begins; it ends 8 bytes before the end of the file.
        modules_end: where the modules of columns end.
        modules: how many modules there are before that.
    """

    size: int
    file_id: bytes = field(repr=False)
    material: Material
    footer_at: int
    modules_end: int
    modules: int


def outline(file: BinaryIO, size: int) -> Outline:
    """Check the structure of a file of `size` bytes that is visible without keys.

    What holds afterwards: the file begins and ends with PARE; it says AES_GCM_V1, without a prefix of the
    additional data; the footer's data key is 256 bits long and wrapped once, within the file, by a key whose
    id reveals nothing but the set; and all bytes from the first magic to the crypto metadata form a chain of
    length-prefixed modules that ends exactly there. A column that a careless writer left plaintext breaks the
    chain: its page headers read as lengths of hundreds of megabytes.

    What nobody can know without keys: whether the modules are ciphertext at all (a writer that wants to can
    make plaintext look like a chain), whether columns have keys of their own, what the names, rows and types
    are. The footer's key shows the second (`footer.py`), the columns' keys the first (`walk.py`).

    Raises:
        Refused: a code of the stage `set`.
    """
    footer_at, crypto, modules_end = _tail(file, size)
    file_id = _file_id(crypto)
    material = _footer_material(crypto)
    return Outline(size, file_id, material, footer_at, modules_end, count_modules(file, 4, modules_end))


def module_length(file: BinaryIO, at: int, end: int) -> int:
    """How many bytes the module at `at` has with its prefix; the file is left behind the prefix.

    Raises:
        Refused: `plaintext-column`: what stands there is no module, or reaches over `end`.
    """
    file.seek(at)
    length = int.from_bytes(file.read(4), "little")
    if not _OVERHEAD <= length <= profile.MOST_MODULE_BYTES or at + 4 + length > end:
        raise Refused("plaintext-column")
    return 4 + length


def count_modules(file: BinaryIO, start: int, end: int) -> int:
    """How many modules lie one behind the other from `start` to exactly `end`.

    Raises:
        Refused: `plaintext-column`, `too-many-modules`.
    """
    at, count = start, 0
    while at < end:
        at += module_length(file, at, end)
        count += 1
        if count > profile.MOST_MODULES:
            raise Refused("too-many-modules")
    return count


def _tail(file: BinaryIO, size: int) -> tuple[int, dict[int, object], int]:
    """Where the footer's module begins, the crypto metadata before it, and where those begin."""
    file.seek(0)
    head = file.read(4)
    if size < 4 + 8 + 4 + _OVERHEAD:
        raise Refused("file-truncated")
    file.seek(size - 8)
    length, tail = int.from_bytes(file.read(4), "little"), file.read(4)
    if b"PAR1" in (head, tail):
        raise Refused("plaintext-footer")
    if head != MAGIC:
        raise Refused("file-malformed")
    if tail != MAGIC:
        raise Refused("file-truncated")
    if length > size - 12:
        raise Refused("footer-length-beyond-file")
    if length > profile.MOST_FOOTER_BYTES:
        raise Refused("oversized-footer")
    start = size - 8 - length
    file.seek(start)
    crypto, used = read_struct(file.read(min(length, 64 << 10)))
    footer_at = start + used
    if footer_at + 4 > size - 8 or footer_at + module_length(file, footer_at, size - 8) != size - 8:
        raise Refused("file-malformed")
    return footer_at, dict(crypto), start


def _file_id(crypto: dict[int, object]) -> bytes:
    algorithm = crypto.get(1)
    if not isinstance(algorithm, dict) or set(algorithm) != {1} or not isinstance(algorithm[1], dict):
        raise Refused("algorithm-not-gcm")
    gcm = algorithm[1]
    file_id = gcm.get(2)
    # A prefix of the additional data would come from outside of the file.
    if (
        set(gcm) - {2, 3}
        or gcm.get(3, False) is not False
        or not isinstance(file_id, bytes)
        or len(file_id) != 8
    ):
        raise Refused("file-malformed")
    return file_id


def _footer_material(crypto: dict[int, object]) -> Material:
    data = crypto.get(2)
    if set(crypto) != {1, 2} or not isinstance(data, bytes):
        raise Refused("file-malformed")
    material = read_material(data, of_footer=True)
    if not material.key_id.endswith(".f"):
        raise Refused("key-id-wrong")
    return material
