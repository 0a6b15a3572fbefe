"""What a query could do if no list had refused it: nothing, and not for long."""

from __future__ import annotations

import pytest

from shanhai.errors import ContractError, StoreError
from shanhai.quality import queries
from shanhai.quality.enclosure import Asked, ask
from shanhai.quality.queries import check_queries, run_queries
from tests.support.queried import contract, query

LOCKED = {
    "SELECT count(*) FROM read_text('{secret}')": "PermissionException",
    "SELECT count(*) FROM '{secret}'": "PermissionException",
    "SELECT count(*) FROM glob('{folder}/*')": "PermissionException",
    "COPY (SELECT 1) TO '{folder}/out.csv'": "PermissionException",
    "ATTACH '{folder}/new.duckdb'": "PermissionException",
    "SET enable_external_access = true": "InvalidInputException",
    "SET memory_limit = '1TB'": "InvalidInputException",
    "LOAD httpfs": "PermissionException",
    "CREATE TABLE main.t AS SELECT 1": "InvalidInputException",
    "DROP TABLE checked": "InvalidInputException",
    "SELECT count(*) FROM REFUSED": "CatalogException",
}


@pytest.mark.parametrize("sql", LOCKED)
def test_the_connection_could_not_do_it_either(database, tmp_path, monkeypatch, sql):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    monkeypatch.setattr(queries, "check_query", lambda sql, columns: None)
    text = sql.format(secret=tmp_path / "secret.csv", folder=tmp_path)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ContractError) as caught:
        run_queries(contract(query(text)), database)

    assert caught.value.given == LOCKED[sql]
    assert sorted(tmp_path.iterdir()) == before


LONG = "lpad('a', 300000, 'b')"
BOMBS = {
    "a cross join": "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = b.range % 5",
    "a long range": "SELECT sum(sqrt(range)) FROM range(1000000000000)",
    "a long series": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "a sort": "SELECT max(r) FROM (SELECT range AS r FROM range(10000000000) ORDER BY r DESC OFFSET 9)",
    "a limit that is counted": "SELECT 1 FROM delivery LIMIT (SELECT count(*) FROM range(1000000000000))",
    "one step that hears nothing": f"SELECT levenshtein({LONG}, reverse({LONG}))",
}
GREEDY = {
    "many distinct texts": "SELECT count(DISTINCT rpad('x', 100000, 'y') || range) FROM range(100000)",
    "a long text": "SELECT length(rpad(meter_id, 2000000000, 'y')) FROM delivery",
    "a text in a text": "SELECT length(replace(lpad('a', 60000, 'b'), 'b', lpad('a', 60000, 'b')))",
    "a long list": "SELECT list_sum(range(1000000000))",
}
"""Texts and lists are memory that no limit of the engine counts."""


@pytest.mark.parametrize("case", BOMBS)
def test_a_query_without_end_is_ended(database, case):
    with pytest.raises(ContractError, match="takes too long") as caught:
        run_queries(contract(query(BOMBS[case])), database, time_limit=0.5)
    assert caught.value.allowed == "0.5 s"


@pytest.mark.parametrize("case", GREEDY)
def test_memory_is_bounded(database, case):
    config = {"memory_limit": "100MB", "max_temp_directory_size": "0KB"}
    with pytest.raises(ContractError, match="failed") as caught:
        run_queries(contract(query(GREEDY[case])), database, config=config)
    assert caught.value.given in ("OutOfMemoryException", "MemoryError", "Died")


def test_what_is_constant_is_bounded_before_there_is_any_data(monkeypatch):
    """The engine computes it while it describes the query."""
    monkeypatch.setattr(queries, "TIME_LIMIT", 0.5)
    constant = "SELECT count(*) FROM range(levenshtein(lpad('a', 300000, 'b'), lpad('c', 300000, 'd')))"
    with pytest.raises(ContractError, match="takes too long"):
        check_queries(contract(query(constant)))


def test_what_a_query_spills_is_gone_with_it(database, tmp_path):
    spill = tmp_path / "spill"
    asked = query("SELECT count(*) FROM (SELECT DISTINCT range FROM range(3000000))", mustBe=3000000)
    config = {"temp_directory": str(spill), "memory_limit": "30MB"}
    (result,) = run_queries(contract(asked), database, config=config)
    assert result.success
    assert list(spill.iterdir()) == []


def test_the_process_of_a_query_has_no_environment(monkeypatch):
    monkeypatch.setenv("SHANHAI_TEST_SECRET", "hunter2")
    looking = "CREATE TABLE seen AS SELECT content FROM read_text('/proc/self/environ')"
    told = ask(Asked("SELECT sum(length(content)) FROM seen", (looking,), seconds=60))
    assert told.rows == ((0,),)


def test_a_delivery_that_cannot_be_opened_is_no_fault_of_the_contract(tmp_path):
    with pytest.raises(StoreError, match="could not be opened"):
        run_queries(contract(query()), tmp_path / "absent.duckdb")
