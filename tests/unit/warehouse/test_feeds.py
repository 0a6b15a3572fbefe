"""Feeds become SQL, or are refused with what the shape allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shanhai.contracts.feeds import feed_columns
from shanhai.contracts.model import Column, Contract, CsvFormat, Feed, Source
from shanhai.contracts.shapes import SHAPES
from shanhai.errors import ContractError
from shanhai.ids import DatasetId

EVENT = SHAPES["event"]


def contract(*columns: Column) -> Contract:
    return Contract(
        dataset=DatasetId("longyou", "calls"),
        version="1.0.0",
        status="active",
        title="calls",
        level="district",
        share_class="unconditional",
        columns=columns,
        source=Source(connector="files", endpoint="api"),
        format=CsvFormat(),
        path=Path("districts/longyou/calls.odcs.yml"),
        digest="0" * 64,
    )


def column(name: str, kind: str = "string", **facts: Any) -> Column:
    return Column(name=name, source=name, type=kind, **{"required": True, **facts})


def sql(columns: tuple[Column, ...], **feeds: Any) -> dict[str, str]:
    filled = {"event_id": {"column": "id"}, "channel": {"value": "public"}} | feeds
    feed = Feed(shape="event", columns=filled)
    return dict(feed_columns(contract(column("id"), *columns), feed, EVENT))


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
    where = (column("lon", "number", crs="GCJ02"),)
    assert sql(where, longitude={"column": "lon"})["crs"] == "cast('GCJ02' as VARCHAR)"


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
    ],
)
def test_what_the_shape_cannot_take_is_refused(columns, feeds, message):
    with pytest.raises(ContractError, match=message) as caught:
        sql(columns, **feeds)
    assert caught.value.file == "districts/longyou/calls.odcs.yml"
