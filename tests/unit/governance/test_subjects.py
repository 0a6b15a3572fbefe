"""People are counted, not rows: in groups, in what is left of a total, between versions."""

from __future__ import annotations

import duckdb
import pytest
from vectors.shape_cases import columns_of

from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import read_shape
from shanhai.governance.subjects import (
    LEAVES,
    SUBJECT,
    complement_sql,
    difference_sql,
    groups_sql,
    measured,
)

PEOPLE = {"subject": "person", "by": ["village", "sex"]}


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        yield connection


def table(con, name: str, *rows: tuple[str | None, str, str]) -> str:
    con.execute(f"CREATE TABLE {name} (person VARCHAR, village VARCHAR, sex VARCHAR)")
    if rows:
        con.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows)
    return name


def people(prefix: str, many: int, village: str, sex: str) -> list[tuple[str, str, str]]:
    return [(f"{prefix}{one}", village, sex) for one in range(many)]


def ask(con, sql: str):
    return con.execute(sql).fetchone()


def test_groups_are_of_subjects(con):
    rows = [*people("a", 5, "east", "f"), *people("b", 2, "east", "m") * 9, *people("c", 4, "west", "f")]
    held = table(con, "held", *rows)
    assert ask(con, groups_sql(held, **PEOPLE)) == (2, 4)
    assert ask(con, groups_sql(held, **PEOPLE, condition="sex = 'f'")) == (4, 4)
    assert ask(con, groups_sql(held, subject="person", by=[])) == (11, 27)


def test_a_row_without_a_subject_is_nobody(con):
    held = table(con, "held", *people("a", 5, "east", "f"), (None, "west", "f"), (None, "west", "f"))
    assert ask(con, groups_sql(held, **PEOPLE)) == (0, 2)


def test_where_nothing_leaves_there_is_no_group(con):
    held = table(con, "held", *people("a", 5, "east", "f"))
    for by in (["village"], []):
        assert ask(con, groups_sql(held, subject="person", by=by, condition="false")) == (None, None)
    assert ask(con, complement_sql(held, **PEOPLE, condition="false")) == (None,)


def test_what_stays_of_a_group_is_counted(con):
    held = table(con, "held", *people("a", 9, "east", "f"), *people("b", 9, "west", "f"))
    assert ask(con, complement_sql(held, **PEOPLE, condition="person <> 'a1'")) == (1,)
    assert ask(con, complement_sql(held, **PEOPLE, condition="true")) == (None,)
    assert ask(con, complement_sql(held, **PEOPLE, condition="NULL")) == (None,)


def test_a_small_group_that_is_left_out_is_found_by_the_total(con):
    """East has nine women and one man: who knows the total of east and the women knows the man."""
    held = table(con, "held", *people("a", 9, "east", "f"), *people("b", 1, "east", "m"))
    assert ask(con, groups_sql(held, **PEOPLE, condition="sex = 'f'")) == (9, 9)
    assert ask(con, complement_sql(held, **PEOPLE, condition="sex = 'f'")) == (1,)


def test_one_who_leaves_with_another_row_does_not_stay(con):
    held = table(con, "held", ("a", "east", "f"), ("a", "east", "m"), *people("b", 5, "east", "f"))
    found = ask(con, complement_sql(held, subject="person", by=["village"], condition="sex = 'f'"))
    assert found == (None,)


def test_between_versions_comings_and_goings_are_counted_apart(con):
    """Two came and two went: the count is the same, the people are not."""
    earlier = table(con, "earlier", *people("a", 6, "east", "f"), *people("b", 2, "east", "f"))
    later = table(con, "later", *people("a", 6, "east", "f"), *people("c", 2, "east", "f"))
    assert ask(con, difference_sql(earlier, later, **PEOPLE, condition="true")) == (2,)
    assert ask(con, difference_sql(later, later, **PEOPLE, condition="true")) == (None,)


def test_one_who_moves_shows_in_the_groups_and_one_who_goes_in_the_total(con):
    crowd = [*people("a", 9, "east", "f"), *people("b", 9, "west", "f")]
    moved = [*people("a", 9, "west", "f"), *people("b", 9, "west", "f")]
    earlier, later = table(con, "earlier", *crowd), table(con, "later", *moved)
    assert ask(con, difference_sql(earlier, later, **PEOPLE, condition="true")) == (9,)
    fewer = table(con, "fewer", *moved[1:])
    assert ask(con, difference_sql(earlier, fewer, **PEOPLE, condition="true")) == (1,)


def test_more_rows_of_the_same_people_are_no_difference(con):
    earlier = table(con, "earlier", *people("a", 3, "east", "f"))
    later = table(con, "later", *people("a", 3, "east", "f") * 4)
    assert ask(con, difference_sql(earlier, later, **PEOPLE, condition="true")) == (None,)


def test_a_condition_cannot_reach_beyond_its_place(con):
    """OR binds less than what the statements add, so the condition stands in parentheses."""
    held = table(con, "held", *people("a", 3, "east", "f"), (None, "west", "f"))
    either = "sex = 'f' OR sex = 'm' --"
    assert ask(con, difference_sql(held, held, **PEOPLE, condition=either)) == (None,)
    assert ask(con, complement_sql(held, **PEOPLE, condition=either)) == (None,)


def test_a_total_over_two_columns_is_looked_at_too(con):
    """East keeps one person back. The cell is empty, and totals over a pair of columns keep back more."""
    con.execute("CREATE TABLE held (person VARCHAR, village VARCHAR, sex VARCHAR, year VARCHAR)")
    rows = [
        *((f"a{n}", "east", "f", "1") for n in range(9)),
        ("c", "east", "m", "2"),
        *((f"d{n}", "west", "m", "1") for n in range(9)),
        *((f"e{n}", "west", "f", "2") for n in range(9)),
        *((f"g{n}", "south", "m", "2") for n in range(9)),
    ]
    con.executemany("INSERT INTO held VALUES (?, ?, ?, ?)", rows)
    by = ["village", "sex", "year"]
    condition = "NOT (sex = 'm' AND year = '2')"
    assert ask(con, complement_sql("held", subject="person", by=by, condition=condition)) == (1,)


def test_so_many_totals_are_not_counted(con):
    with pytest.raises(ShapeRefusedError) as refused:
        complement_sql("held", subject="person", by=[f"c{n}" for n in range(13)], condition="true")
    assert refused.value.code == "columns-too-many"


def test_groups_are_those_that_the_recipient_sees(con):
    """Of a month nobody leaves, so it is no group; of the year that it is masked to all but one leave."""
    columns = columns_of([{"name": "person", "type": "string"}, {"name": "born", "type": "date"}])
    con.execute("CREATE TABLE held (person VARCHAR, born DATE)")
    rows = [*((f"a{n}", "2001-01-05") for n in range(9)), ("b", "2001-02-05")]
    con.executemany("INSERT INTO held VALUES (?, ?)", rows)
    condition = "born < DATE '2001-02-01'"
    for masks, behind in (({}, 1), ({"born": "truncate-to-year"}, 1)):
        shape = read_shape(columns, names=["born"], row_filter=condition, masks=masks)
        counted = measured(shape, "held", subject="person", columns=["born"])
        found = ask(con, complement_sql(counted, subject=SUBJECT, by=["born"], condition=LEAVES))
        assert found == (behind,)
    fine = measured(read_shape(columns, names=["born"]), "held", subject="person", columns=["born"])
    coarse = measured(
        read_shape(columns, names=["born"], masks={"born": "truncate-to-year"}), "held",
        subject="person", columns=["born"],
    )  # fmt: skip
    groups = [
        ask(con, groups_sql(one, subject=SUBJECT, by=["born"], condition=LEAVES)) for one in (fine, coarse)
    ]
    assert groups == [(1, 1), (10, 10)]
