"""On any text at all, no expression raises, and staging's rules agree with the suite's conditions."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_contract import plain_contract
from stdnum.cn import ric, uscc

from shanhai.contracts.model import Column
from shanhai.contracts.render_suite import suite
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.quality.checked import create_checked
from shanhai.quality.identifiers import resident_id, social_credit_code
from shanhai.quality.rules import checked_violation, rules_for, violation

DATE_FORMATS = (
    ("%Y-%m-%d",),
    ("%Y年%m月%d日",),
    ("%Y%m%d",),
    ("%d/%m/%Y", "%Y-%m-%d"),
    ("%b %d, %Y",),
    ("%d.%m.%y",),
    ("%Y-%j",),
    ("%Y-%m-%d %H:%M:%S",),
)
TIMESTAMP_FORMATS = (
    *DATE_FORMATS,
    ("%m/%d/%Y %I:%M:%S %p",),
    ("%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S"),
    ("%Y-%m-%dT%H:%M:%S.%f",),
    ("%Y-%m-%d %H:%M", "%Y年%m月%d日 %H时%M分"),
    ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"),
    ("%d %b %Y %H:%M %z",),
)
SEED_TEXT = """0 -5 +7 2.5 1e3 1E-5 .5 5. +-.5e3 12.3450000 12.3456 1234567890.123 inf nan 1_000 0x1F 1e400
9223372036854775807 9223372036854775808 9007199254740993 true False 是 无 1
2024-01-05 2024-1-5 24-1-5 0024-01-05 9999-12-31 1000-01-01 2024-02-30 2024年1月5日 20240105 2024015 5/1/2024
5.1.24 2024-366 2023-366 epoch infinity 2024-01-05|00:00:00 2024-01-05|13:00:00 2024-01-05T13:00:00Z
2024-01-05T13:00:00+08:00 2024-02-31T13:00:00+0800 2024-01-05T13:00:00+99 2024-01-05T13:00:00.123456789Z
2024-01-05T24:00:00 9999-12-31T23:59:59Z 9998-12-31T23:59:59-05:00 1000-01-01T00:00:00+08:00 2024-01-05|(BC)
2024-03-10T02:30:00 8:30 08:30:15.123 24:00 23:59:60 8:30|AM 8时30分 083015 20240105130000 20240105|13:00:00
01/05/2024|1:00:00|PM Jan|5,|2024 5|Jan|2024|13:00|+0800 2024年1月5日|8时30分
AB12 x.y １２３ ２０２４－０１－０５
11010519491231002X 11010519491231002x 110105194912310021 91110000600037341L 91350100M000100Y4Z
33 3301 330105 330105001 330105001001 330105000000 990105
33010500001320000001 33000000002000000001 33010300001320000001 44010500001320000001 33010500001100000001
33010500000320000001 330105000013200001 03010500001320000001 33019900001320000001 33010510991117123456
120.1551 30.2741 -71.06 72.004 137.8347 55.8271 0.8293 72.0039999 137.8347001 55.82710001 180 -180.0
90 90.000001 180.0000001 -90 72.0040 1e2 12e1
2024-03-1||08:15:30 2024-03-1T|08:15:30 2024-03-01||8:15:30 10000-01-01|08:15:3 2024-03-01|24:00:00"""
SEEDS = SEED_TEXT.split()


def column(name, kind, **options):
    return Column(name=name, source=name, type=kind, **options)


COLUMNS = (
    column("integer", "integer"),
    column("double", "number"),
    column("decimal", "number", precision=(12, 3)),
    column("whole", "number", precision=(5, 0)),
    column("fraction", "number", precision=(3, 3)),
    column("wide", "number", precision=(38, 10)),
    column("truth", "boolean"),
    column("day", "date"),
    column("moment", "timestamp"),
    column("there", "timestamp", time_zone="America/New_York"),
    column("clock", "time"),
    column("clocks", "time", formats=("%H:%M", "%I:%M %p", "%H时%M分", "%H%M%S")),
    column("pattern", "string", pattern=r"[A-Z]{2}\d+|x.y"),
    column("anchored", "string", pattern="^a$|b"),
    column("length", "string", min_length=2, max_length=3),
    column("codes", "string", codes=("A", "'", "１")),
    column("small", "integer", minimum=-5, maximum=10.5),
    column("large", "number", minimum=0.1, maximum=9007199254740993),
    column("exact", "number", precision=(12, 3), minimum=0.1),
    column("citizen", "string", validators=("resident_id",)),
    column("firm", "string", validators=("social_credit_code",)),
    column("area", "string", validators=("area_code",)),
    column("camera", "string", validators=("gb28181_id",)),
    column("longitude", "number", crs="WGS84"),
    column("latitude", "number", crs="CGCS2000", precision=(9, 6)),
    column("gcj_lng", "number", crs="GCJ02"),
    column("gcj_lat", "number", crs="GCJ02"),
    column("bd_lon", "number", crs="BD09", precision=(9, 6)),
    column("bd_lat", "number", crs="BD09"),
    column("wide_day", "date", full_width=True, null_tokens=("－", "无")),
    *(column(f"day{number}", "date", formats=formats) for number, formats in enumerate(DATE_FORMATS)),
    *(
        column(f"at{number}", "timestamp", formats=formats)
        for number, formats in enumerate(TIMESTAMP_FORMATS)
    ),
)
CONTRACT = plain_contract("any.text", *COLUMNS, title="any text")
RULES = rules_for(CONTRACT)
CHARACTERS = "0123456789.-+eE:/T Z年月日时分xXAPM_,　\t０é٣\u200bK"


@st.composite
def near(draw):
    """A text that means something in some column, with up to three characters changed."""
    text = list(draw(st.sampled_from(SEEDS)).replace("|", " "))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text[place : place + draw(st.integers(0, 1))] = draw(st.sampled_from(["", *CHARACTERS]))
    return "".join(text)


anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
texts = st.lists(st.one_of(near(), near(), anything), min_size=20, max_size=120)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect(config={"threads": 1}) as con:
        known = ["330000000000", "330100000000", "330105000000", "330105001000", "330105001001"]
        con.execute("CREATE TABLE register_area_code AS SELECT unnest(?) AS code", [known])
        yield con


def unexpected(expectation):
    """The expectation as the condition that Great Expectations counts."""
    given = expectation["kwargs"]
    name = quote_identifier(given["column"])
    match expectation["type"]:
        case "expect_column_values_to_satisfy_sql":
            bad = f"NOT coalesce({given['condition']}, FALSE)"
        case "expect_column_values_to_be_in_set":
            bad = f"{name} NOT IN ({', '.join(quote_literal(text) for text in given['value_set'])})"
        case "expect_column_values_to_be_between":
            bad = outside(name, given, float)
        case other:
            raise AssertionError(other)
    return f"({name} IS NOT NULL AND ({bad}))"


def outside(value, given, number):
    tests = [f"{value} < {number(given['min_value'])!r}::DOUBLE"] if "min_value" in given else []
    tests += [f"{value} > {number(given['max_value'])!r}::DOUBLE"] if "max_value" in given else []
    return " OR ".join(tests)


def stage(con, texts):
    """A table `raw` with each text in every column, and the view `checked` over it."""
    con.register("given", pa.table({"text": pa.array(texts, pa.string())}))
    columns = ", ".join(f"text AS {quote_identifier(name)}" for name in CONTRACT.names)
    more = "'a.csv' AS _body, NULL::VARCHAR AS _malformed"
    con.execute(f"CREATE OR REPLACE TABLE raw AS SELECT {columns}, {more} FROM given")
    create_checked(con, CONTRACT)


def answers(con, conditions, relation):
    listed = ", ".join(f"list({condition})" for condition in conditions)
    found = con.execute(f"SELECT {listed} FROM {relation}").fetchone()
    return {rule.name: broken for rule, broken in zip(RULES, found, strict=True)}


@settings(max_examples=25, deadline=None)
@given(texts=texts)
def test_staging_and_suite_agree_on_any_text(con, texts):
    stage(con, texts)
    staging = answers(con, [checked_violation(rule, CONTRACT) for rule in RULES], "checked")
    suited = answers(con, [unexpected(one) for one in suite(CONTRACT)["expectations"]], "checked")

    for rule, broken in staging.items():
        assert None not in broken, rule
        both = zip(texts, broken, suited[rule], strict=True)
        assert [text for text, one, other in both if one != bool(other)] == [], rule


@settings(max_examples=3, deadline=None)
@given(texts=texts)
def test_a_rule_says_the_same_of_raw_and_of_checked_columns(con, texts):
    stage(con, [*SEEDS, *texts])

    checked = answers(con, [checked_violation(rule, CONTRACT) for rule in RULES], "checked")
    assert checked == answers(con, [violation(rule, CONTRACT) for rule in RULES], "raw")


def valid(con, function, texts):
    con.register("given", pa.table({"text": pa.array(texts, pa.string())}))
    return [row[0] for row in con.execute(f"SELECT {function('text')} FROM given").fetchall()]


days = st.dates(date(1800, 1, 1), date(2099, 12, 31)).map(lambda day: f"{day:%Y%m%d}")
bodies = st.tuples(
    st.from_regex("[1-9][0-9]{5}", fullmatch=True), days, st.from_regex("[0-9]{3}", fullmatch=True)
)


def ric_by_oracle(text):
    """By python-stdnum, but for the place, which it looks up, and for years that nobody living has."""
    if len(text) != 18 or not text.isascii() or not text[:17].isdigit() or text[0] == "0":
        return False
    if not "1800" <= text[6:10] <= "2099" or text[17].upper() != ric.calc_check_digit(text):
        return False
    try:
        return bool(ric.get_birth_date(text))
    except ric.InvalidComponent:
        return False


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(bodies, min_size=1, max_size=40),
    changes=st.lists(st.tuples(st.integers(0, 17), st.sampled_from("0123456789Xx ")), max_size=40),
)
def test_resident_ids_as_stdnum_says(con, parts, changes):
    numbers = ["".join(part) for part in parts]
    numbers = [number + ric.calc_check_digit(number + "0") for number in numbers]
    mutated = [
        number[:place] + character + number[place + 1 :]
        for number, (place, character) in zip(numbers, changes, strict=False)
    ]
    assert valid(con, resident_id, numbers) == [True] * len(numbers)
    assert valid(con, resident_id, mutated) == [ric_by_oracle(number) for number in mutated]


def test_every_day_of_birth_that_exists_and_no_other(con):
    first = date(1896, 1, 1)
    real = {f"{first + timedelta(days=number):%Y%m%d}" for number in range(3000)}
    tried = [
        f"{year}{month:02}{day:02}" for year in range(1896, 1905) for month in range(14) for day in range(33)
    ]
    tried = [day for day in tried if day <= max(real)]
    numbers = [f"330105{day}001" for day in tried]
    numbers = [number + ric.calc_check_digit(number + "0") for number in numbers]

    assert valid(con, resident_id, numbers) == [day in real for day in tried]


codes = st.from_regex("[0-9]{8}[0-9A-HJ-NPQRTUWXY]{9}", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(
    bodies=st.lists(codes, min_size=1, max_size=40),
    changes=st.lists(st.tuples(st.integers(0, 17), st.sampled_from("0123456789ABIOSVZXY")), max_size=40),
)
def test_social_credit_codes_as_stdnum_says(con, bodies, changes):
    numbers = [body + uscc.calc_check_digit(body) for body in bodies]
    mutated = [
        number[:place] + character + number[place + 1 :]
        for number, (place, character) in zip(numbers, changes, strict=False)
    ]
    assert valid(con, social_credit_code, numbers) == [True] * len(numbers)
    assert valid(con, social_credit_code, mutated) == [uscc.is_valid(number) for number in mutated]


def test_the_two_well_known_codes(con):
    assert valid(con, social_credit_code, ["91110000600037341L", "91350100M000100Y4Z"]) == [True, False]
