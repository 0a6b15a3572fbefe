"""Runs the vectors of the group `shape`: what leaves, in which order, and which rule says no."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from vectors.columns import VILLAGE
from vectors.shape import GROUP, vectors
from vectors.shape_cases import case_of, columns_of, shape_of
from vectors.vector import names

from shanhai.contracts.schema import duckdb_type
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.governance.policy import decide
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import scan_sql
from shanhai.governance.subjects import Counted, complement_sql, difference_sql, groups_sql
from shanhai.warehouse import pins

WANTED = {
    *("dictionary-keeps-filtered-rows", "enum-keeps-values", "deleted-rows-of-delta"),
    *("metadata-comments-stripped", "row-order-leaks-masked", "row-filter-on-masked-column"),
    "row-order-leaks-withheld",
    *(
        "mask-unknown",
        "mask-short-chinese-name",
        "mask-sha-on-resident-id",
        "mask-sha-on-integer",
        "mask-null",
    ),
    *("k-rows-not-subjects", "k-complement", "k-difference-between-versions", "k-columns-of-one-set"),
    *("core-column-without-named-grant", "onward-without-consent", "purpose-differs"),
}
"""The names that the design gives to the group."""

FILES = names(GROUP)
READ = [json.loads(file.read_text(encoding="utf-8")) for file in FILES.values()]


def of(operation: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in READ if vector["operation"] == operation]


def test_every_name_has_a_vector():
    assert [vector["name"] for vector in READ] == list(FILES)
    assert FILES.keys() >= WANTED
    assert len(of("scan")) + len(of("shape")) + len(of("judge")) == len(FILES)


def test_the_files_are_what_the_generator_writes():
    assert {vector.name: vector.text() for vector in vectors()} == {
        name: file.read_text(encoding="utf-8") for name, file in FILES.items()
    }


@pytest.mark.parametrize("vector", of("scan"))
def test_leaves(vector, con, tmp_path):
    given, passes = vector["given"], vector["expect"]["passes"]
    shape = shape_of(given)
    held = lay_out(con, given, tmp_path)
    found = released(con, shape, held, given["salt"])
    assert sorted(rows_of(found), key=str) == sorted(passes["rows"], key=str)
    assert found.column_names == list(shape.physical)
    assert found.schema.metadata is None
    assert not any(entry.metadata or pa.types.is_dictionary(entry.type) for entry in found.schema)
    assert not [text for text in passes["absent"] if tells(found, text)]


@pytest.mark.parametrize("vector", of("scan"))
def test_leaves_in_one_order_whatever_the_order_before(vector, con, tmp_path):
    given = vector["given"]
    turned = {**given, "rows": list(reversed(given["rows"]))}
    first, second = (
        released(con, shape_of(given), lay_out(con, one, tmp_path / name), given["salt"])
        for name, one in (("first", given), ("second", turned))
    )
    assert first.equals(second)


@pytest.mark.parametrize("vector", of("scan"))
def test_leaves_in_an_order_that_is_a_function_of_what_leaves(vector, con, tmp_path):
    """Rows that were as they leave before they were masked and filtered leave in the same order."""
    given = vector["given"]
    shape = shape_of(given)
    found = released(con, shape, lay_out(con, given, tmp_path), given["salt"])
    con.register("leaving", found.rename_columns(list(shape.names)))
    bare = replace(shape, row_filter=None, masks={})
    assert rows_of(con.execute(scan_sql(bare, "leaving")).to_arrow_table()) == rows_of(found)


@pytest.mark.parametrize(
    "vector",
    [param for param in of("scan") if param.values[0]["given"]["held_as"] in ("enum", "delta-deleted")],
)
def test_what_stays_would_be_found(vector, con, tmp_path):
    """The look for bytes is worth something: it finds them where rows are handed on as they are held."""
    given = vector["given"]
    held = lay_out(con, given, tmp_path)
    if given["held_as"] == "enum":
        naive = con.execute(f"SELECT * FROM {held} WHERE visits > 1").to_arrow_table()
    else:
        naive = con.execute(f"SELECT * FROM read_parquet('{tmp_path}/delta/*.parquet')").to_arrow_table()
    assert any(tells(naive, text) for text in vector["expect"]["passes"]["absent"])


@pytest.mark.parametrize("vector", of("shape"))
def test_is_no_shape(vector):
    with pytest.raises(ShapeRefusedError) as refused:
        shape_of(vector["given"])
    assert {"refused": refused.value.code, "stage": "shape"} == vector["expect"]


@pytest.mark.parametrize("vector", of("judge"))
def test_is_judged(vector, con):
    given = vector["given"]
    counted = measured(con, given) if "measure" in given else None
    decision = decide(case_of(given, vector["now"], counted=counted))
    if "passes" in vector["expect"]:
        assert decision.allowed, [one.words("en") for one in decision.denials]
        return
    assert not decision.allowed
    (code,) = {denial.finding.code for denial in decision.denials}
    found = {"refused": code, "stage": "policy", "rule": decision.rule}
    assert found == vector["expect"]


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def released(con, shape, relation: str, salt: str) -> pa.Table:
    bound = {"salt": bytes.fromhex(salt)} if shape.needs_salt else None
    return con.execute(scan_sql(shape, relation), bound).to_arrow_table()


def rows_of(found: pa.Table) -> list[list[Any]]:
    return [list(map(plain, row.values())) for row in found.to_pylist()]


def lay_out(con, given: dict[str, Any], folder: Path) -> str:
    """The rows as the vector says that they are held; SQL of them."""
    columns = columns_of(given["columns"])
    types = ", ".join(f"{quote_identifier(one.name)} {duckdb_type(one)}" for one in columns)
    con.execute(f"CREATE OR REPLACE TABLE held ({types})")
    con.executemany(f"INSERT INTO held VALUES ({', '.join('?' * len(columns))})", given["rows"])
    match given["held_as"]:
        case "table":
            return "held"
        case "enum":
            con.execute("DROP TYPE IF EXISTS places")
            con.execute("CREATE TYPE places AS ENUM (SELECT DISTINCT village FROM held ORDER BY 1)")
            return "(SELECT village::places AS village, visits FROM held)"
        case "dictionary":
            table = con.table("held").to_arrow_table()
            con.register("encoded", table.set_column(0, "village", table["village"].dictionary_encode()))
            return "encoded"
        case "commented":
            con.execute("COMMENT ON TABLE held IS 'SENTINEL-COMMENT'")
            con.execute("COMMENT ON COLUMN held.village IS 'SENTINEL-COMMENT'")
            noted = pa.field("village", pa.string(), metadata={"comment": "SENTINEL-COMMENT"})
            table = con.table("held").to_arrow_table()
            schema = pa.schema([noted, table.schema.field(1)], metadata={"comment": "SENTINEL-COMMENT"})
            con.register("commented", table.cast(schema))
            return "commented"
        case "delta-deleted":
            path = folder / "delta"
            write_deltalake(path, con.table("held").to_arrow_table())
            DeltaTable(path).delete("visits = 1")
            return pins.relation(DeltaTable(path), path)
        case other:
            raise ValueError(other)


def measured(con, given: dict[str, Any]) -> Counted:
    measure, shape = given["measure"], shape_of(given).shape_id

    def rows(of: list[list[str]]) -> str:
        listed = ", ".join(f"({', '.join(map(quote_literal, row))})" for row in of)
        return f"(SELECT * FROM (VALUES {listed}) AS v({', '.join(measure['columns'])}))"

    now = rows(measure["rows"])
    asked = {key: measure[key] for key in ("subject", "by", "condition")}
    group, fewest = con.execute(groups_sql(now, **asked)).fetchone()
    (behind,) = con.execute(complement_sql(now, **asked)).fetchone()
    differences = [
        con.execute(difference_sql(rows(before), now, **asked)).fetchone()[0]
        for before in measure["earlier"].values()
    ]
    return Counted(
        measure=(given["request"]["version"], shape),
        columns=frozenset(measure["by"]),
        smallest_group=group,
        smallest_rows=fewest,
        smallest_complement=behind,
        compared_with=frozenset((int(version), shape) for version in measure["earlier"]),
        smallest_difference=min((one for one in differences if one), default=None),
    )


def tells(table: pa.Table, text: str) -> bool:
    """Whether a text is in any byte that the table holds, or in its schema."""
    wanted = text.encode()
    buffers = [buffer for column in table.columns for chunk in column.chunks for buffer in every(chunk)]
    return any(wanted in bytes(buffer) for buffer in [*buffers, table.schema.serialize()])


def every(chunk: pa.Array) -> list[pa.Buffer]:
    inner = every(chunk.dictionary) if isinstance(chunk, pa.DictionaryArray) else []
    return [buffer for buffer in chunk.buffers() if buffer is not None] + inner


def plain(cell: Any) -> Any:
    match cell:
        case datetime() | date():
            return cell.isoformat()
        case Decimal():
            return str(cell)
        case _:
            return cell


def test_another_contract_column_is_another_shape():
    """The id of a shape follows types, names, order, rows and masks."""
    base = {"columns": [VILLAGE, {"name": "n", "type": "integer"}]}
    stated = {"names": ["village", "n"], "row_filter": None, "masks": {}}
    ids = {
        shape_of({**base, "shape": {**stated, **change}}).shape_id
        for change in (
            {},
            {"names": ["n", "village"]},
            {"names": ["village"]},
            {"row_filter": "n > 1"},
            {"masks": {"n": "mask-to-fixed-value"}},
        )
    }
    other = {"columns": [VILLAGE, {"name": "n", "type": "number"}], "shape": stated}
    assert len(ids | {shape_of(other).shape_id}) == 6
    assert all(re.fullmatch(r"[a-z][a-z0-9_./-]{0,127}", one) for one in ids), "as facts want it"
