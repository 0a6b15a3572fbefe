"""Writes the vectors of sealed files and folders: `python -m tests.support.vectors.files`."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sealing import SET, Sealed, careless, keks, sealed, with_groups

from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.parquet.footer import read_footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.modules import Kind
from shanhai.exchange.parquet.outline import module_length, outline
from shanhai.exchange.parquet.profile import MOST_CHUNKS, MOST_FOOTER_BYTES, MOST_ROW_BYTES
from vectors.vector import Vector, refused

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
TABLE = pa.table({"c0000": [f"value {n}" for n in range(100)], "c0001": list(range(100))})
NESTED = pa.table({"c0000": [{"a": f"inner {n}", "b": n} for n in range(100)]})
BARE = {"write": {"write_statistics": False, "write_page_index": False}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def seen(file: bytes, **more: Any) -> dict[str, Any]:
    """A file for somebody without keys."""
    return {"file": b64(file), **more}


def keyed(made: Sealed, *places: str, **more: Any) -> dict[str, Any]:
    """A file with the keys of some places; of all if none is named."""
    keys = {
        key_id: b64(kek.bytes)
        for key_id, kek in made.keys.items()
        if not places or key_id.partition(".")[2] in places
    }
    return {"file": b64(made.only), "keys": keys, **more}


def declared(given: Declared) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in given.columns.items()]
    return {"rows": given.rows, "decoded_bytes": given.decoded, "columns": columns}


def of_set() -> Iterator[Vector]:
    def vector(
        name: str, about: str, operation: str, given: dict[str, Any], expect: dict[str, Any]
    ) -> Vector:
        return Vector(name, "set", about, operation, given, NOW, expect)

    good = sealed(TABLE)
    outer = "somebody without keys finds it"
    yield vector(
        "sealed-file", "A file that keeps to the profile.", "walk", keyed(good), {"passes": {"rows": 100}}
    )
    yield from _careless(vector, outer)
    yield from _bent(vector, good.only)
    yield from _fetched(vector, good.only)


def _careless(vector: Any, outer: str) -> Iterator[Vector]:
    with tempfile.TemporaryDirectory() as folder:
        external = careless(TABLE, internal_key_material=False, folder=Path(folder))
    one = {"0": ["c0000"]}
    cases = {
        "plaintext-footer": (careless(TABLE, plaintext_footer=True), "plaintext-footer"),
        "plaintext-column": (careless(TABLE, column_keys=one), "plaintext-column"),
        "plaintext-column-zstd-no-stats": (careless(TABLE, column_keys=one, **BARE), "plaintext-column"),
        "plaintext-leaf-of-struct": (careless(NESTED, column_keys={"0": ["c0000.a"]}), "plaintext-column"),
        "algorithm-ctr": (careless(TABLE, encryption_algorithm="AES_GCM_CTR_V1"), "algorithm-not-gcm"),
        "key-128": (careless(TABLE, data_key_length_bits=128), "key-not-256-bits"),
        "double-wrapped": (careless(TABLE, double_wrapping=True), "double-wrapped"),
        "external-key-material": (external, "external-key-material"),
    }
    for name, (made, code) in cases.items():
        yield vector(
            name, f"A writer with other settings; {outer}.", "outline", seen(made.only), refused(code, "set")
        )
    shared = careless(TABLE, uniform_encryption=True)
    about = "All columns under the key of the footer; whoever holds it finds it, nobody else can."
    yield vector(
        "column-under-footer-key", about, "walk", keyed(shared), refused("column-under-footer-key", "set")
    )
    other = careless(TABLE.rename_columns(["name", "c0001"]))
    about = "A column that tells its name to whoever holds the footer's key."
    yield vector("odd-column-names", about, "walk", keyed(other), refused("odd-column-names", "set"))
    commented = careless(TABLE, write={"store_schema": True})
    about = "A footer with a field for comments, in which a sender could name what is sealed."
    yield vector("file-malformed", about, "walk", keyed(commented), refused("file-malformed", "set"))
    many = with_groups(sealed(TABLE.select([0])), MOST_CHUNKS + 1)
    about = "One row group of one column more than the column chunks that a file may have."
    yield vector("too-many-modules", about, "walk", keyed(many), refused("too-many-modules", "set"))
    swapped = careless(TABLE, column_keys={"0": ["c0001"], "1": ["c0000"]})
    about = "A key for one column that opens another."
    yield vector("column-under-other-key", about, "walk", keyed(swapped), refused("key-id-wrong", "set"))


def _bent(vector: Any, good: bytes) -> Iterator[Vector]:
    cut = good[: len(good) // 2]
    yield vector(
        "file-truncated",
        "The second half is missing.",
        "outline",
        seen(cut),
        refused("file-truncated", "set"),
    )
    beyond = good[:-8] + len(good).to_bytes(4, "little") + good[-4:]
    code = "footer-length-beyond-file"
    yield vector(
        code,
        "The length of the footer reaches before the file.",
        "outline",
        seen(beyond),
        refused(code, "set"),
    )
    large = good[:-8] + (MOST_FOOTER_BYTES + 1).to_bytes(4, "little") + good[-4:]
    given = seen(large, zeros={"at": 4, "count": MOST_FOOTER_BYTES + 1024})
    about = "A footer above the limit, in a file that is long enough for it."
    yield vector("oversized-footer", about, "outline", given, refused("oversized-footer", "set"))
    plain = good.replace(f"{SET}.f".encode(), b"county.resident-register.names.fff"[:34])
    about = "A key id that is a name; the sender refuses its own file, and so does everybody else."
    yield vector("key-id-reveals-name", about, "outline", seen(plain), refused("key-id-wrong", "set"))
    flipped = good[:60] + bytes([good[60] ^ 1]) + good[61:]
    keys = {key_id: b64(kek.bytes) for key_id, kek in keks(2).items()}
    about = "One bit of a module is another; its digest tells first, and its key too."
    yield vector("module-altered", about, "walk", seen(flipped, keys=keys), refused("module-forged", "set"))


def _fetched(vector: Any, good: bytes) -> Iterator[Vector]:
    other = sealed(TABLE).only
    first, second, foreign = b"one" + good, b"two" + good, other
    named = [{"sha256": sha256(data), "size": len(data)} for data in (first, second)]

    def found(*pairs: tuple[bytes, bytes]) -> list[dict[str, Any]]:
        """Name → what was found under it."""
        return [
            {"name": f"{sha256(name)}.parquet", "size": len(data), "sha256": sha256(data)}
            for name, data in pairs
        ]

    both = found((first, first), (second, second))
    flipped = first[:-20] + bytes([first[-20] ^ 1]) + first[-19:]
    lying = [{**named[0], "size": len(first) + 1}, named[1]]
    cases = {
        "files-complete": ("All files of the set and no other.", named, both, None),
        "file-altered": (
            "A bit of a file.",
            named,
            found((first, flipped), (second, second)),
            "file-altered",
        ),
        "file-omitted": ("A file is missing.", named, found((first, first)), "file-omitted"),
        "file-added": ("A file too many.", named, [*both, *found((foreign, foreign))], "file-added"),
        "files-swapped-names": (
            "Two files of the same size under each other's names.",
            named,
            found((first, second), (second, first)),
            "file-altered",
        ),
        "file-from-older-set": (
            "A file of another set in the place of one.",
            named,
            found((first, first), (foreign, foreign)),
            "file-omitted",
        ),
        "size-lies": ("A size that the statement has wrong.", lying, both, "size-lies"),
    }
    for name, (about, listed, there, code) in cases.items():
        expect = {"passes": {}} if code is None else refused(code, "set")
        yield vector(name, about, "files", {"named": listed, "found": there}, expect)


def of_contents() -> Iterator[Vector]:
    good = sealed(TABLE)
    right = declared(good.declared)
    rest = {"declared": right, "columns": ["c0001"]}
    asked = {"passes": {"rows": 100, "asked": [f"{SET}.1", f"{SET}.f"]}}

    def vector(name: str, about: str, operation: str, given: dict[str, Any], expect: Any) -> Vector:
        expect = refused(expect, "contents") if isinstance(expect, str) else expect
        return Vector(name, "contents", about, operation, given, NOW, expect)

    about = "One granted column of two is read, and no other key is asked for."
    yield vector("granted-column", about, "read", keyed(good, "f", "1", **rest), asked)
    about = "Nothing of the withheld column is touched, though its statistics lie in the file."
    yield vector("withheld-column-metadata", about, "cell", keyed(good, "f", "1", **rest), asked)
    about = "A withheld column is asked for; a reader with a filter on it would hang."
    given = keyed(good, "f", "1", declared=right, columns=["c0000"])
    yield vector("withheld-column-filter", about, "cell", given, "key-not-held")
    wrong = keyed(good, "f", "1", **rest)
    wrong["keys"][f"{SET}.1"] = wrong["keys"][f"{SET}.f"]
    yield vector("dek-wrong", "A key that is not the column's; contained.", "cell", wrong, "dek-wrong")
    other = {**right, "columns": [{"name": "c0000", "type": "string"}, {"name": "c0001", "type": "int32"}]}
    given = keyed(good, declared=other, columns=["c0001"])
    yield vector("schema-differs", "Another type than was declared.", "read", given, "schema-differs")
    given = keyed(good, declared={**right, "rows": 99}, columns=["c0001"])
    yield vector("rows-differ", "One row more than was declared.", "read", given, "rows-differ")
    yield from _bombs(vector)
    torn = _torn(sealed(TABLE, compression="none", dictionaries=False))
    given = keyed(torn, declared=right, columns=["c0000"])
    yield vector("parser-abort", "A page of nonsense, sealed as it should be.", "cell", given, "parser-abort")
    about = "A good file in a cell without time."
    yield vector("parser-hang", about, "cell", keyed(good, **rest, limits={"seconds": 0}), "parser-hang")


def _torn(made: Sealed) -> Sealed:
    """The first page begins with a length far beyond its end, under the right key and in its place."""
    file, keys = io.BytesIO(made.only), KeyHolder(made.keys)
    outer = outline(file, len(made.only))
    material = read_footer(file, outer, keys).chunks[0].material
    dek = keys.unwrap(material.wrapped, material.key_id)
    start = 4 + module_length(file, 4, outer.modules_end)
    end = start + module_length(file, start, outer.modules_end)
    page = made.only[start + 4 : end]
    aad = outer.file_id + bytes([Kind.DATA_PAGE]) + bytes(6)
    nonsense = b"\xff\xff\xff\x7f" + AESGCM(dek).decrypt(page[:12], page[12:], aad)[4:]
    resealed = page[:12] + AESGCM(dek).encrypt(page[:12], nonsense, aad)
    return replace(made, contents=[made.only[: start + 4] + resealed + made.only[end:]])


def _bombs(vector: Any) -> Iterator[Vector]:
    write = {
        "write": {"dictionary_pagesize_limit": 64 << 20, "write_statistics": False, "write_page_index": False}
    }

    def repeated(size: int, rows: int) -> Sealed:
        values = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), pa.array(["x" * size]))
        return careless(pa.table({"c0000": values}), **write)

    def told(rows: int, decoded: int, kind: str = "string") -> dict[str, Any]:
        return {"rows": rows, "decoded_bytes": decoded, "columns": [{"name": "c0000", "type": kind}]}

    bomb = repeated(1 << 20, 20_480)
    about = "A small file that decodes to 20 GiB and says that it is one MiB."
    given = keyed(bomb, declared=told(20_480, 1 << 20), columns=["c0000"])
    yield vector("dictionary-bomb", about, "cell", given, "dictionary-bomb")
    honest = repeated(16 << 20, 4_096)
    about = "A small file that decodes to 64 GiB and says so, in a cell that has less."
    size = 4_096 * ((16 << 20) + 4)
    given = keyed(honest, declared=told(4_096, size), columns=["c0000"], limits={"memory_bytes": 1 << 30})
    yield vector("parser-memory", about, "cell", given, "parser-memory")
    yield from _large_rows(vector)
    nest: Any = 1
    for _ in range(60):
        nest = [nest]
    deep = careless(pa.table({"c0000": [nest]}))
    given = keyed(deep, declared=told(1, 1000), columns=["c0000"])
    yield vector("nesting-bomb", "Lists within lists, sixty deep.", "cell", given, "nesting-bomb")


def _large_rows(vector: Any) -> Iterator[Vector]:
    """Each row group of the project's own writer has up to 64 MiB, whatever rows are beside each other."""

    def values(size: int, rows: int) -> pa.RecordBatch:
        return pa.record_batch({"a": pa.array(["x" * (size - 4)] * rows)})

    def given(made: Sealed) -> dict[str, Any]:
        return keyed(made, declared=declared(made.declared), columns=["c0000"])

    large = values(MOST_ROW_BYTES, 1)
    honest = sealed([values(10, 3_000), *([large] * 40)], dictionaries=False)
    about = "Forty rows of 16 MiB behind small ones, in an implementation's own limits."
    asked = [f"{SET}.0", f"{SET}.f"]
    yield vector("large-rows", about, "cell", given(honest), {"passes": {"rows": 3_040, "asked": asked}})
    bare = {"use_dictionary": False, "write_statistics": False, "write_page_index": False}

    def beyond(batch: pa.RecordBatch) -> Sealed:
        return careless(pa.Table.from_batches([batch]).rename_columns(["c0000"]), write=bare)

    about = "One row of a byte more than 16 MiB, in a file that says so."
    yield vector(
        "row-too-large", about, "read", given(beyond(values(MOST_ROW_BYTES + 1, 1))), "parser-memory"
    )
    about = "A row group of 65 MiB, of small rows, in a file that says so."
    group = given(beyond(values(1 << 20, 65)))
    yield vector("row-group-too-large", about, "read", group, "parser-memory")


def main() -> None:
    from vectors.folder_cases import of_files

    for vector in (*of_set(), *of_contents(), *of_files()):
        vector.file.parent.mkdir(parents=True, exist_ok=True)
        vector.file.write_text(vector.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
