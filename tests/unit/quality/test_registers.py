"""Registers are read only when their file is the pinned one."""

from __future__ import annotations

import hashlib

import duckdb
import pytest
from plain_contract import plain_contract

from shanhai.contracts.federation import Federation
from shanhai.contracts.model import Column
from shanhai.errors import ConfigurationError
from shanhai.quality.identifiers import area_code
from shanhai.quality.registers import attach_registers

TEXT = "代码,名称\n33,浙江省\n3301,杭州市\n330105,拱墅区\n330105001000,米市巷街道\n330105001001,半道红社区\n"


def contract(*validators):
    return plain_contract(
        "gongshu.grids",
        Column(name="area", source="area", type="string", validators=validators),
    )


@pytest.fixture
def federation(tmp_path):
    (tmp_path / "districts").mkdir()
    (tmp_path / "areas.csv").write_text(TEXT, encoding="utf-8")
    pin(tmp_path, hashlib.sha256(TEXT.encode()).hexdigest())
    return Federation(tmp_path)


def pin(root, digest, column="代码"):
    (root / "districts" / "registers.yml").write_text(
        f"area_code: {{edition: '2023', file: areas.csv, column: {column}, sha256: {digest}}}\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("33", True),
        ("3301", True),
        ("330105", True),
        ("330105001", True),
        ("330105001001", True),
        ("330105000000", True),
        ("330000000000", True),
        ("33010500", False),
        ("330106", False),
        ("330105001002", False),
        ("330105001001000", False),
        ("33010x", False),
        ("", False),
    ],
)
def test_a_code_filled_with_zeros_is_the_same_code(federation, code, known):
    with duckdb.connect() as con:
        attach_registers(con, contract("area_code"), federation)
        assert con.execute(f"SELECT {area_code('code')} FROM (SELECT ? AS code)", [code]).fetchone() == (
            known,
        )


def test_the_register_is_put_where_the_gate_looks_too(federation, tmp_path):
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{tmp_path / 'staged.duckdb'}' AS scratch")
        attach_registers(con, contract("area_code"), federation, catalogues=("main", "scratch"))
        con.execute("DETACH scratch")
    with duckdb.connect(str(tmp_path / "staged.duckdb")) as con:
        assert con.execute(f"SELECT {area_code('code')} FROM (SELECT '330105' AS code)").fetchone() == (True,)


def test_a_contract_that_looks_nothing_up_needs_no_register(tmp_path):
    with duckdb.connect() as con:
        attach_registers(con, contract("resident_id"), Federation(tmp_path))
        assert con.execute("SHOW TABLES").fetchall() == []


def test_another_file_than_the_pinned_one_is_refused_with_both_digests(federation):
    pin(federation.root, "a" * 64)
    with duckdb.connect() as con, pytest.raises(ConfigurationError) as error:
        attach_registers(con, contract("area_code"), federation)
    assert hashlib.sha256(TEXT.encode()).hexdigest() in error.value.given
    assert error.value.allowed == f"sha256 {'a' * 64}"


def test_a_missing_register_file_or_column_is_named(federation):
    pin(federation.root, hashlib.sha256(TEXT.encode()).hexdigest(), column="编码")
    with duckdb.connect() as con, pytest.raises(ConfigurationError, match="编码"):
        attach_registers(con, contract("area_code"), Federation(federation.root))
    (federation.root / "areas.csv").unlink()
    with duckdb.connect() as con, pytest.raises(ConfigurationError, match=r"areas\.csv"):
        attach_registers(con, contract("area_code"), Federation(federation.root))
    (federation.root / "districts" / "registers.yml").unlink()
    with duckdb.connect() as con, pytest.raises(ConfigurationError, match=r"registers\.yml"):
        attach_registers(con, contract("area_code"), Federation(federation.root))
