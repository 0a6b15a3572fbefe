"""Malformed rows tell of no column: a delivery of them alone has no column that lost its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from one_city import City

from shanhai.cli import main
from shanhai.contracts.proposals import DropColumn
from shanhai.ingest.records import Validation, read_validation

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "logicalType": "string", "required": True},
    {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"maximum": 100}},
    {"name": "note", "logicalType": "string", "required": True},
    {"name": "place", "logicalType": "string"},
]
HEADER = "id,n,note,place\n"
LONGEST = 100


def good(rows: int, *, first: int = 0, note: str = "x") -> str:
    return "".join(f"{first + at},{at % 7},{note},here\n" for at in range(rows))


def torn(rows: int) -> str:
    return "".join(f"t{at},1\n" for at in range(rows))


@pytest.fixture
def usual(make_city: Callable[..., City]) -> City:
    """A city with two usual deliveries."""
    city = make_city(
        columns=COLUMNS,
        versions={"rule": "append"},
        duplicates="none",
        format={"kind": "csv", "max_line_bytes": LONGEST},
    )
    city.put("p0.csv", HEADER + good(40))
    city.put("p1.csv", HEADER + good(40, first=40))
    city.walk()
    assert {row.verdict for row in city.ledger().values()} == {"accepted"}
    return city


def checked(city: City, body: str | bytes) -> Validation:
    city.put("p2.csv", body)
    city.walk()
    found = read_validation(city.node, city.delivery("p2"))
    assert found is not None
    return found


def emptied(found: Validation) -> list[str]:
    return [column for one in found.differences if one.kind == "emptied_column" for column in one.columns]


KINDS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "too long": (lambda at: f"{at},1,{'x' * LONGEST},here\n".encode(), "line_too_long"),
    "a cell too many": (lambda at: f"{at},1,x,here,y\n".encode(), "ragged"),
    "three cells too few": (lambda at: f"{at}\n".encode(), "ragged"),
    "undecodable": (lambda at: b"%d,1,\xff\xff,here\n" % at, "undecodable"),
    "a stray quote": (lambda at: f'{at},1,"x"y,here\n'.encode(), "stray_quote"),
}
"""By kind, a record of it, and how staging names it."""


@pytest.mark.parametrize("few", [0, 19], ids=["alone", "beside a few others"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_column_is_emptied_by_malformed_rows(
    usual: City, kind: str, few: int, capsys: pytest.CaptureFixture[str]
) -> None:
    record, name = KINDS[kind]
    others = good(few, first=500, note="").encode()
    found = checked(usual, HEADER.encode() + b"".join(map(record, range(40))) + others)
    delivery = usual.delivery("p2")
    staging = usual.node.staging(delivery, found.staging)
    assert f'"{name}":40' in (staging / "staging.json").read_text().replace(" ", "")
    assert found.verdict in ("held", "refused")
    assert emptied(found) == []
    assert not [one for one in found.differences if isinstance(one.proposal, DropColumn)]
    file = usual.root / "districts" / "acity" / "events.odcs.yml"
    before = file.read_text(encoding="utf-8")
    capsys.readouterr()
    node = ["--home", str(usual.root / "home"), "--federation", str(usual.root)]
    main([*node, "contract", "propose", delivery.short, "--write"])
    assert "no longer required" not in capsys.readouterr().out
    assert file.read_text(encoding="utf-8").count("required: true") == before.count("required: true")


@pytest.mark.parametrize(("malformed", "found"), [(20, ["note"]), (0, ["note"])])
def test_a_column_is_emptied_in_what_is_well_formed(usual: City, malformed: int, found: list[str]) -> None:
    assert emptied(checked(usual, HEADER + good(25, first=500, note="") + torn(malformed))) == found


@pytest.mark.parametrize(("malformed", "found"), [(10, ["place"]), (24, [])])
def test_values_that_may_all_be_in_malformed_rows_are_not_missed(
    make_city: Callable[..., City], malformed: int, found: list[str]
) -> None:
    """Half of the rows have a place; as many are malformed now, perhaps because of what stands in it."""
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none")
    bare = "".join(f"b{{0}}{at},1,x,\n" for at in range(20))
    for number in range(2):
        city.put(f"p{number}.csv", HEADER + good(20, first=100 * number) + bare.replace("{0}", str(number)))
        city.walk()
    rows = "".join(f"c{at},1,x,\n" for at in range(24))
    assert emptied(checked(city, HEADER + rows + torn(malformed))) == found


@pytest.mark.parametrize(("rows", "kinds"), [(3, []), (40, ["retyped_column"])])
def test_a_few_rows_beside_malformed_ones_are_not_most(usual: City, rows: int, kinds: list[str]) -> None:
    beyond = "".join(f"r{at},900{at},x,here\n" for at in range(rows))
    found = checked(usual, HEADER + beyond + torn(60 if rows < 40 else 10))
    assert [one.kind for one in found.differences if one.kind != "volume"] == kinds
