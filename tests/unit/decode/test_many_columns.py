"""Tables of thousands of columns: read where memory holds a batch of records, else refused for good."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Contract, CsvFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import BodyFile, decode
from shanhai.ingest.decode.raw_table import COLUMNS_HELD, create_raw, insert_raw


def wide(columns: int) -> Contract:
    return plain_contract(
        "longyou.samples",
        *(Column(name=f"c{number}", source=f"c{number}", type="string") for number in range(columns)),
        level="community",
        format=CsvFormat(),
        path=Path("districts/longyou/samples.odcs.yml"),
    )


def read(columns: int, tmp_path: Path, memory: str) -> list[tuple[str]]:
    body, contract = tmp_path / "wide.csv", wide(columns)
    body.write_text(",".join(contract.names) + "\n" + ",".join(["1"] * columns) + "\n")
    with duckdb.connect(config={"memory_limit": memory, "threads": "2"}) as con:
        decode(con, contract, [BodyFile("body-1", body)], tmp_path)
        return con.execute(f"SELECT c0, c{columns - 1} FROM raw").fetchall()


def test_a_table_too_wide_for_memory_is_refused_and_not_tried_again(tmp_path):
    with pytest.raises(UnreadableError, match=rf"3000 columns.*{COLUMNS_HELD} columns for certain"):
        read(3000, tmp_path, "100MB")
    assert read(3000, tmp_path, "4GB") == [("1", "1")]


def test_a_table_that_is_not_wide_may_be_tried_again():
    with duckdb.connect(config={"memory_limit": "20MB", "threads": "1", "temp_directory": ""}) as con:
        create_raw(con, wide(1))
        with pytest.raises(duckdb.OutOfMemoryException):
            insert_raw(
                con,
                ["x"],
                "body-1",
                "NULL, NULL FROM (SELECT repeat('x', 99999999) || range AS x FROM range(3))",
            )
