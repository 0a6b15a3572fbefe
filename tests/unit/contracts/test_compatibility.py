"""Each change of a contract has a level and a sentence, and the version rises by the weightiest."""

from __future__ import annotations

from typing import Any

import pytest
from plain_contract import plain_contract

from shanhai.contracts import compatibility
from shanhai.contracts.compatibility import check_risen, compare, judges_alike, required_version
from shanhai.contracts.model import (
    Column,
    Contract,
    CsvFormat,
    Delivering,
    Feed,
    FeedValue,
    Partition,
    Schedule,
    Source,
    Tolerance,
    Versions,
)
from shanhai.contracts.queries import Query
from shanhai.errors import ContractError

METER = Column(name="meter_id", source="编号", type="string", required=True)
STATE = Column(name="state", source="state", type="string", codes=("ok", "broken"))
VOLUME = Column(name="volume_m3", source="volume", type="number", unit="m3", minimum=0)
LONGITUDE = Column(name="longitude", source="lng", type="number", crs="GCJ02")
FEED = Feed(shape="event", columns={"event_id": FeedValue(column="meter_id")})
QUERY = Query(name="some", query="SELECT 1", operator="mustBe", limits=(1,), line=7)


def contract(**changed: Any) -> Contract:
    fields: dict[str, Any] = {
        "version": "1.2.3",
        "level": "community",
        "columns": (METER, STATE, VOLUME, LONGITUDE),
        "key": ("meter_id",),
        "source": Source(connector="files", endpoint="portal", options={"path": "*.csv"}),
        "feeds": (FEED,),
        "queries": (QUERY,),
    }
    return plain_contract("longyou.meters", **{**fields, **changed})


def columns(column: Column, **changed: Any) -> dict[str, Any]:
    """The contract's columns with one of them changed."""
    replaced = [
        one.model_copy(update=changed) if one is column else one for one in (METER, STATE, VOLUME, LONGITUDE)
    ]
    return {"columns": tuple(replaced)}


NEW = Column(name="remark", source="备注", type="string")
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("patch", "title", {"title": "智能水表"}),
    ("patch", "status", {"status": "deprecated"}),
    ("patch", "columns", {"columns": (STATE, METER, VOLUME, LONGITUDE)}),
    ("patch", "state.codes", columns(STATE, codes=("broken", "ok"))),
    ("patch", "state.title", columns(STATE, title="状态")),
    ("patch", "schedule", {"schedule": Schedule(start="2024-03-01")}),
    ("minor", "remark", {"columns": (METER, STATE, VOLUME, LONGITUDE, NEW)}),
    ("minor", "meter_id.source", columns(METER, source="水表编号")),
    ("minor", "state.codes", columns(STATE, codes=("ok", "broken", "gone"))),
    ("minor", "state.codes", columns(STATE, codes=("ok",))),
    ("minor", "state.required", columns(STATE, required=True)),
    ("minor", "volume_m3.minimum", columns(VOLUME, minimum=-1)),
    ("minor", "state.personal", columns(STATE, personal=True)),
    ("minor", "state.classification", columns(STATE, classification="important")),
    ("minor", "state.null_tokens", columns(STATE, null_tokens=("-",))),
    ("minor", "format", {"format": CsvFormat(encoding="gb18030")}),
    ("minor", "tolerance", {"tolerance": Tolerance(hold=0.1)}),
    ("minor", "ignored", {"ignored": ("备注",)}),
    ("minor", "feeds", {"feeds": (FEED.model_copy(update={"needs": ("event_id",)}),)}),
    ("major", "volume_m3", {"columns": (METER, STATE, LONGITUDE)}),
    ("major", "volume_m3.type", columns(VOLUME, type="integer")),
    ("major", "volume_m3.unit", columns(VOLUME, unit="L")),
    ("major", "longitude.crs", columns(LONGITUDE, crs="WGS84")),
    ("major", "meter_id.required", columns(METER, required=False)),
    ("major", "key", {"key": ("meter_id", "state")}),
    ("major", "time_zone", {"time_zone": "UTC"}),
    ("major", "share_class", {"share_class": "unconditional"}),
    ("major", "duplicates", {"duplicates": "table"}),
    ("major", "versions", {"versions": Versions(rule="latest", by="volume_m3")}),
    ("major", "schedule", {"schedule": Schedule(window="%Y-%m")}),
    ("major", "delivery", {"delivery": Delivering(partition=Partition(by="window"))}),
    ("major", "feeds", {"feeds": ()}),
]


@pytest.mark.parametrize(("level", "where", "changed"), CASES, ids=lambda value: str(value)[:40])
def test_every_change_has_its_level(level: str, where: str, changed: dict[str, Any]):
    (change,) = compare(contract(), contract(**changed))
    assert (change.level, change.where) == (level, where)
    assert change.why


@pytest.mark.parametrize("column", ["personal", "classification"])
def test_less_protection_is_a_major_change(column: str):
    secret = {"personal": True} if column == "personal" else {"classification": "core"}
    (change,) = compare(contract(**columns(STATE, **secret)), contract())
    assert (change.level, change.where) == ("major", f"state.{column}")


def test_layout_means_nothing():
    moved = QUERY.model_copy(update={"line": 99})
    assert compare(contract(), contract(queries=(moved,), digest="1" * 64, version="9.0.0")) == ()


@pytest.mark.parametrize(
    ("old", "level", "least"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.4.1", "minor", "0.5.0"),
        ("0.4.1", "major", "0.5.0"),
        ("0.4.1", "patch", "0.4.2"),
    ],
)
def test_the_version_rises_by_the_weightiest_change(old: str, level: Any, least: str):
    patch = compatibility.Change("patch", "title", "a", "b", "words")
    assert required_version(old, (patch, compatibility.Change(level, "x", "", "", "why"))) == least
    assert required_version(old, ()) == old


@pytest.mark.parametrize("version", ["1.3.0", "1.10.0", "2.0.0"])
def test_a_version_that_rose_enough_is_taken(version: str):
    check_risen(contract(), contract(**columns(STATE, codes=("ok", "broken", "gone")), version=version))


@pytest.mark.parametrize("version", ["1.2.3", "1.2.9", "1.1.0", "0.9.0"])
def test_a_version_that_did_not_rise_enough_is_refused_with_the_changes(version: str):
    changed = contract(**columns(STATE, codes=("ok", "broken", "gone")), version=version)
    with pytest.raises(ContractError) as caught:
        check_risen(contract(), changed)
    assert "1.3.0" in str(caught.value.allowed)
    assert "state.codes: nothing → gone" in str(caught.value.given)
    assert "contract compare longyou.meters" in caught.value.hint


def test_the_same_meaning_needs_no_new_version():
    check_risen(contract(), contract(digest="1" * 64, version="1.2.3"))


@pytest.mark.parametrize(
    ("model", "judges"), [(Column, compatibility._COLUMN), (Contract, compatibility._CONTRACT)]
)
def test_every_key_of_a_contract_has_a_level(model: Any, judges: Any):
    assert set(model.model_fields) - set(compatibility._NOT_COMPARED) <= set(judges)


BESIDES = {
    *("title", "description", "status", "level", "licence", "share_class", "source", "feeds", "retention"),
    *("schedule", "state.title", "state.description", "state.personal", "state.classification"),
}


@pytest.mark.parametrize(("level", "where", "changed"), CASES)
def test_what_says_nothing_of_rows_judges_alike(level: str, where: str, changed: dict[str, Any]):
    other_windows = (where, level) == ("schedule", "major")
    assert judges_alike(contract(), contract(**changed)) == (where in BESIDES and not other_windows)
