"""Sealed files as a careful writer makes them, and as a careless or hostile one would."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyarrow.parquet.encryption import EncryptionConfiguration

from shanhai.exchange.parquet.decrypt import Declared
from shanhai.exchange.parquet.encrypt import Packing, SealedFile, encrypt
from shanhai.exchange.parquet.kms import KeyHolder, crypto_factory
from shanhai.exchange.parquet.measure import decoded_bytes
from shanhai.exchange.parquet.modules import Kind
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.parquet.profile import column_key_id, footer_key_id
from shanhai.exchange.parquet.types import schema_names
from shanhai.exchange.secret import Secret

SET = "5e7a1ed0" * 4
_ONE_COLUMN = bytes.fromhex("48") + b"\x04root" + bytes.fromhex("15 02 00 48") + b"\x05c0000" + b"\x00"


def keks(columns: int, set_id: str = SET) -> dict[str, Secret]:
    """Keys of a set, each the digest of its id: test keys, and the same in every run."""
    ids = [footer_key_id(set_id), *(column_key_id(set_id, n) for n in range(columns))]
    return {key_id: Secret(hashlib.sha256(f"test key {key_id}".encode()).digest()) for key_id in ids}


def some(keys: dict[str, Secret], *places: str) -> KeyHolder:
    """The keys of those places: `f`, `0`, `1` …"""
    return KeyHolder({key_id: kek for key_id, kek in keys.items() if key_id.partition(".")[2] in places})


@dataclass(frozen=True)
class Sealed:
    """Files of one set with all their keys."""

    contents: list[bytes]
    files: list[SealedFile]
    keys: dict[str, Secret]
    columns: dict[str, str]

    @property
    def only(self) -> bytes:
        (content,) = self.contents
        return content

    @property
    def declared(self) -> Declared:
        (file,) = self.files
        return Declared(file.rows, file.decoded, self.columns)


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Its content is wanted later."""


def sealed(table: pa.Table | Iterable[pa.RecordBatch], **packing: Any) -> Sealed:
    """What the project's own writer makes of a table."""
    batches = list(table.to_batches() if isinstance(table, pa.Table) else table)
    schema = table.schema if isinstance(table, pa.Table) else batches[0].schema
    keys = keks(len(schema))
    kept: list[_Kept] = []

    def new_file() -> _Kept:
        kept.append(_Kept())
        return kept[-1]

    reader = pa.RecordBatchReader.from_batches(schema, batches)
    files = encrypt(reader, new_file, set_id=SET, keys=KeyHolder(keys), packing=Packing(**packing))
    contents = [file.getvalue() for file in kept]
    names = schema_names(pq.read_schema(pa.BufferReader(contents[0]), decryption_properties=_reading(keys)))
    return Sealed(contents, files, keys, names)


def careless(table: pa.Table, *, column_keys: dict[str, list[str]] | None = None, **options: Any) -> Sealed:
    """What pyarrow makes of a table with other settings than the profile's.

    Args:
        column_keys: place → leaves; each column under its own key where not given.
        options: of pyarrow's encryption; `write` those of its writer, `folder` for external material.
    """
    write = {"compression": "zstd", "store_schema": False, "write_page_index": True} | options.pop(
        "write", {}
    )
    folder: Path | None = options.pop("folder", None)
    keys = keks(len(table.schema))
    if column_keys is None:
        column_keys = {str(n): [name] for n, name in enumerate(table.schema.names)}
    if not options.get("uniform_encryption"):
        options["column_keys"] = {f"{SET}.{place}": leaves for place, leaves in column_keys.items()}
    settings = {
        "footer_key": footer_key_id(SET),
        "double_wrapping": False,
        "data_key_length_bits": 256,
    } | options
    factory, connection = crypto_factory(KeyHolder(keys))
    properties = factory.file_encryption_properties(
        connection,
        EncryptionConfiguration(**settings),
        parquet_file_path=None if folder is None else str(folder / "one.parquet"),
    )
    target = pa.BufferOutputStream()
    with pq.ParquetWriter(target, table.schema, encryption_properties=properties, **write) as writer:
        writer.write_table(table)
    content = target.getvalue().to_pybytes()
    size = 0 if any(pa.types.is_dictionary(kind) for kind in table.schema.types) else _measured(table)
    file = SealedFile(len(content), hashlib.sha256(content).hexdigest(), table.num_rows, size)
    return Sealed([content], [file], keys, schema_names(table.schema))


def with_groups(made: Sealed, count: int) -> Sealed:
    """The file with a footer of so many row groups that have nothing, authenticated as its own was."""
    content = made.only
    outer = outline(io.BytesIO(content), len(content))
    number = bytes([count & 0x7F | 0x80, count >> 7 & 0x7F | 0x80, count >> 14])
    told = (
        bytes.fromhex("15 04 19 2c") + _ONE_COLUMN + bytes.fromhex("16 00 19 fc") + number + bytes(count + 1)
    )
    dek = KeyHolder(made.keys).unwrap(outer.material.wrapped, outer.material.key_id)
    module = bytes(12) + AESGCM(dek).encrypt(bytes(12), told, outer.file_id + bytes([Kind.FOOTER]))
    prefixed = len(module).to_bytes(4, "little") + module
    length = outer.footer_at - outer.modules_end + len(prefixed)
    return replace(
        made, contents=[content[: outer.footer_at] + prefixed + length.to_bytes(4, "little") + b"PARE"]
    )


def _measured(table: pa.Table) -> int:
    try:
        return decoded_bytes(table)
    except KeyError:
        return 0


def _reading(keys: dict[str, Secret]) -> Any:
    factory, connection = crypto_factory(KeyHolder(keys))
    return factory.file_decryption_properties(connection)
