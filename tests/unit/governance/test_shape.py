"""One statement shows what leaves, under names of its own, and a dry run says so without a value."""

from __future__ import annotations

import copy
import json

import duckdb
import pytest
from vectors.shape_cases import COLUMNS, columns_of

from shanhai.contracts.model import Column
from shanhai.governance.leaving import dry_run
from shanhai.governance.refusals import SHAPE_CODES, ShapeRefusedError
from shanhai.governance.shape import count_sql, read_shape, scan_sql

ALL = columns_of(COLUMNS)
ODD = tuple(
    Column(name=name, source=name, type="string")
    for name in ("c0001", "c0000", "released", "original", "select")
)


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE held AS SELECT 'id' || i AS person_id, 'n' AS person_name, "
            "'v' || i % 2 AS village, i % 3 = 0 AS closed, i AS visits, NULL::DATE AS born, "
            "'SECRET' AS narrative, NULL::TIMESTAMPTZ AS seen_at, 'd' AS _delivery FROM range(10) AS r(i)"
        )
        yield connection


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"names": []}, "columns-missing"),
        ({"names": ["village"] * 5000}, "columns-too-many"),
        ({"names": ["village", "other"]}, "column-unknown"),
        ({"names": ["_delivery"]}, "column-unknown"),
        ({"names": ["village", "visits", "village"]}, "column-twice"),
        ({"names": ["village"], "masks": {"visits": "replace-with-null"}}, "mask-of-other-column"),
        ({"names": ["village"], "masks": {"village": "rot13"}}, "mask-unknown"),
        ({"names": ["village"], "masks": {"other": "replace-with-null"}}, "column-unknown"),
        ({"names": ["village"], "row_filter": "other"}, "column-unknown"),
        ({"names": ["village"], "row_filter": "random() < 0.5"}, "row-filter-not-allowed"),
    ],
)
def test_refused(stated, code):
    with pytest.raises(ShapeRefusedError) as refused:
        read_shape(ALL, **stated)
    assert refused.value.code == code
    assert code in SHAPE_CODES
    assert refused.value.as_dict()["code"] == code
    again = copy.copy(refused.value)
    assert (again.code, str(again)) == (code, str(refused.value))


def test_names_of_a_contract_are_never_taken_for_ours(con):
    con.execute(
        "CREATE TABLE odd AS SELECT 'b' AS c0001, 'a' AS c0000, 'r' AS released, 'o' AS original, "
        "'s' AS \"select\""
    )
    shape = read_shape(
        ODD, names=[one.name for one in ODD], row_filter="c0000 = 'a' AND released = 'r' AND original <> 'x'"
    )
    assert con.execute(scan_sql(shape, "odd")).fetchall() == [("b", "a", "r", "o", "s")]
    assert [column[0] for column in con.description] == ["c0000", "c0001", "c0002", "c0003", "c0004"]


def test_nothing_but_the_columns_of_the_shape_is_read(con):
    shape = read_shape(ALL, names=["visits", "village"], row_filter="closed")
    plan = con.execute("EXPLAIN " + scan_sql(shape, "held")).fetchall()
    assert "narrative" not in str(plan)
    assert "_delivery" not in str(plan)


def test_a_comment_at_the_end_of_a_filter_ends_with_it(con):
    shape = read_shape(ALL, names=["visits"], row_filter="visits > 7 --")
    assert sorted(con.execute(scan_sql(shape, "held")).fetchall()) == [(8,), (9,)]
    assert con.execute(count_sql(shape, "held")).fetchone() == (10, 2)


def test_rows_without_an_answer_stay(con):
    con.execute("INSERT INTO held (visits) VALUES (NULL), (NULL)")
    assert con.execute(scan_sql(read_shape(ALL, names=["visits"]), "held")).fetchall().count((None,)) == 2
    shape = read_shape(ALL, names=["visits"], row_filter="visits <> 1")
    assert con.execute(count_sql(shape, "held")).fetchone() == (12, 9)


def test_a_dry_run_says_what_would_leave_and_no_value(con):
    shape = read_shape(
        ALL, names=["visits", "person_name"], row_filter="visits > 2", masks={"person_name": "mask-alphanum"}
    )
    leaving = dry_run(
        shape, ALL, readable=["visits"], counted=con.execute(count_sql(shape, "held")).fetchone()
    )
    told = json.loads(json.dumps(leaving.as_dict()))
    assert (told["rows"], told["rows_held"], told["shape"]) == (7, 10, shape.shape_id)
    assert [(one["physical"], one["mask"], one["readable"]) for one in told["columns"]] == [
        ("c0000", None, True),
        ("c0001", "mask-alphanum", False),
    ]
    assert told["columns"][1]["personal"] is True
    assert told["withheld"] == ["person_id", "village", "closed", "born", "narrative", "seen_at"]
    assert "SECRET" not in str(told)


def test_a_shape_cannot_be_changed():
    masks = {"visits": "mask-to-fixed-value"}
    shape = read_shape(ALL, names=["visits"], masks=masks)
    before = shape.shape_id
    masks["visits"] = "replace-with-null"
    assert shape.shape_id == before
    with pytest.raises(TypeError):
        shape.masks["visits"] = "replace-with-null"
    assert copy.copy(shape).shape_id == before
