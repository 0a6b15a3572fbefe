"""Feeds become SQL, or are refused with what the shape allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plain_contract import plain_contract

from shanhai.contracts.feeds import Part, feed_parts
from shanhai.contracts.model import Column, Contract, Feed, Source
from shanhai.contracts.shapes import SHAPES
from shanhai.errors import ContractError

EVENT = SHAPES["event"]


def contract(*columns: Column) -> Contract:
    return plain_contract(
        "longyou.calls",
        *columns,
        share_class="unconditional",
        source=Source(connector="files", endpoint="api"),
        path=Path("districts/longyou/calls.odcs.yml"),
    )


def column(name: str, kind: str = "string", **facts: Any) -> Column:
    return Column(name=name, source=name, type=kind, **{"required": True, **facts})


def sql(columns: tuple[Column, ...], **feeds: Any) -> dict[str, str]:
    filled = {"event_id": {"column": "id"}, "channel": {"value": "public"}} | feeds
    (part,) = parts((column("id"), *columns), {"shape": "event", "columns": filled})
    return dict(part.columns)


def parts(columns: tuple[Column, ...], *feeds: dict[str, Any]) -> list[Part]:
    made = contract(*columns).model_copy(update={"feeds": tuple(Feed.model_validate(one) for one in feeds)})
    return feed_parts(made, SHAPES[feeds[0]["shape"]])


def test_every_column_of_the_shape_is_there_in_its_order():
    names = list(sql(()))
    assert names == [
        *(column.name for column in EVENT.columns),
        "district",
        "dataset",
        "_delivery",
        "_partition",
    ]


def test_a_day_becomes_the_instant_it_begins_where_the_contract_says():
    assert sql((column("day", "date"),), reported_at={"column": "day"})["reported_at"] == (
        "cast(timezone('Asia/Shanghai', cast(\"day\" as TIMESTAMP)) as TIMESTAMP WITH TIME ZONE)"
    )


def test_codes_are_mapped_and_quoted():
    mapped = sql((column("st"),), status={"column": "st", "codes": {"已办结": "closed", "it's": "open"}})
    assert mapped["status"] == (
        'cast(case cast("st" as VARCHAR)\n'
        "        when 'it''s' then 'open'\n"
        "        when '已办结' then 'closed'\n"
        "    end as VARCHAR)"
    )


def test_coordinates_bring_their_system():
    where = (column("lon", "number", crs="GCJ02"), column("lat", "number", crs="GCJ02"))
    fed = sql(where, longitude={"column": "lon"}, latitude={"column": "lat"})
    assert fed["crs"] == "cast('GCJ02' as VARCHAR)"


def test_the_partition_can_feed_a_column():
    assert sql((), category={"column": "_partition"})["category"] == 'cast("_partition" as VARCHAR)'


@pytest.mark.parametrize(
    ("columns", "feeds", "message"),
    [
        ((column("st"),), {"reported_at": {"column": "st"}}, "reported_at cannot be made of st"),
        ((), {"channel": {"value": "phone"}}, "closed list.*phone.*sensor"),
        ((column("by", codes=("a", "b")),), {"channel": {"column": "by"}}, "closed list.*a, b"),
        ((column("by"),), {"channel": {"column": "by"}}, "closed list.*any value of by"),
        (
            (column("by", codes=("a", "b")),),
            {"channel": {"column": "by", "codes": {"a": "public"}}},
            "channel needs a meaning for.*given: b",
        ),
        (
            (column("by"),),
            {"channel": {"column": "by", "codes": {"a": "public"}}},
            "channel needs a meaning for.*any value of by",
        ),
        (
            (column("by", codes=("a",), required=False),),
            {"channel": {"column": "by", "codes": {"a": "public"}}},
            "channel is never missing",
        ),
        ((column("x", required=False),), {"event_id": {"column": "x"}}, "event_id is never missing"),
        (
            (column("x", codes=("a",)),),
            {"event_id": {"column": "x", "when": {"column": "x", "in": ["a"]}}},
            "event_id is never missing",
        ),
        (
            (column("x", codes=("a", "b")),),
            {"area_code": {"column": "x", "when": {"column": "x", "in": ["closed"]}}},
            "codes that x never has.*closed.*a, b",
        ),
        (
            (column("lon", "number"), column("lat", "number", crs="WGS84")),
            {"longitude": {"column": "lon"}, "latitude": {"column": "lat"}},
            "longitude of lon, whose coordinate system.*no crs.*WGS84",
        ),
        (
            (column("lon", "number", crs="EPSG:4549"),),
            {"longitude": {"column": "lon"}},
            "longitude of lon, whose coordinate system.*EPSG:4549",
        ),
        (
            (column("lon", "number", crs="BD09"), column("lat", "number", crs="GCJ02")),
            {"longitude": {"column": "lon"}, "latitude": {"column": "lat"}},
            "two coordinate systems",
        ),
        (
            (column("lon", "number", crs="BD09"), column("lat", "number", crs="BD09")),
            {"longitude": {"column": "lon"}, "latitude": {"column": "lat"}, "crs": {"value": "WGS84"}},
            "lon states another coordinate system.*WGS84.*BD09",
        ),
        (
            (column("lat", "number", crs="BD09"),),
            {"latitude": {"column": "lat"}},
            "a coordinate without the other",
        ),
        ((), {"reported_at": {"value": "2024-03-01"}}, "reported_at cannot be a constant"),
    ],
)
def test_what_the_shape_cannot_take_is_refused(columns, feeds, message):
    with pytest.raises(ContractError, match=message) as caught:
        sql(columns, **feeds)
    assert caught.value.file == "districts/longyou/calls.odcs.yml"


READING = {
    "shape": "reading",
    "columns": {"sensor_id": {"column": "id"}, "observed_at": {"column": "at"}},
}
SENSOR = (column("id"), column("at", "timestamp"))


def reading(column_of_value: Column, quantity: str, **more: Any) -> dict[str, str]:
    fed = READING["columns"] | {"quantity": {"value": quantity}, "value": {"column": column_of_value.name}}
    (part,) = parts((*SENSOR, column_of_value), READING | {"columns": fed | more})
    return dict(part.columns)


def test_a_value_happens_only_where_its_condition_holds():
    closed = {"column": "at", "when": {"column": "st", "in": ["closed", "it's"]}}
    fed = sql((column("st"), column("at", "timestamp")), solved_at=closed)
    assert fed["solved_at"] == (
        "cast(case when cast(\"st\" as VARCHAR) in ('closed', 'it''s') then \"at\" end "
        "as TIMESTAMP WITH TIME ZONE)"
    )


def test_a_reading_brings_the_unit_of_its_quantity():
    fed = reading(column("db", "number", unit="dB"), "noise_laeq", interval_seconds={"value": 60})
    assert fed["unit"] == "cast('dB' as VARCHAR)"
    assert fed["interval_seconds"] == "cast('60' as INTEGER)"
    assert fed["value"] == 'cast("db" as DOUBLE)'


def test_a_value_in_another_unit_of_the_same_kind_is_converted():
    assert reading(column("n", "number", unit="L"), "water_volume")["value"] == 'cast("n" * 0.001 as DOUBLE)'


@pytest.mark.parametrize(
    ("unit", "given"), [(None, "no unit"), ("ppb", "ppb"), ("m3", "m3")], ids=["none", "ppb", "m3"]
)
def test_a_value_in_a_unit_of_another_kind_is_refused(unit, given):
    with pytest.raises(ContractError, match=f"n is not in the unit of o3.*{given}.*ug/m3"):
        reading(column("n", "number", unit=unit), "o3")


def test_no_feed_states_a_unit():
    with pytest.raises(ContractError, match="the unit follows from the quantity"):
        reading(column("n", "number", unit="dB"), "noise_laeq", unit={"value": "dB"})


def test_one_column_of_values_has_one_unit():
    kinds = column("kind", codes=("co", "o3"))
    fed = READING["columns"] | {"quantity": {"column": "kind"}, "value": {"column": "n"}}
    columns = (*SENSOR, kinds, column("n", "number", unit="ug/m3"))
    with pytest.raises(ContractError, match=r"several units.*co: mg/m3.*`where`"):
        parts(columns, READING | {"columns": fed})
    where = {"where": {"column": "kind", "in": ["o3"]}}
    fed |= {"quantity": {"value": "o3"}}
    (part,) = parts(columns, READING | {"columns": fed} | where)
    assert part.where == "cast(\"kind\" as VARCHAR) in ('o3')"


def test_a_reading_without_a_value_is_missing_whatever_its_flag_says():
    fed = reading(column("db", "number", unit="dB", required=False), "noise_laeq")
    assert fed["quality"] == (
        "case when cast(\"db\" as DOUBLE) is null then 'missing' else cast('good' as VARCHAR) end"
    )


def test_a_flag_of_the_source_maps_completely_or_is_refused():
    flag = column("ok", "boolean")
    fed = READING["columns"] | {"quantity": {"value": "aqi"}, "value": {"column": "n"}}
    columns = (*SENSOR, flag, column("n", "number", unit="1"))
    whole = fed | {"quality": {"column": "ok", "codes": {"true": "good", "false": "suspect"}}}
    (part,) = parts(columns, READING | {"columns": whole})
    assert "when 'false' then 'suspect'" in dict(part.columns)["quality"]
    half = fed | {"quality": {"column": "ok", "codes": {"true": "good"}}}
    with pytest.raises(ContractError, match=r"quality needs a meaning for.*false"):
        parts(columns, READING | {"columns": half})


def test_a_wide_row_is_a_reading_of_each_quantity_that_it_has():
    wide = (column("pm", "number", unit="ug/m3", required=False), column("co", "number", unit="mg/m3"))
    found = parts(
        (*SENSOR, *wide), READING | {"readings": {"pm2_5": {"column": "pm"}, "co": {"column": "co"}}}
    )
    told = [(dict(part.columns)["quantity"], dict(part.columns)["unit"], part.where) for part in found]
    assert told == [
        ("cast('pm2_5' as VARCHAR)", "cast('ug/m3' as VARCHAR)", 'cast("pm" as DOUBLE) is not null'),
        ("cast('co' as VARCHAR)", "cast('mg/m3' as VARCHAR)", 'cast("co" as DOUBLE) is not null'),
    ]


def test_a_column_that_may_be_missing_feeds_what_must_not_where_it_is_there():
    loose = {"shape": "event", "columns": {"event_id": {"column": "id"}, "channel": {"value": "public"}}}
    (part,) = parts((column("id", required=False),), loose | {"needs": ["event_id"]})
    assert part.where == 'cast("id" as VARCHAR) is not null'
