"""From text to value, as tables of cases."""

from __future__ import annotations

import functools
from datetime import date, datetime, time
from decimal import Decimal
from types import SimpleNamespace

import duckdb
import pytest

from shanhai.contracts.model import Column
from shanhai.contracts.schema import duckdb_type
from shanhai.errors import ConfigurationError
from shanhai.quality.expressions import clean, typed

SHANGHAI = SimpleNamespace(time_zone="Asia/Shanghai")


def column(kind="string", **options):
    return Column(name="at", source="x", type=kind, **options)


@functools.cache
def session():
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    return con


def ask(expression, text):
    return session().execute(f'SELECT {expression} FROM (SELECT ?::VARCHAR AS "at")', [text]).fetchone()[0]


def value(kind, text, contract=SHANGHAI, **options):
    found = ask(typed(column(kind, **options), contract), text)
    return found.strftime("%Y-%m-%d %H:%M:%S.%f%z") if kind == "timestamp" and found else found


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a", "a"),
        ("  a b\t", "a b"),
        ("\ufeff拱墅\u3000\u00a0", "拱墅"),
        ("\r\na\n", "a"),
        ("", None),
        (" \u3000\t", None),
        (None, None),
        ("-", "-"),
        ("１２", "１２"),
    ],
)
def test_blanks_around_a_text_go(text, cleaned):
    assert ask(clean(column()), text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"), [(" - ", None), ("无", None), ("－", "－"), ("--", "--"), ("", None)]
)
def test_null_tokens_mean_missing(text, cleaned):
    assert ask(clean(column(null_tokens=("-", "无"))), text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("ＡＢ１２（三）", "AB12(三)"), ("\u3000１\u3000", "1"), ("－", None), ("-", None), ("～", "~")],
)
def test_full_width_becomes_half_width_where_the_contract_says_so(text, cleaned):
    assert ask(clean(column(full_width=True, null_tokens=("－",))), text) == cleaned


CASES = [
    ("integer", "5", 5),
    ("integer", "-007", -7),
    ("integer", "+5", 5),
    ("integer", "9223372036854775807", 2**63 - 1),
    ("integer", "9223372036854775808", None),
    ("integer", "2.5", None),
    ("integer", "2.0", None),
    ("integer", "1e3", None),
    ("integer", "0x10", None),
    ("integer", "1_000", None),
    ("integer", "１２", None),
    ("number", "2.5", 2.5),
    ("number", "-1e-3", -0.001),
    ("number", ".5", 0.5),
    ("number", "inf", None),
    ("number", "NaN", None),
    ("number", "1e400", None),
    ("number", "1,5", None),
    ("number", "+-5", None),
    ("boolean", "是", True),
    ("boolean", "FALSE", False),
    ("boolean", "tRUE", None),
    ("boolean", "2", None),
    ("date", "2024-01-05", date(2024, 1, 5)),
    ("date", "2024-1-5", date(2024, 1, 5)),
    ("date", "2024-01-05T00:00:00", date(2024, 1, 5)),
    ("date", "2024-01-05 13:00:00", None),
    ("date", "2024-02-30", None),
    ("date", "24-1-5", None),
    ("date", "epoch", None),
    ("date", "2024-01-05 (BC)", None),
    ("time", "08:30", time(8, 30)),
    ("time", "8:30:01.5", time(8, 30, 1, 500000)),
    ("time", "24:00", None),
    ("time", "08:30:00+08", None),
    ("timestamp", "2024-03-01 08:00:00", "2024-03-01 00:00:00.000000+0000"),
    ("timestamp", "2024-03-01T08:00", "2024-03-01 00:00:00.000000+0000"),
    ("timestamp", "2024-03-01", "2024-02-29 16:00:00.000000+0000"),
    ("timestamp", "2024-03-01T08:00:00Z", "2024-03-01 08:00:00.000000+0000"),
    ("timestamp", "2024-03-01T08:00:00.1234567-05:30", "2024-03-01 13:30:00.123456+0000"),
    ("timestamp", "1988-07-01 12:00:00", "1988-07-01 03:00:00.000000+0000"),
    ("timestamp", "2024-03-01T24:00:00", None),
    ("timestamp", "2024-03-01T08:00:00+99:00", None),
    ("timestamp", "infinity", None),
]


@pytest.mark.parametrize(("kind", "text", "expected"), CASES)
def test_a_text_is_its_value_or_nothing(kind, text, expected):
    assert value(kind, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.345", Decimal("12.345")),
        ("12.3450000", Decimal("12.345")),
        ("12.3456", None),
        ("999999999.999", Decimal("999999999.999")),
        ("1234567890", None),
        ("1e2", None),
        ("-.5", Decimal("-0.500")),
    ],
)
def test_an_exact_number_is_never_rounded(text, expected):
    assert value("number", text, precision=(12, 3)) == expected


@pytest.mark.parametrize(
    ("kind", "formats", "text", "expected"),
    [
        ("date", ("%Y年%m月%d日",), "2024年1月5日", date(2024, 1, 5)),
        ("date", ("%Y年%m月%d日",), "2024年01月05日", date(2024, 1, 5)),
        ("date", ("%Y年%m月%d日",), "2024年13月5日", None),
        ("date", ("%Y年%m月%d日",), "2024-01-05", None),
        ("date", ("%d/%m/%Y", "%m/%d/%Y"), "05/01/2024", date(2024, 1, 5)),
        ("date", ("%d/%m/%Y", "%m/%d/%Y"), "12/31/2024", date(2024, 12, 31)),
        ("date", ("%Y%m%d",), "20240105", date(2024, 1, 5)),
        ("date", ("%Y%m%d",), "2024015", None),
        ("date", ("%Y-%m-%d",), "infinity", None),
        ("date", ("%Y-%m-%d",), "24-01-05", None),
        ("timestamp", ("%Y/%m/%d %H:%M",), "2024/3/1 8:00", "2024-03-01 00:00:00.000000+0000"),
        ("timestamp", ("%m/%d/%Y %I:%M:%S %p",), "03/01/2024 12:00:00 AM", "2024-02-29 16:00:00.000000+0000"),
        ("timestamp", ("%Y-%m-%dT%H:%M:%S%z",), "2024-03-01T08:00:00Z", "2024-03-01 08:00:00.000000+0000"),
        (
            "timestamp",
            ("%Y-%m-%dT%H:%M:%S%z",),
            "2024-03-01T08:00:00+0900",
            "2024-02-29 23:00:00.000000+0000",
        ),
        ("timestamp", ("%Y-%m-%dT%H:%M:%S%z",), "2024-02-31T08:00:00Z", None),
        ("timestamp", ("%Y-%m-%dT%H:%M:%S%z",), "2024-03-01T08:00:00+99", None),
        ("time", ("%H时%M分",), "8时5分", time(8, 5)),
    ],
)
def test_formats_are_tried_in_order(kind, formats, text, expected):
    assert value(kind, text, formats=formats) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-10 01:59:59", "2024-03-10 06:59:59.000000+0000"),
        ("2024-03-10 02:30:00", "2024-03-10 07:30:00.000000+0000"),
        ("2024-11-03 00:59:59", "2024-11-03 04:59:59.000000+0000"),
        ("2024-11-03 01:30:00", "2024-11-03 06:30:00.000000+0000"),
    ],
    ids=[
        "before the gap",
        "in the gap: an hour later",
        "before the overlap",
        "in the overlap: the second time",
    ],
)
def test_clocks_that_are_put_forward_and_back(text, expected):
    assert value("timestamp", text, time_zone="America/New_York") == expected


def test_the_session_has_no_say_in_an_instant():
    expression = typed(column("timestamp"), SHANGHAI)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'America/New_York'")
        found = con.execute(
            f"""SELECT epoch({expression}) FROM (SELECT '2024-03-01 08:00' AS "at")"""
        ).fetchone()
    assert found == (datetime.fromisoformat("2024-03-01T08:00+08:00").timestamp(),)


@pytest.mark.parametrize(
    ("kind", "formats"),
    [
        ("date", ("%m-%d",)),
        ("date", ("%Y-%m-%d %z",)),
        ("date", ("%Q",)),
        ("timestamp", ("%Y-%m-%d %Z",)),
        ("timestamp", ("%z %Y-%m-%d",)),
        ("timestamp", ("%s",)),
        ("time", ("%Y %H:%M",)),
        ("date", ("no directive",)),
    ],
)
def test_a_format_that_would_lie_is_refused(kind, formats):
    with pytest.raises(ConfigurationError, match=f"not a format of a {kind}"):
        typed(column(kind, formats=formats), SHANGHAI)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ConfigurationError, match="Asia/Hangzhou"):
        typed(column("timestamp", time_zone="Asia/Hangzhou"), SHANGHAI)


@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "date", "timestamp"])
def test_the_stated_type_is_the_type(kind):
    expression = typed(column(kind), SHANGHAI)
    assert ask(f"typeof({expression})", "x") == duckdb_type(column(kind))
    exact = column("number", precision=(12, 3))
    assert ask(f"typeof({typed(exact, SHANGHAI)})", "x").replace(" ", "") == duckdb_type(exact).replace(
        " ", ""
    )
