"""On any text at all, masks give what Python gives, and a shape's order is that of what leaves."""

from __future__ import annotations

import hashlib
from collections import Counter

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shanhai.contracts.model import Column
from shanhai.governance.masks import mask_expression
from shanhai.governance.shape import read_shape, scan_sql

LONG = Column(name="c", source="c", type="string", min_length=20)
SALT = bytes(range(32))
TEXTS = st.lists(st.none() | st.text(max_size=40), min_size=1, max_size=20)
EXAMPLES = settings(max_examples=60, deadline=None, print_blob=True)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE held (c VARCHAR, n BIGINT)")
        yield connection


def alphanum(text: str) -> str:
    return "".join("n" if c in "0123456789" else c if c in "(),.-@" else "x" for c in text)


EXPECTED = {
    "mask-alphanum": alphanum,
    "show-first-4": lambda text: text[:4] + alphanum(text[4:]),
    "show-last-4": lambda text: alphanum(text[:-4]) + text[-4:],
    "sha-256-global": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "sha-256-query-local": lambda text: hashlib.sha256(SALT + text.encode()).hexdigest(),
}


@pytest.mark.parametrize("action", EXPECTED)
@EXAMPLES
@given(TEXTS)
@example(["\x00", "a\nb\r", "e\u0301" * 3, "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\uff11\u0661"])
def test_texts(con, action, texts):
    sql = f"SELECT list_transform($texts::VARCHAR[], lambda c: {mask_expression(action, LONG, 'c')})"
    bound = {"texts": texts, **({"salt": SALT} if "$salt" in sql else {})}
    (found,) = con.execute(sql, bound).fetchone()
    assert found == [None if text is None else EXPECTED[action](text) for text in texts]


@EXAMPLES
@given(st.lists(st.tuples(st.none() | st.sampled_from("abAB"), st.none() | st.integers(0, 3)), max_size=12))
def test_the_order_is_a_function_of_what_leaves(con, rows):
    columns = (Column(name="c", source="c", type="string"), Column(name="n", source="n", type="integer"))
    shape = read_shape(columns, names=["n", "c"], masks={"c": "mask-alphanum"})
    con.execute("DELETE FROM held")
    if rows:
        con.executemany("INSERT INTO held VALUES (?, ?)", rows)
    left = [(n, None if c is None else "x") for c, n in rows]
    found = con.execute(scan_sql(shape, "held")).fetchall()
    assert Counter(found) == Counter(left)
    # Whatever the lake has behind the mask, and in whatever order.
    con.execute("DELETE FROM held")
    if rows:
        con.executemany("INSERT INTO held VALUES (?, ?)", [(c, n) for n, c in reversed(left)])
    assert con.execute(scan_sql(shape, "held")).fetchall() == found
