"""A row filter is one condition over the contract's columns, which cannot fail on a value."""

from __future__ import annotations

import math
from decimal import Decimal

import duckdb
import pytest
from vectors.shape_cases import COLUMNS, columns_of

from shanhai.contracts.model import Column
from shanhai.contracts.schema import duckdb_type
from shanhai.governance.filters import FUNCTIONS, read_filter
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import read_shape, scan_sql

ALL = (
    *columns_of(COLUMNS),
    Column(name="share", source="share", type="number"),
    Column(name="price", source="price", type="number", precision=(38, 20)),
)
DEAR = Decimal(f"{10**18 - 1}.{10**20 - 1}")
GOOD = {
    "visits > 1": {"visits"},
    "closed": {"closed"},
    "NOT closed AND village IN ('东', '西')": {"closed", "village"},
    "visits BETWEEN 1 AND 3 OR village IS NULL": {"visits", "village"},
    "visits NOT BETWEEN 1 AND 3": {"visits"},
    "village NOT IN ('a') AND village LIKE 'a%' AND village NOT LIKE '%b'": {"village"},
    "born >= DATE '2000-02-29' AND year(born) < 2010": {"born"},
    "seen_at < TIMESTAMPTZ '2026-06-01 00:00:00+08'": {"seen_at"},
    "left(person_id, 6) = '330105' -- the district": {"person_id"},
    'length("village") > 2.5': {"village"},
    "village IS DISTINCT FROM lower('A') AND true": {"village"},
    "substr(village, 1, 2) = 'ab' AND starts_with(village, 'a')": {"village"},
    "visits > 0.00000000000000001 AND visits < 999999999999999999": {"visits"},
    "visits IN (1, -0.5, 123456789012345678)": {"visits"},
    "left(village, 0) = right(village, 4096)": {"village"},
    "share BETWEEN -0.1 AND 1e300 OR share = 999999999999999999 OR share > visits": {"share", "visits"},
    "price > 0.01 AND price <> 5 AND price < share": {"price", "share"},
    "length(village) > visits AND year(born) IN (2000, 2000.5)": {"village", "visits", "born"},
}
UNKNOWN = ("other > 1", "Visits > 1", "rowid > 1", "current_date > born")
"""A name of a column that is none: whoever types it hears that, and not that a part is forbidden."""
BAD = (
    *("", " ", "1", "visits", "village", "visits > 1;", "visits > 1; DROP TABLE held", "visits >"),
    *("(" * 5000, "true, false", "closed\x00", "village = '\u202e'"),
    *("visits > 1) OR (true", "visits > 1) --", "true) FROM held WHERE (true", "true, true", "true AS x"),
    *("true ORDER BY 1", "true UNION SELECT true", "DISTINCT true", "true LIMIT 1", "true\nAND true"),
    *("visits IN (SELECT 1)", "EXISTS (FROM held)", "(SELECT true)", "visits = ANY(SELECT 1)"),
    *UNKNOWN,
    *("held.visits > 1", "main.held.visits > 1", "*", "COLUMNS(*)"),
    *("born > now()", "random() < 0.5", "getenv('HOME') = 'x'", "village ~ 'a'"),
    *("village = 1", "visits = 'a'", "born > '2000-01-01'", "seen_at > DATE '2000-01-01'", "closed = 1"),
    *("village::INTEGER = 1", "CAST(village AS DATE) > born", "TRY_CAST(village AS INTEGER) = 1"),
    *("born > DATE 'tomorrow'", "born > DATE '2001-02-29'", "seen_at > TIMESTAMPTZ '2026-06-01'"),
    *("seen_at > TIMESTAMP '2026-06-01 00:00:00'", "visits = NULL", "visits + 1 > 2", "visits / 0 > 1"),
    *("count(*) > 1", "row_number() OVER () > 1", "sum(visits) OVER () > 1", "$1", "visits > $x"),
    *("visits > ?", "visits IN ()", "closed IS TRUE", "visits IN (visits, 'a')"),
    *("CASE WHEN closed THEN true ELSE false END", "village IN (1)", "length(visits) > 1", "length() = 1"),
    *("error(village) = 'x'", "main.length(village) = 1", "list_contains(['a'], village)", "{'a': 1}.a = 1"),
    # DuckDB brings both sides to one DECIMAL, in which a value may have no room; the error quotes the value.
    *("visits > 0.0000000000000000000000000000000000001", "visits IN (1, 0.00000000000000000000001)"),
    *("visits BETWEEN 0 AND 0.0000000000000000001", "price = visits", "visits = price"),
    *("visits < 9223372036854775807", "visits < 99999999999999999999", "visits < 1234567890123456789.5"),
    *("length(village) > 0.0000000000000000000000000000000000001", "price IN (visits)"),
    # Places far away, or taken from a value, fail on some texts and not on others.
    *("substr(village, visits, 9999999999) = 'a'", "left(village, 9223372036854775807) = 'a'"),
    *("left(village, 1.5) = 'a'", "left(village, share) = 'a'", "left(village, visits) = 'a'"),
    *("right(village, -1) = 'a'", "substr(village, 1, 4097) = 'a'", "left(village, length(village)) = 'a'"),
    *("left(village, 1e3) = 'a'", "year(visits) = 1", "length(5) = 1"),
    *("village LIKE 1", "left(village) = 'a'", "village COLLATE NOCASE = 'a'", "lambda x: x"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "seen"), GOOD.items())
def test_good(text, seen):
    found = read_filter(text, ALL)
    assert found.text == text
    assert found.columns == seen


@pytest.mark.parametrize("text", BAD)
def test_bad(text):
    with pytest.raises(ShapeRefusedError) as refused:
        read_filter(text, ALL)
    assert refused.value.code == ("column-unknown" if text in UNKNOWN else "row-filter-not-allowed")


def test_a_constant_is_not_repeated():
    with pytest.raises(ShapeRefusedError) as refused:
        read_filter("person_name = 'Zhang San' AND visits", ALL)
    assert "Zhang" not in str(refused.value)


def test_what_passes_runs_on_any_value():
    """No condition that is let pass can fail on a row, so no error can quote one."""
    rows = [
        *[(None,) * len(ALL)],
        *[("x", "欧", "1e9", False, -(2**63), "0001-01-01", "y", "0001-01-01 00:00:00+00", 1e308, DEAR)],
        *[
            (
                "",
                "",
                "",
                True,
                2**63 - 1,
                "9999-12-31",
                "",
                "9999-12-31 00:00:00+00",
                math.inf,
                DEAR.copy_negate(),
            )
        ],
        *[("", "", "x" * 9999, True, 0, "2000-02-29", "", "2000-01-01 00:00:00+00", math.nan, 0)],
    ]
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE held ({', '.join(f'{one.name} {duckdb_type(one)}' for one in ALL)})")
        con.executemany(f"INSERT INTO held VALUES ({', '.join('?' * len(ALL))})", rows)
        for text in GOOD:
            shape = read_shape(ALL, names=["village"], row_filter=text)
            con.execute(scan_sql(shape, "held")).fetchall()
        for name in FUNCTIONS:
            assert name in ("~~", "!~~") or con.execute(
                "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", [name]
            ).fetchone() != (0,)
