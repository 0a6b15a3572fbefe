"""The connectors to portals: what they ask for, and which answers they take for errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.ckan import CkanConnector
from connectors.open311 import Open311Connector
from connectors.socrata import SocrataConnector
from shanhai.connect.conformance import collect
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, ShanhaiError, SourceError
from tests.conformance.far_side import FarSide, Reply
from tests.conformance.portals import CkanPortal, Open311City, SocrataPortal


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(lambda asked: Reply(b"[]", media_type="application/json")) as far_side:
        yield far_side


def context(far: FarSide) -> ConnectContext:
    return ConnectContext(far.address, lambda name: SecretStr("canary-77"), attempts=2, sleep=lambda s: None)


def open311(far: FarSide, **options: Any) -> Open311Connector:
    return Open311Connector(options, context(far))


def ckan(far: FarSide, **options: Any) -> CkanConnector:
    return CkanConnector(options, context(far))


def socrata(far: FarSide, **options: Any) -> SocrataConnector:
    return SocrataConnector({"dataset": "ydr8-5enu"} | options, context(far))


@pytest.mark.parametrize(
    ("window", "spans"),
    [
        ("2024-03-01", [("2024-03-01T00:00:00", "2024-03-01T23:59:59")]),
        ("2024-02", [("2024-02-01T00:00:00", "2024-02-29T23:59:59")]),
        ("2024-12-31T23", [("2024-12-31T23:00:00", "2024-12-31T23:59:59")]),
        (
            "2023",
            [
                ("2023-01-01T00:00:00", "2023-03-31T23:59:59"),
                ("2023-04-01T00:00:00", "2023-06-29T23:59:59"),
                ("2023-06-30T00:00:00", "2023-09-27T23:59:59"),
                ("2023-09-28T00:00:00", "2023-12-26T23:59:59"),
                ("2023-12-27T00:00:00", "2023-12-31T23:59:59"),
            ],
        ),
    ],
)
def test_open311_asks_for_whole_windows_in_parts(far: FarSide, window: str, spans: list[Any]) -> None:
    bodies = collect(open311(far, zone="+08:00", service_code=["a", "b"], status="open"), window)
    asked = [(one.query["start_date"], one.query["end_date"]) for one in far.asked]
    assert asked == [(f"{start}+08:00", f"{end}+08:00") for start, end in spans]
    assert len(bodies) == len(spans)
    assert far.asked[0].query["service_code"] == "a,b"
    assert far.asked[0].query["status"] == "open"
    assert far.asked[0].path == "/requests.json"


def test_open311_days_meet_without_gap_or_overlap(far: FarSide) -> None:
    moments = [
        f"2024-0{2 + day // 29}-{day % 29 + 1:02}T{time}Z" for day in range(40)
        for time in ("00:00:00", "00:00:01", "12:00:00", "23:59:59")
    ]  # fmt: skip
    far.answer = Open311City({f"{number}": made for number, made in enumerate(moments)}).answer
    connector = open311(far, windows=["2024-02", "2024-03"], max_days=7, page_size=5)
    keys = [
        one["service_request_id"]
        for content in collect(connector, None).values()
        for one in json.loads(content)
    ]
    assert sorted(keys, key=int) == [f"{number}" for number in range(len(moments))]


def test_open311_needs_a_window(far: FarSide) -> None:
    with pytest.raises(ConfigurationError, match="a window is needed"):
        collect(open311(far), None)
    with pytest.raises(ConfigurationError, match="is no date"):
        collect(open311(far), "all")


def test_open311_without_paging_may_have_left_requests_out(far: FarSide) -> None:
    many = [{"service_request_id": str(number)} for number in range(1000)]
    far.answer = lambda asked: Reply(json.dumps(many).encode(), media_type="text/json")
    with pytest.raises(SourceError, match="may have left requests out"):
        collect(open311(far, page_size=None), "2024-03-01")
    many.pop()
    assert len(collect(open311(far, page_size=None), "2024-03-01")) == 1
    assert "page_size" not in far.asked[0].query


def test_open311_that_gives_smaller_pages_than_asked_for_is_refused(far: FarSide) -> None:
    portal = Open311City({f"{number}": "2024-03-01T00:00:00Z" for number in range(9)})
    far.answer = lambda asked: portal.answer(
        type(asked)(asked.path, {**asked.query, "page_size": "2"}, asked.headers, asked.raw)
    )
    with pytest.raises(SourceError, match="a part of page 1 only"):
        collect(open311(far, page_size=5), "2024-03-01")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("Authorization Error", DeniedError),
        ("Not Found Error", NotFoundError),
        ("Validation Error", ConfigurationError),
        ("Internal Server Error", SourceError),
    ],
)
@pytest.mark.parametrize(
    "options",
    [{"read": "catalogue"}, {"read": "datastore", "resource": "r"}, {"read": "resources", "dataset": "d"}],
)
def test_ckan_says_no_with_status_200(
    far: FarSide, kind: str, error: type[ShanhaiError], options: dict[str, str]
) -> None:
    far.answer = lambda asked: CkanPortal().failure(kind)
    with pytest.raises(error) as refused:
        collect(ckan(far, **options), None)
    assert "not told" not in str(refused.value)


def test_ckan_that_caps_its_pages_is_refused(far: FarSide) -> None:
    far.answer = CkanPortal(most=2).answer
    with pytest.raises(SourceError, match="a part of page 1 only"):
        collect(ckan(far, read="datastore", resource="table", page_size=5), None)


def test_ckan_filters_go_as_json(far: FarSide) -> None:
    far.answer = CkanPortal().answer
    collect(ckan(far, read="datastore", resource="table", filters={"街道": ["a", "b"]}), None)
    assert json.loads(far.asked[0].query["filters"]) == {"街道": ["a", "b"]}
    assert far.asked[0].query["include_total"] == "true"


def test_ckan_files_elsewhere_get_no_token(far: FarSide) -> None:
    with FarSide(lambda asked: Reply(b"a\n1\n")) as other:
        resources = [{"id": "x", "url": f"{other.address}/f.csv"}]
        far.answer = CkanPortal(resources=resources).answer
        options = {"read": "resources", "dataset": "trees", "token": "portal"}
        with pytest.raises(DeniedError, match="option origins"):
            collect(ckan(far, **options), None)
        assert other.asked == []
        assert list(collect(ckan(far, **options, origins=[other.address]), None)) == ["x/f.csv"]
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/d/..%2f..%2fetc%2fpasswd", "x/passwd"),
        ("/d/", "x/file"),
        ("/d/.hidden", "x/hidden"),
        ("/d/年 度.csv", "x/年_度.csv"),
    ],
)
def test_ckan_file_names_stay_names(far: FarSide, url: str, name: str) -> None:
    portal = CkanPortal(resources=[{"id": "x", "url": url}])
    far.answer = lambda asked: portal.answer(asked) if "action" in asked.path else Reply(b"1")
    assert list(collect(ckan(far, read="resources", dataset="trees"), None)) == [name]


def test_ckan_without_a_file_that_fits_is_an_error(far: FarSide) -> None:
    far.answer = CkanPortal(resources=[{"id": "x", "url": "/x", "format": "PDF"}]).answer
    with pytest.raises(NotFoundError, match="no such files"):
        collect(ckan(far, read="resources", dataset="trees", format=["csv"]), None)
    with pytest.raises(SourceError, match="for window 2024-03"):
        collect(ckan(far, read="resources", dataset="trees", name="*{window}*"), "2024-03")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"read": "resources"}, "needs dataset"),
        ({"read": "datastore"}, "needs resource"),
        ({"read": "catalogue", "dataset": "x"}, "has no dataset"),
        ({"read": "resources", "dataset": "x", "sort": "id"}, "has no sort"),
    ],
)
def test_ckan_options_fit_what_is_read(far: FarSide, options: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        ckan(far, **options)


def test_socrata_rows_are_always_in_order(far: FarSide) -> None:
    far.answer = SocrataPortal().answer
    for order in ("id", "updated", "offset"):
        far.asked.clear()
        connector = socrata(far, order=order, page_size=3, where="ward = '7'")
        rows = [row for content in collect(connector, None).values() for row in json.loads(content)]
        assert [row["id"] for row in rows] == list(range(100, 108))
        assert all(asked.query["$order"].endswith(":id") for asked in far.asked)
        assert all(asked.query["$where"].lstrip("(").startswith("ward = '7'") for asked in far.asked)
    assert [asked.query["$offset"] for asked in far.asked] == ["0", "3", "6", "8"]


def test_socrata_goes_on_after_the_last_row(far: FarSide) -> None:
    rows = [{":id": "row-1", ":updated_at": "2024-03-01T00:00:00.000Z", "name": "x"}]
    far.first = [Reply(json.dumps(rows).encode(), media_type="application/json")]
    collect(socrata(far, order="updated", where="a = 1 OR b = 2"), None)
    assert far.asked[1].query["$where"] == (
        "(a = 1 OR b = 2) AND (:updated_at > '2024-03-01T00:00:00.000Z' OR "
        "(:updated_at = '2024-03-01T00:00:00.000Z' AND :id > 'row-1'))"
    )


def test_socrata_without_row_identifiers_is_refused(far: FarSide) -> None:
    far.answer = lambda asked: Reply(b'[{"name": "x"}]', media_type="application/json")
    with pytest.raises(SourceError, match="something else at :id of a record"):
        collect(socrata(far, select="name"), None)


def test_socrata_catalogue(far: FarSide) -> None:
    far.answer = SocrataPortal().answer
    connector = socrata(far, dataset=None, read="catalogue", domain="data.example.org", page_size=5)
    assert len(collect(connector, None)) == 2
    assert far.asked[0].query["domains"] == "data.example.org"
    assert far.asked[0].query["order"] == "dataset_id"


@pytest.mark.parametrize(
    "content", [b'":id","a"\n"row-1"\n', b'":id"\n"row-1"x"\n', b"\xff\xfe", b'":id"\n"row-1']
)
def test_socrata_csv_that_is_cut_off_is_refused(far: FarSide, content: bytes) -> None:
    far.answer = lambda asked: Reply(content, media_type="text/csv")
    with pytest.raises(SourceError, match="does not answer with"):
        collect(socrata(far, form="csv"), None)


@pytest.mark.parametrize("connector", [open311, ckan, socrata])
def test_a_folder_is_no_portal(connector: Any) -> None:
    class Folder:
        address = "/data"

    options = {"read": "catalogue"} if connector is ckan else {}
    with pytest.raises(ConfigurationError, match="the endpoint is no address"):
        connector(Folder(), **options)
