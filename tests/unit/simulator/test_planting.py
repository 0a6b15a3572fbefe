"""Planting keeps the account: every planted row has a fate, and no row is planted twice."""

import pytest

from infra.simulator.deliveries import Column, Dataset, Delivery, Row
from infra.simulator.planting import Field
from infra.simulator.truth import expectations

COLUMNS = (Column("key", "键"), Column("value", "值"))


def field(rows: int = 20, name: str = "a") -> Field:
    return Field("x.y", name, COLUMNS, [(f"k{number}", number) for number in range(rows)])


def test_each_fault_meets_its_own_rows() -> None:
    planted = field()
    planted.spoil(3, "bad type", "value", "type", "x")
    planted.spoil_both(1, "two", {"key": None, "value": -1}, ("key.required", "value.range"))
    planted.mangle(2, "ragged", lambda values: b"torn")
    planted.disguise(2, "spaces", "key", lambda cell: f" {cell} ")
    planted.repeat(2)
    planted.outdate(1, {"value": -5})
    planted.end_with("unterminated quote", lambda values: b'"')
    rows = planted.rows()
    assert len(rows) == 20 + 2 + 1 + 1
    assert rows[-1].fault == "unterminated quote"
    line = expectations(Dataset("x.y", COLUMNS, (Delivery("x.y", "a", "a", rows),)))[0]
    assert (line.loaded, line.quarantined, line.malformed) == (20 - 6, 7, 3)
    assert (line.duplicates, line.superseded, line.withheld) == (2, 1, 0)
    assert line.reasons == {"key.required": 1, "value.range": 1, "value.type": 3}


def test_more_faults_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows asked for, 2 are left"):
        field(2).repeat(3)


def test_the_same_name_plants_the_same_rows() -> None:
    first, again, other = field(), field(), field(name="b")
    for planted in (first, again, other):
        planted.spoil(5, "bad type", "value", "type", "x")
    assert first.rows() == again.rows() != other.rows()


def delivery(name: str, *rows: Row, verdict: str = "accepted", replaces: str | None = None) -> Delivery:
    return Delivery("x.y", name, name, rows, verdict=verdict, replaces=replaces)  # type: ignore[arg-type]


GOOD = Row(("k", 1))


def test_a_correction_is_booked_on_the_delivery_that_loses() -> None:
    first = delivery("1", GOOD, GOOD)
    second = delivery("2", Row(("k", 2), supersedes="1"))
    one, two = expectations(Dataset("x.y", COLUMNS, (first, second)))
    assert (one.loaded, one.superseded) == (1, 1)
    assert (two.loaded, two.superseded) == (1, 0)


def test_a_replaced_delivery_keeps_what_was_never_loaded() -> None:
    first = delivery("1", GOOD, Row(("k", 1), "duplicate"), Row((None, 1), "bad", breaks=("key.required",)))
    second = delivery("1.r2", GOOD, replaces="1")
    one, _ = expectations(Dataset("x.y", COLUMNS, (first, second)))
    assert (one.loaded, one.superseded, one.duplicates, one.quarantined) == (0, 1, 1, 1)


@pytest.mark.parametrize("verdict", ["held", "refused"])
def test_what_is_held_supersedes_nothing(verdict: str) -> None:
    first = delivery("1", GOOD)
    second = delivery("2", Row(("k", 2), supersedes="1"), GOOD, verdict=verdict)
    one, two = expectations(Dataset("x.y", COLUMNS, (first, second)))
    assert (one.loaded, one.superseded) == (1, 0)
    assert (two.loaded, two.withheld) == (0, 2)
