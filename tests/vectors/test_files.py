"""Runs the vectors of sealed files, of what is in them, and of folders."""

from __future__ import annotations

import base64
import io
import tempfile
import unicodedata
from typing import Any

import pytest
from vectors.vector import Vector, load, names

from shanhai.courier import cell
from shanhai.exchange.failures import Refused
from shanhai.exchange.folders import Listed, Part, Rebuild
from shanhai.exchange.parquet.decrypt import Declared, read_granted
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.parquet.walk import walk
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, check_files

WANTED = {
    *("file-altered", "file-truncated", "file-omitted", "file-added", "files-swapped-names"),
    *("file-from-older-set", "size-lies", "plaintext-footer", "plaintext-column", "plaintext-leaf-of-struct"),
    *("plaintext-column-zstd-no-stats", "column-under-footer-key", "algorithm-ctr", "key-128"),
    *("double-wrapped", "external-key-material", "oversized-footer", "footer-length-beyond-file"),
    *("key-id-reveals-name", "odd-column-names", "file-malformed", "too-many-modules"),
    *(
        "parser-abort",
        "dek-wrong",
        "schema-differs",
        "rows-differ",
        "parser-hang",
        "parser-memory",
        "dictionary-bomb",
    ),
    *("nesting-bomb", "withheld-column-metadata", "withheld-column-filter"),
    *("path-dotdot", "path-absolute", "path-backslash", "path-drive", "path-nul-control-bidi"),
    *("path-casefold-duplicate", "path-nfc-nfd-duplicate", "path-file-and-folder", "path-windows-reserved"),
    *("path-too-long", "mode-setuid", "mode-link", "part-missing", "part-duplicate", "part-reordered"),
    *("content-digest-wrong", "too-many-files", "large-rows"),
}
"""Names that the design gives to these groups."""

VECTORS = names("set", "contents", "files")


def test_every_name_has_a_vector():
    assert set(VECTORS) >= WANTED


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vector(name: str):
    vector = load(VECTORS[name])
    assert (vector.name, vector.file) == (name, VECTORS[name])
    assert run(vector) == vector.expect


def run(vector: Vector) -> dict[str, Any]:
    try:
        return {"passes": OPERATIONS[vector.operation](vector.given)}
    except Refused as refused:
        told = {"refused": refused.code, "stage": refused.stage.value}
        return told | ({"field": refused.field} if "field" in vector.expect else {})


def content(given: dict[str, Any]) -> bytes:
    data = base64.b64decode(given["file"])
    zeros = given.get("zeros", {"at": 0, "count": 0})
    return data[: zeros["at"]] + bytes(zeros["count"]) + data[zeros["at"] :]


def keks(given: dict[str, Any]) -> dict[str, Secret]:
    return {key_id: Secret(base64.b64decode(kek)) for key_id, kek in given["keys"].items()}


def declared(given: dict[str, Any]) -> Declared:
    told = given["declared"]
    return Declared(told["rows"], told["decoded_bytes"], {c["name"]: c["type"] for c in told["columns"]})


def run_outline(given: dict[str, Any]) -> dict[str, Any]:
    data = content(given)
    outline(io.BytesIO(data), len(data))
    return {}


def run_walk(given: dict[str, Any]) -> dict[str, Any]:
    data = content(given)
    walked = walk(io.BytesIO(data), len(data), KeyHolder(keks(given)))
    assert walked.only_counted == 0
    return {"rows": walked.footer.rows}


def run_files(given: dict[str, Any]) -> dict[str, Any]:
    named = tuple(SetFile(one["sha256"], one["size"]) for one in given["named"])
    found = {one["name"]: (one["size"], one["sha256"]) for one in given["found"]}
    check_files(SetStatement("0" * 32, "0" * 64, "0" * 64, named, "0" * 64), found)
    return {}


def run_read(given: dict[str, Any]) -> dict[str, Any]:
    data, keys = content(given), KeyHolder(keks(given))
    granted = read_granted(
        io.BytesIO(data), len(data), keys, columns=given["columns"], declared=declared(given)
    )
    rows = sum(batch.num_rows for batch in granted.batches)
    return {"rows": rows, "asked": sorted(set(keys.asked))}


def run_cell(given: dict[str, Any]) -> dict[str, Any]:
    data = content(given)
    job = cell.Job(len(data), given["columns"], keks(given), declared(given))
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as out:
        file.write(data)
        file.flush()
        try:
            parsed = cell.parse(file, out, job, cell=cell.Cell(**given.get("limits", {})))
        except Refused:
            assert out.seek(0, io.SEEK_END) == 0
            raise
        rows = sum(batch.num_rows for batch in cell.rows_of(out, job))
    return {"rows": rows, "asked": sorted(parsed.asked)}


def run_folder(given: dict[str, Any]) -> dict[str, Any]:
    rebuild = Rebuild([Listed(one["path"], one["size"], one["sha256"]) for one in given["listing"]])
    written: dict[str, bytes] = {}
    for row in given["rows"]:
        whole = bytes(row["zeros"]) + base64.b64decode(row["content"])
        piece = rebuild.take(Part(row["path"], row["mode"], row["part"], whole))
        assert piece.first == (piece.path not in written)
        written[piece.path] = written.get(piece.path, b"") + piece.content
    rebuild.finish()
    return {"files": len(written)}


OPERATIONS = {
    "outline": run_outline,
    "walk": run_walk,
    "files": run_files,
    "read": run_read,
    "cell": run_cell,
    "folder": run_folder,
}


def test_what_is_one_name_composed_and_decomposed_is_that():
    composed, decomposed = (one["path"] for one in load(VECTORS["path-nfc-nfd-duplicate"]).given["listing"])
    assert composed != decomposed
    assert unicodedata.normalize("NFC", decomposed) == composed
    assert unicodedata.normalize("NFD", composed) == decomposed


def test_vectors_are_small():
    assert all(file.stat().st_size <= 1 << 16 for file in VECTORS.values())
