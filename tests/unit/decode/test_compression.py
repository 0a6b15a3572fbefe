"""Packages: opened while counting, refused where they are damaged, ambiguous or meant to harm."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping

import pytest

from shanhai.contracts.model import CsvFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import Limits

TABLE = b"a,b\n1,2\n3,4\n"
CELLS = [("1", "2"), ("3", "4")]
AUTO = CsvFormat()


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


PACKED = {
    "gz": (gzip.compress(TABLE), AUTO),
    "gz in two members": (gzip.compress(TABLE[:5]) + gzip.compress(TABLE[5:]), AUTO),
    "gz with padding": (gzip.compress(TABLE) + b"\0" * 600_000, AUTO),
    "gz as stated": (gzip.compress(TABLE), CsvFormat(compression="gz")),
    "gz of another encoding": (gzip.compress(TABLE.decode().encode("utf-16")), CsvFormat(encoding="utf-16")),
    "zip": (zipped({"folder/": b"", "folder/table.csv": TABLE}), AUTO),
    "zip with a glob": (zipped({"read.me": b"", "x/2024.csv": TABLE}), CsvFormat(member="*.csv")),
}


@pytest.mark.parametrize(("body", "stated"), PACKED.values(), ids=PACKED)
def test_packages_are_opened(decoded, body, stated):
    assert decoded(body, stated, "a", "b").cells == CELLS


def with_declared_size(package: bytes, declared: int) -> bytes:
    """The same archive with another uncompressed size in its two headers."""
    central = package.rindex(b"PK\x01\x02")
    package = package[:22] + struct.pack("<I", declared) + package[26:]
    return package[: central + 24] + struct.pack("<I", declared) + package[central + 28 :]


def encrypted(package: bytes) -> bytes:
    """The same archive with the flag of encryption set."""
    central = package.rindex(b"PK\x01\x02")
    package = package[:6] + b"\x01\0" + package[8:]
    return package[: central + 8] + b"\x01\0" + package[central + 10 :]


HARD = Limits(decoded_bytes=1_000_000, ratio=50, ratio_from_bytes=10_000)
ZEROS = b"a,b\n" + b"0" * 2_000_000
REFUSED = {
    "cut gz": (gzip.compress(TABLE)[:-4], AUTO, "cut off"),
    "damaged gz": (gzip.compress(TABLE)[:-8] + b"\1" * 8, AUTO, "damaged"),
    "junk after gz": (gzip.compress(TABLE) + b"junk", AUTO, "damaged"),
    "not gz": (TABLE, CsvFormat(compression="gz"), "not packed as"),
    "gz where none is stated": (gzip.compress(TABLE), CsvFormat(compression="none"), "not packed as"),
    "gz bomb": (gzip.compress(ZEROS), AUTO, "unpacks to too much"),
    "zip bomb": (zipped({"t.csv": ZEROS}), AUTO, "unpacks to too much"),
    "zip bomb that lies": (with_declared_size(zipped({"t.csv": ZEROS}), 20), AUTO, "unpacks to too much"),
    "too large": (gzip.compress(bytes(range(256)) * 4_000), AUTO, "unpacks to too much"),
    "two members": (zipped({"a.csv": TABLE, "b.csv": TABLE}), AUTO, r"2 members match.*a\.csv, b\.csv"),
    "no member": (zipped({"a.txt": TABLE}), CsvFormat(member="*.csv"), "0 members match"),
    "empty zip": (zipped({}), AUTO, "0 members match"),
    "climbing name": (zipped({"../a.csv": TABLE}), AUTO, "leads out"),
    "absolute name": (zipped({"/a.csv": TABLE}), AUTO, "leads out"),
    "windows name": (zipped({"..\\a.csv": TABLE}), AUTO, "leads out"),
    "encrypted": (encrypted(zipped({"a.csv": TABLE})), AUTO, "encrypted"),
    "cut zip": (zipped({"a.csv": TABLE})[:-30], AUTO, "damaged"),
    "damaged zip": (zipped({"a.csv": TABLE}).replace(b"a.csv", b"a.csv\xff\xff", 1), AUTO, "damaged"),
}


@pytest.mark.parametrize(("body", "stated", "words"), REFUSED.values(), ids=REFUSED)
def test_packages_are_refused(decoded, body, stated, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, stated, "a", "b", limits=HARD)


def test_much_of_the_same_is_no_bomb_while_it_is_small(decoded):
    table = b"a,b\n" + b"1,2\n" * 100_000
    assert decoded(gzip.compress(table), AUTO, "a", "b").decoded.rows == 100_000
