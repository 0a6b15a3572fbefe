"""Each mask against what Python makes of the same value, and each refusal from the contract alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import duckdb
import pytest
from stated_cases import GRANT, Stated

from shanhai.contracts.model import Column, ColumnType
from shanhai.contracts.schema import duckdb_type
from shanhai.governance.column_rules import masks_rule
from shanhai.governance.masks import ACTIONS, check_mask, mask_expression, mask_fault, needs_salt
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import Shape, read_shape
from shanhai.governance.values import Case

SALT = bytes(range(32))
TEXTS = ["", "a", "1234", "张三", "欧阳 娜娜", "330105199001010019", "A-b_c.d,(e)@9\n٣😀é" * 2, "x" * 300]


def column(kind: str = "string", **fields: Any) -> Column:
    return Column(**{"name": "c", "source": "c", "type": kind, **fields})


LONG = column(min_length=20)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        yield connection


def masked(con, action: str, of: Column, value: Any) -> Any:
    sql = mask_expression(action, of, '"c"')
    bound = {"value": value, **({"salt": SALT} if needs_salt(action) else {})}
    original = f"(SELECT CAST($value AS {duckdb_type(of)}) AS c)"
    result, kind = con.execute(
        f"SELECT v, typeof(v) FROM (SELECT {sql} AS v FROM {original})", bound
    ).fetchone()
    assert kind == duckdb_type(of)
    return result


def alphanum(text: str) -> str:
    return "".join("n" if c in "0123456789" else c if c in "(),.-@" else "x" for c in text)


def test_an_address_keeps_its_form(con):
    assert masked(con, "mask-alphanum", LONG, "lihua010203@mail.example") == "xxxxxnnnnnn@xxxx.xxxxxxx"


@pytest.mark.parametrize("text", TEXTS)
def test_texts(con, text):
    assert masked(con, "mask-alphanum", LONG, text) == alphanum(text)
    assert masked(con, "show-first-4", LONG, text) == text[:4] + alphanum(text[4:])
    assert masked(con, "show-last-4", LONG, text) == alphanum(text[:-4]) + text[-4:]
    assert masked(con, "mask-to-fixed-value", LONG, text) == "XXXXXXXX"
    assert masked(con, "replace-with-null", LONG, text) is None
    assert masked(con, "sha-256-global", LONG, text) == hashlib.sha256(text.encode()).hexdigest()
    assert masked(con, "sha-256-query-local", LONG, text) == hashlib.sha256(SALT + text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("kind", "value", "fixed"),
    [
        ("integer", 7, 0),
        ("number", 7.5, 0.0),
        ("boolean", True, False),
        ("date", date(2020, 2, 2), date(1970, 1, 1)),
        ("timestamp", datetime(2020, 2, 2, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        ("time", "02:02:02", "00:00:00"),
    ],
)
def test_fixed_values_are_of_the_type(con, kind, value, fixed):
    if kind == "timestamp":
        con = con.cursor()
        con.execute("SET TimeZone = 'UTC'")
    assert masked(con, "mask-to-fixed-value", column(kind), value) == fixed


def test_an_exact_number_has_its_digits(con):
    exact = column("number", precision=(6, 2))
    assert masked(con, "mask-to-fixed-value", exact, Decimal("2.50")) == Decimal("0.00")


def test_days_are_truncated_in_utc_whatever_the_session_says(con):
    day, instant = column("date"), column("timestamp")
    assert masked(con, "truncate-to-year", day, date(2020, 5, 6)) == date(2020, 1, 1)
    assert masked(con, "truncate-to-month", day, date(2020, 5, 6)) == date(2020, 5, 1)
    new_year = datetime(2020, 12, 31, 20, tzinfo=UTC)
    assert masked(con, "truncate-to-year", instant, new_year) == datetime(2020, 1, 1, tzinfo=UTC)
    assert masked(con, "truncate-to-month", instant, new_year) == datetime(2020, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", get_args(ColumnType))
@pytest.mark.parametrize("action", ACTIONS)
def test_null_stays_null(con, kind, action):
    one = column(kind, min_length=20) if kind == "string" else column(kind)
    if mask_fault(action, one) is None:
        assert masked(con, action, one, None) is None


def test_the_salt_is_bound_and_never_written():
    sql = mask_expression("sha-256-query-local", column(), '"c"')
    assert "$salt" in sql
    assert not any(needs_salt(action) for action in ACTIONS if action != "sha-256-query-local")


@pytest.mark.parametrize(
    ("action", "of", "code"),
    [
        ("sha256", column(), "mask-unknown"),
        ("apply-expression", column(), "mask-unknown"),
        ("MASK-ALPHANUM", column(), "mask-unknown"),
        ("show-first-4", column(max_length=8), "mask-short-chinese-name"),
        ("show-last-4", column(), "mask-short-chinese-name"),
        ("show-last-4", column(min_length=8), "mask-short-chinese-name"),
        ("show-last-4", column(min_length=9), None),
        ("show-last-4", column(codes=("short", "a very long code")), "mask-short-chinese-name"),
        ("show-last-4", column(validators=("area_code",)), "mask-short-chinese-name"),
        ("show-last-4", column(validators=("resident_id",)), None),
        ("sha-256-global", column(validators=("resident_id",)), "mask-sha-on-resident-id"),
        ("sha-256-global", column(validators=("social_credit_code",)), "mask-sha-on-small-domain"),
        ("sha-256-global", column(min_length=20, codes=("a" * 20,)), "mask-sha-on-small-domain"),
        ("sha-256-global", column(min_length=20, pattern="0{20}"), "mask-sha-on-small-domain"),
        ("sha-256-global", column(min_length=20, personal=True), "mask-sha-on-small-domain"),
        ("sha-256-global", column(max_length=4000), "mask-sha-on-small-domain"),
        ("sha-256-global", column(min_length=20, classification="core"), "mask-sha-on-small-domain"),
        ("sha-256-global", column(min_length=20, classification="important"), "mask-sha-on-small-domain"),
        ("sha-256-global", column(name="meter_no", min_length=16), "mask-sha-on-small-domain"),
        ("sha-256-global", column(name="meter_of", min_length=16), None),
        ("sha-256-query-local", column(name="meter_no", min_length=16), None),
        ("sha-256-global", LONG, None),
        ("sha-256-query-local", column(validators=("resident_id",), personal=True), None),
        ("sha-256-global", column("integer"), "mask-sha-on-integer"),
        ("sha-256-query-local", column("integer"), "mask-sha-on-integer"),
        ("sha-256-query-local", column("date"), "mask-not-for-type"),
        ("mask-alphanum", column("time"), "mask-not-for-type"),
        ("truncate-to-year", column("time"), "mask-not-for-type"),
        ("replace-with-null", column(required=True), "mask-null-on-required"),
    ],
)
def test_which_column_can_have_which_mask(action, of, code):
    key = ("area_code", "meter_no")
    assert mask_fault(action, of, key=key) == code
    if code:
        with pytest.raises(ShapeRefusedError) as refused:
            check_mask(action, of, key=key)
        assert refused.value.code == code
        assert action not in (refused.value.allowed or "").split(", ")
        assert refused.value.hint.startswith(f"{code}: ")
        assert f"{action} of {of.name}" in refused.value.hint
        if of.name not in key:
            with pytest.raises(ShapeRefusedError):
                mask_expression(action, of, '"c"')


SERIAL = column(name="meter_no", min_length=16)
HASHED = {"meter_no": "sha-256-global"}


def hashed_case() -> Case:
    """A release of serial numbers by their digests; nothing says yet that they tell rows apart."""
    case = Stated(names=(), readable=("meter_no",), told_masks=HASHED, told_filter=None).case(GRANT)
    shape = Shape((SERIAL,), None, HASHED)
    return replace(
        case, data=replace(case.data, columns=(SERIAL,)), request=replace(case.request, shape=shape)
    )


def test_numbers_that_are_counted_up_are_no_digests_in_a_shape_and_in_a_release():
    case = hashed_case()
    assert masks_rule(case, GRANT) is None
    found = masks_rule(replace(case, data=replace(case.data, key=("meter_no",))), GRANT)
    assert found is not None
    assert found.code == "mask-sha-on-small-domain"
    assert read_shape([SERIAL], names=["meter_no"], masks=HASHED).masks == HASHED
    with pytest.raises(ShapeRefusedError, match="cannot be masked so"):
        read_shape([SERIAL], names=["meter_no"], masks=HASHED, key=["meter_no"])
