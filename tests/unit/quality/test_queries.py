"""Queries in a contract: what may be asked, what is refused, and what can be done even if it were not."""

from __future__ import annotations

import logging
from decimal import Decimal

import duckdb
import pytest
from pydantic import ValidationError

from shanhai.contracts.queries import OPERATORS
from shanhai.errors import ContractError, DeniedError
from shanhai.quality.guard import check_query
from shanhai.quality.queries import check_queries, run_queries
from shanhai.quality.query_words import ALL_FUNCTIONS, CLOCK_AND_SESSION
from shanhai.quality.verdict import decide_verdict
from tests.support.queried import COLUMNS, contract, query

ALLOWED = {
    "SELECT count(*) FROM {object}": "3",
    "SELECT count(*) FROM ${object}": "3",
    "FROM delivery SELECT sum(volume_m3)": "8.000",
    "SELECT count(DISTINCT meter_id) = 2 FROM delivery": "true",
    "SELECT avg(volume_m3) FROM delivery WHERE meter_id = 'A'": "2.0",
    "SELECT max(pulse) FROM delivery WHERE meter_id = 'B'": "nothing",
    "WITH d AS (SELECT *, lag(volume_m3) OVER (PARTITION BY meter_id ORDER BY read_at) AS before "
    "FROM delivery) SELECT count(*) FILTER (WHERE volume_m3 < before) FROM d": "0",
    "SELECT count(*) FROM delivery a JOIN delivery b USING (meter_id) WHERE a.read_at < b.read_at": "1",
    "SELECT count(*) FROM (SELECT meter_id FROM delivery GROUP BY ALL HAVING count(*) > 1)": "1",
    "SELECT date_diff('hour', min(read_at), max(read_at)) FROM delivery -- one day has 24": "1",
    "SELECT count(*) FROM range(5)": "5",
    "SELECT count(*) FROM delivery WHERE NOT EXISTS (SELECT 1 FROM delivery x WHERE x.pulse > 4)": "3",
}

REFUSED = {
    "writes": "CREATE TABLE t AS SELECT 1",
    "inserts": "INSERT INTO delivery VALUES ('A')",
    "drops": "DROP VIEW delivery",
    "copies out": "COPY delivery TO '/tmp/out.csv'",
    "exports": "EXPORT DATABASE '/tmp/out'",
    "attaches": "ATTACH '/tmp/other.duckdb' AS other",
    "installs": "INSTALL httpfs",
    "loads": "LOAD httpfs",
    "sets": "SET enable_external_access = true",
    "resets": "RESET memory_limit",
    "a pragma": "PRAGMA database_list",
    "a call": "CALL duckdb_settings()",
    "explains": "EXPLAIN ANALYZE SELECT 1",
    "describes": "DESCRIBE delivery",
    "summarizes": "SUMMARIZE delivery",
    "shows": "SHOW TABLES",
    "prepares": "PREPARE p AS SELECT 1",
    "several statements": "SELECT 1; SELECT 2",
    "a second one behind a comment": "SELECT count(*) FROM delivery /* ; */; -- harmless\nDROP VIEW delivery",
    "nothing": "  ",
    "a comment only": "-- SELECT 1",
    "a parameter": "SELECT $1",
    "a file as table": "SELECT count(*) FROM '/etc/passwd'",
    "a file by quoted name": 'SELECT count(*) FROM "data.parquet"',
    "a file behind a relation of another part": 'SELECT (WITH "x.csv" AS (SELECT 1) SELECT 1) '
    "+ (SELECT count(*) FROM 'x.csv')",
    "a file in a relation of its name": "WITH \"x.csv\" AS (SELECT * FROM 'x.csv') "
    'SELECT count(*) FROM "x.csv"',
    "reads a file": "SELECT count(*) FROM read_csv('/etc/passwd')",
    "reads a text": "SELECT length(content) FROM read_text('/etc/passwd')",
    "reads bytes": "SELECT count(*) FROM read_blob('/etc/passwd')",
    "lists files": "SELECT count(*) FROM glob('/etc/*')",
    "lists files by words": "SELECT count(*) FROM gLoB('/*')",
    "sniffs": "SELECT count(*) FROM sniff_csv('/etc/passwd')",
    "a query in a text": "SELECT * FROM query('SELECT 1')",
    "a table in a text": "SELECT count(*) FROM query_table('checked')",
    "secrets": "SELECT count(*) FROM duckdb_secrets()",
    "settings": "SELECT count(*) FROM duckdb_settings()",
    "a pragma as function": "SELECT count(*) FROM pragma_version()",
    "a setting": "SELECT length(current_setting('home_directory'))",
    "the environment": "SELECT length(getenv('HOME'))",
    "a variable": "SELECT getvariable('x')",
    "another relation": "SELECT count(*) FROM checked",
    "another schema": "SELECT count(*) FROM main.checked",
    "the catalogue": "SELECT count(*) FROM information_schema.tables",
    "the catalogue by a view": "SELECT count(*) FROM duckdb_tables",
    "the catalogue under its own name": "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) "
    "SELECT count(*) FROM duckdb_tables",
    "recursion": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "chance": "SELECT random() < 0.5",
    "a sample": "SELECT count(*) FROM delivery TABLESAMPLE 10%",
    "a sample at the end": "SELECT count(*) FROM delivery USING SAMPLE 2",
    "the clock": "SELECT now() > max(read_at) FROM delivery",
    "the day": "SELECT max(read_at) < current_date FROM delivery",
    "the session": "SELECT length(current_user)",
    "an unordered list": "SELECT length(string_agg(meter_id, ',')) FROM delivery",
    "any row": "SELECT any_value(pulse) FROM delivery",
    "a sequence": "SELECT nextval('s')",
    "an error of its own": "SELECT error('x')",
    "sleep": "SELECT sleep_ms(100000)",
    "a type of its own": "SELECT CAST(pulse AS foo) FROM delivery",
    "full-width letters": "ＳＥＬＥＣＴ 1",
    "another alphabet's delivery": "SELECT count(*) FROM dеlivery",
    "quotes of a word processor": "SELECT count(*) FROM “delivery”",
    "a direction mark": "SELECT count(*) FROM \u202edelivery",
    "a function of another schema": "SELECT length(system.main.getenv('HOME'))",
    "a function behind a dot": "SELECT length(meter_id.getenv()) FROM delivery",
    "an aggregate by its name": "SELECT list_aggregate([1], 'string_agg')",
    "a lambda that looks around": "SELECT list_transform([1], x -> getenv('HOME')) = []",
    "a comprehension that looks around": "SELECT [getenv(x) FOR x IN ['HOME']] = []",
    "a replaced column": "SELECT count(*) FROM (SELECT * REPLACE (getenv('HOME') AS pulse) FROM delivery)",
    "a lateral file": "SELECT count(*) FROM delivery, LATERAL (SELECT * FROM read_text(meter_id))",
    "a file in a condition": "SELECT count(*) FROM delivery WHERE meter_id IN (FROM read_text('/etc/x'))",
    "a file behind FROM": "FROM '/etc/passwd'",
    "a file of another kind": "SELECT count(*) FROM parquet_scan('/tmp/x')",
    "records of a file": "SELECT count(*) FROM read_json_auto('/etc/passwd')",
    "a database of a file": "SELECT count(*) FROM sqlite_scan('/tmp/x', 't')",
    "a database of a server": "SELECT count(*) FROM postgres_scan('host=localhost', 'public', 't')",
    "a table at an address": "SELECT count(*) FROM delta_scan('s3://x')",
    "a query as JSON": "SELECT count(*) FROM json_execute_serialized_sql('{}')",
    "a file of the server": "SELECT length(pg_read_file('/etc/passwd'))",
    "a file in the frame of a window": "SELECT sum(pulse) OVER (ROWS length(f()) PRECEDING) FROM delivery",
    "a named window": "SELECT sum(pulse) OVER w FROM delivery WINDOW w AS (ORDER BY getenv('HOME'))",
    "the order of an aggregate": "SELECT sum(pulse ORDER BY getenv('HOME')) FROM delivery",
    "the filter of an aggregate": "SELECT count(*) FILTER (WHERE getenv('HOME') = '') FROM delivery",
    "the first of each": "SELECT DISTINCT ON (getenv('HOME')) 1 FROM delivery",
    "a limit": "SELECT 1 FROM delivery LIMIT length(getenv('HOME'))",
    "an offset": "SELECT 1 FROM delivery OFFSET (SELECT length(getenv('HOME')))",
    "a group": "SELECT 1 FROM delivery GROUP BY getenv('HOME')",
    "a condition on groups": "SELECT 1 FROM delivery GROUP BY ALL HAVING getenv('HOME') = ''",
    "a condition on windows": "SELECT 1 FROM delivery QUALIFY getenv('HOME') = ''",
    "another catalogue": "SELECT count(*) FROM temp.main.delivery",
    "an older version": "SELECT count(*) FROM delivery AT (VERSION => 1)",
    "a description as relation": "SELECT count(*) FROM (DESCRIBE delivery)",
    "a summary as relation": "SELECT count(*) FROM (SUMMARIZE delivery)",
    "writing in a common table": "WITH d AS (DELETE FROM delivery RETURNING *) SELECT count(*) FROM d",
    "recursion by key": "WITH RECURSIVE r(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM r) "
    "SELECT count(*) FROM r",
    "a type of an extension": "SELECT CAST(meter_id AS JSON) = '' FROM delivery",
    "a type with values": "SELECT CAST(meter_id AS ENUM('a')) = 'a' FROM delivery",
    "a log": "SELECT write_log('x') IS NULL",
    "a configuration": "SELECT set_config('x', 'y')",
    "the day by another name": "SELECT max(read_at) < today() FROM delivery",
    "an age": "SELECT max(age(read_at)) > INTERVAL 1 DAY FROM delivery",
    "an identifier of chance": "SELECT uuid() = ''",
    "the same row for ever": "SELECT count(*) FROM repeat(1, 1000000000000)",
    "a pivot": "PIVOT delivery ON meter_id USING count(*)",
    "deep": "SELECT " + "NOT " * 900 + "true",
}


@pytest.mark.parametrize("sql", ALLOWED)
def test_a_query_counts_the_rows_that_break_no_rule(database, sql):
    asked = contract(query(sql))
    check_queries(asked)
    (result,) = run_queries(asked, database)
    assert result.given == ALLOWED[sql]


@pytest.mark.parametrize("case", REFUSED)
def test_a_query_that_could_do_anything_else_is_refused(case):
    with pytest.raises(DeniedError, match="the query"):
        check_query(REFUSED[case], [column.name for column in COLUMNS])


@pytest.mark.parametrize(
    "case", ["writes", "attaches", "a pragma", "several statements", "reads a file", "deep"]
)
def test_it_is_refused_with_its_contract_and_again_before_it_runs(database, case):
    asked = contract(query(REFUSED[case]))
    for refuse in (check_queries, lambda asked: run_queries(asked, database)):
        with pytest.raises(ContractError, match="quality asked") as caught:
            refuse(asked)
        assert (caught.value.file, caught.value.line) == ("districts/longyou/meters.odcs.yml", 7)


WRONG = {
    "SELECT meter_id FROM delivery LIMIT 1": "gives no number",
    "SELECT 1, 2": "gives no number",
    "SELECT count(*) FROM delivery WHERE litres > 1": "cannot be evaluated",
    "SELECT sum(meter_id) FROM delivery": "cannot be evaluated",
}


@pytest.mark.parametrize("sql", WRONG)
def test_a_wrong_query_is_refused_with_its_contract(sql):
    with pytest.raises(ContractError, match=WRONG[sql]):
        check_queries(contract(query(sql)))


def test_a_query_of_many_rows_is_no_answer(database):
    with pytest.raises(ContractError, match="gives no single answer"):
        run_queries(contract(query("SELECT pulse FROM delivery")), database)


def test_no_value_of_a_row_reaches_an_error(database, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ContractError) as caught:
        run_queries(contract(query("SELECT sum(CAST(meter_id AS INTEGER)) FROM delivery")), database)
    assert caught.value.given == "ConversionException"
    assert "'A'" not in str(caught.value) + caplog.text


def test_a_query_of_a_column_names_it(database):
    asked = query("SELECT count(*) FROM {object} WHERE {property} IS NULL", column="pulse", mustBeLessThan=2)
    check_queries(contract(asked))
    (result,) = run_queries(contract(asked), database)
    assert (result.given, result.success, asked.allowed) == ("1", True, "< 2")


@pytest.mark.parametrize(
    ("stated", "holding", "failing"),
    [
        ({"mustBe": 5}, [5, 5.0], [4, None, float("nan")]),
        ({"mustBe": True}, [True], [False, None]),
        ({"mustNotBe": 5}, [4], [5, None, float("nan")]),
        ({"mustBeGreaterThan": 5}, [5.1], [5]),
        ({"mustBeGreaterOrEqualTo": 5}, [5], [4.9]),
        ({"mustBeLessThan": 0.1}, [0.09], [0.1, float(Decimal("0.1"))]),
        ({"mustBeLessOrEqualTo": 0.1}, [0.1, float(Decimal("0.1"))], [0.11]),
        ({"mustBeBetween": [1, 3]}, [1, 3], [0.9, 3.1, None]),
        ({"mustNotBeBetween": [1, 3]}, [0.9, 3.1], [1, 3, None]),
    ],
)
def test_operators(stated, holding, failing):
    asked = query(**stated)
    assert [asked.holds(answer) for answer in holding] == [True] * len(holding)
    assert [asked.holds(answer) for answer in failing] == [False] * len(failing)


def test_every_operator_of_the_standard_is_followed():
    from shanhai.contracts.odcs import validator

    stated = validator().schema["$defs"]["DataQualityOperators"]["oneOf"]
    assert [name for one in stated for name in one["properties"]] == list(OPERATORS)


@pytest.mark.parametrize(
    "stated", [{"mustBe": "five"}, {"mustBeBetween": [3, 1]}, {"mustBe": float("inf")}, {"severity": "fatal"}]
)
def test_a_limit_is_a_number(stated):
    with pytest.raises(ValidationError):
        query(**{"mustBe": 3, **stated} if "severity" in stated else stated)


@pytest.mark.parametrize(
    ("severity", "state"), [("info", "accepted"), ("warning", "held"), ("error", "refused")]
)
def test_a_failed_query_decides_by_its_severity(database, severity, state):
    asked = query(mustBeGreaterThan=10, severity=severity, description="ten meters report")
    results = run_queries(contract(asked), database)
    verdict = decide_verdict(contract(asked), rows_in=5, bad_rows=0, queries=results)
    told = "quality asked: 3, must be > 10 (ten meters report)"
    assert (verdict.state, verdict.reasons) == (state, () if state == "accepted" else (told,))


def test_no_listed_function_has_side_effects_or_looks_around():
    listed = ", ".join(f"'{name}'" for name in sorted(ALL_FUNCTIONS))
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name IN ({listed}) "
            "AND (has_side_effects OR stability <> 'CONSISTENT')"
        ).fetchall()
        bound = {name: _takes_for_function(con, name) for name in CLOCK_AND_SESSION}
    assert found == []
    assert all(bound.values()), bound


def _takes_for_function(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    try:
        con.execute(f"SELECT {name}")
    except duckdb.Error:
        return name == "current_database"
    return True
