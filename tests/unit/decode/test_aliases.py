"""A heading that was renamed: old and new deliveries fill the same column."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import samples

from shanhai.contracts.model import Contract, CsvFormat, Format, JsonFormat, NdjsonFormat, ParquetFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import BodyFile, Decoded, decode


def renamed(stated: Format) -> Contract:
    contract = samples(stated, ["编号", "n"])
    first, *others = contract.columns
    first = first.model_copy(update={"aliases": ("代号", "旧编号"), "required": True})
    return contract.model_copy(update={"columns": (first, *others)})


def read(contract: Contract, tmp_path: Path, *bodies: bytes) -> tuple[Decoded, list[tuple[str, ...]]]:
    files = []
    for number, data in enumerate(bodies):
        path = tmp_path / f"b{number}"
        path.write_bytes(data)
        files.append(BodyFile(path.name, path))
    with duckdb.connect() as con:
        decoded = decode(con, contract, files, tmp_path)
        return decoded, con.execute("SELECT c0, c1 FROM raw ORDER BY rowid").fetchall()


def parquet(tmp_path: Path, heading: str) -> bytes:
    pq.write_table(pa.table({heading: ["a"], "n": ["1"]}), tmp_path / "made")
    return (tmp_path / "made").read_bytes()


BODIES = {
    "csv": (CsvFormat(), lambda _, heading: f"{heading},n\na,1\n".encode()),
    "json": (JsonFormat(), lambda _, heading: json.dumps([{heading: "a", "n": "1"}]).encode()),
    "ndjson": (NdjsonFormat(), lambda _, heading: json.dumps({heading: "a", "n": "1"}).encode() + b"\n"),
    "parquet": (ParquetFormat(), parquet),
}


@pytest.mark.parametrize("kind", BODIES)
def test_every_name_of_a_column_fills_it(kind: str, tmp_path: Path):
    stated, make = BODIES[kind]
    bodies = [make(tmp_path, heading) for heading in ("编号", "代号", "旧编号")]
    decoded, rows = read(renamed(stated), tmp_path, *bodies)
    assert rows == [("a", "1")] * 3
    assert (decoded.missing, decoded.unknown) == ((), ())


@pytest.mark.parametrize("kind", BODIES)
def test_a_name_that_nobody_stated_is_missing_and_unknown(kind: str, tmp_path: Path):
    stated, make = BODIES[kind]
    decoded, _ = read(renamed(stated), tmp_path, make(tmp_path, "别名"))
    assert (decoded.missing, decoded.unknown) == (("编号",), ("别名",))


def test_a_body_with_two_names_of_a_column_is_refused(tmp_path: Path):
    with pytest.raises(UnreadableError) as caught:
        read(renamed(CsvFormat()), tmp_path, "编号,代号,n\na,b,1\n".encode())
    assert caught.value.given == "编号, 代号"
