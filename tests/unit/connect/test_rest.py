"""The connector `rest`: what it asks, and where it stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.rest import RestConnector
from shanhai.connect.conformance import collect
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import ConfigurationError, DataError, DeniedError, SourceError
from tests.conformance.far_side import FarSide, Reply

SECRET = "canary-771c02e8"
BEARER = {"kind": "bearer", "secret": "api"}


def page(document: Any) -> Reply:
    return Reply(json.dumps(document).encode(), media_type="application/json; charset=utf-8")


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(lambda asked: page([])) as far_side:
        yield far_side


def rest(far: FarSide, **options: Any) -> RestConnector:
    context = ConnectContext(f"{far.address}/v1/", lambda name: SecretStr(SECRET), sleep=lambda seconds: None)
    return RestConnector(options, context)


def test_parameters_are_filled_and_kept_on_every_page(far: FarSide) -> None:
    far.first = [page([1]), page([2])]
    params = {"from": "{window}", "to": "{next_window}", "size": 1, "all": True, "名": "水 表&"}
    connector = rest(far, path="events/{window:%Y}", params=params, paging={"kind": "page", "records": ""})
    bodies = list(connector.pull("2024-02-29"))
    fixed = {"from": "2024-02-29", "to": "2024-03-01", "size": "1", "all": "true", "名": "水 表&"}
    assert [asked.query for asked in far.asked] == [fixed | {"page": str(number)} for number in (1, 2, 3)]
    assert {asked.path for asked in far.asked} == {"/v1/events/2024"}
    assert [body.name for body in bodies] == ["page-000001.json", "page-000002.json"]
    assert bodies[0].origin.startswith(f"{far.address}/v1/events/2024?from=2024-02-29&to=2024-03-01")
    assert bodies[0].media_type == "application/json"


def test_listed_windows_are_folders(far: FarSide) -> None:
    connector = rest(far, params={"day": "{window}"}, windows=["2024-03-01", "2024-03-02"])
    assert list(collect(connector, None)) == ["2024-03-01/page-000001.json", "2024-03-02/page-000001.json"]
    assert [asked.query["day"] for asked in far.asked] == ["2024-03-01", "2024-03-02"]


def test_a_cursor_goes_back_as_it_came(far: FarSide) -> None:
    far.first = [page({"next": "a/b=&?页"}), page({"next": 0.5}), page({"next": None})]
    connector = rest(far, params={"q": "x"}, paging={"kind": "cursor", "next": "next", "param": "cursor"})
    assert len(collect(connector, None)) == 3
    assert [asked.query.get("cursor") for asked in far.asked] == [None, "a/b=&?页", "0.5"]
    assert all(asked.query["q"] == "x" for asked in far.asked)


def test_a_cursor_loop_is_seen(far: FarSide) -> None:
    far.answer = lambda asked: page({"next": "same"})
    with pytest.raises(SourceError, match="goes in circles"):
        collect(rest(far, paging={"kind": "cursor", "next": "next", "param": "cursor"}), None)
    assert len(far.asked) == 2


@pytest.mark.parametrize("link", ["/v1/p?n=2", "?n=2", "p?n=2", "{address}/v1/p?n=2"])
def test_a_next_link_of_the_same_origin_is_followed_with_the_secret(far: FarSide, link: str) -> None:
    far.first = [page({"next": link.format(address=far.address)}), page({"next": None})]
    connector = rest(far, params={"n": 1}, paging={"kind": "next_url", "next": "next"}, auth=BEARER)
    assert len(collect(connector, None)) == 2
    assert [asked.query["n"] for asked in far.asked] == ["1", "2"]
    assert all(asked.headers["authorization"] == f"Bearer {SECRET}" for asked in far.asked)


def test_a_next_link_to_another_origin_is_refused(far: FarSide) -> None:
    with FarSide(lambda asked: page({})) as other:
        far.answer = lambda asked: page({"next": f"{other.address}/v1/?token=abc"})
        with pytest.raises(DeniedError, match="another origin") as refused:
            collect(rest(far, paging={"kind": "next_url", "next": "next"}, auth=BEARER), None)
        assert other.asked == []
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize("link", ["file:///etc/passwd", "javascript:1", "http://u:p@h/"])
def test_a_next_link_is_an_address(far: FarSide, link: str) -> None:
    far.answer = lambda asked: page({"next": link})
    with pytest.raises(SourceError, match="not allowed"):
        collect(rest(far, paging={"kind": "next_url", "next": "next"}), None)


def test_a_page_over_its_cap_is_refused(far: FarSide) -> None:
    far.answer = lambda asked: page(["x" * 1000])
    with pytest.raises(DataError, match="larger than allowed"):
        collect(rest(far, max_page_bytes=500), None)


def test_a_large_page_is_handed_on_in_pieces(far: FarSide) -> None:
    far.answer = lambda asked: page(["x" * 1_000_000])
    (body,) = rest(far).pull(None)
    pieces = list(body.chunks)
    assert len(pieces) > 1
    assert json.loads(b"".join(pieces)) == ["x" * 1_000_000]


def test_what_is_no_json_is_refused_when_pages_are_walked(far: FarSide) -> None:
    far.answer = lambda asked: Reply(b"id,name\n1,x\n", media_type="text/csv")
    with pytest.raises(SourceError, match="does not answer with JSON"):
        collect(rest(far, paging={"kind": "page", "records": "d"}), None)


@pytest.mark.parametrize(
    ("endpoint", "path", "asked"),
    [
        ("", "", "/"),
        ("/", "a", "/a"),
        ("/v1", "", "/v1"),
        ("/v1/", "", "/v1/"),
        ("/v1", "a/b/", "/v1/a/b/"),
        ("/v1/", "a", "/v1/a"),
        ("/水", "表", "/%E6%B0%B4/%E8%A1%A8"),
        ("/a%2Fb", "c%2Fd", "/a%2Fb/c%252Fd"),
    ],
)
def test_a_path_is_put_below_its_endpoint(far: FarSide, endpoint: str, path: str, asked: str) -> None:
    collect(RestConnector({"path": path}, ConnectContext(far.address + endpoint)), None)
    assert far.asked[0].raw == asked


def test_a_folder_is_no_address() -> None:
    with pytest.raises(ConfigurationError, match="no address; given: /data"):
        RestConnector({}, ConnectContext("/data"))


def test_a_query_may_be_posted(far: FarSide) -> None:
    far.first = [page({"code": 200, "data": {"list": [1]}}), page({"code": 200, "data": {"list": []}})]
    connector = rest(
        far,
        path="query",
        method="POST",
        content={"pageNum": 0, "day": "{window}", "filter": {"streets": ["{window:%Y}", 7, None]}},
        paging={"kind": "page", "param": "pageNum", "records": "data.list"},
        expect={"code": 200},
        auth=BEARER,
    )
    assert len(collect(connector, "2024-03-01")) == 1
    assert [json.loads(asked.body)["pageNum"] for asked in far.asked] == [1, 2]
    assert json.loads(far.asked[0].body)["filter"] == {"streets": ["2024", 7, None]}
    assert far.asked[0].headers["content-type"] == "application/json"
    assert far.asked[0].query == {}


def test_a_posted_query_is_not_sent_on(far: FarSide) -> None:
    far.answer = lambda asked: Reply(status=307, headers={"Location": "/elsewhere"})
    with pytest.raises(SourceError, match="redirects a query"):
        collect(rest(far, method="POST", content={}), None)
    assert len(far.asked) == 1


@pytest.mark.parametrize(
    ("answer", "given"),
    [({"code": 500, "msg": "330105199001011234"}, "500"), ({"msg": "x"}, "nothing"), ({"code": "200"}, "str"),
     ({"code": True}, "True")],
)  # fmt: skip
def test_an_error_with_status_200_is_an_error(far: FarSide, answer: Any, given: str) -> None:
    far.answer = lambda asked: Reply(page(answer).body, media_type="text/plain")
    with pytest.raises(
        SourceError, match=f"answers with an error; given: {given}; allowed: 200 at code"
    ) as told:
        collect(rest(far, expect={"code": 200}), None)
    assert "330105199001011234" not in str(told.value)


def test_a_link_header_is_followed(far: FarSide) -> None:
    link = '</v1/?page=0>; rel="prev", <?page=2&n=1>; title="a,b"; rel="next"'
    far.first = [Reply(b"[1]", headers={"Link": link}), Reply(b"[2]", headers={"Link": '<x>; rel="last"'})]
    assert len(collect(rest(far, paging={"kind": "link", "records": ""}, auth=BEARER), None)) == 2
    assert far.asked[1].query == {"page": "2", "n": "1"}
    assert far.asked[1].headers["authorization"] == f"Bearer {SECRET}"


def test_a_named_origin_gets_no_credential(far: FarSide) -> None:
    with FarSide(lambda asked: page({"next": None})) as other:
        far.answer = lambda asked: page({"next": f"{other.address}/more"})
        connector = rest(
            far, paging={"kind": "next_url", "next": "next"}, auth=BEARER, origins=[other.address]
        )
        assert len(collect(connector, None)) == 2
        assert "authorization" not in other.asked[0].headers


def test_a_budget_holds_over_pulls(far: FarSide) -> None:
    waits: list[float] = []
    context = ConnectContext(far.address, monotonic=lambda: 1000.0, sleep=waits.append)
    connector = RestConnector({"rate": {"requests": 2, "per_seconds": 60}}, context)
    for _ in range(3):
        collect(connector, None)
    assert waits == [60.0]


@pytest.mark.parametrize(
    "options",
    [{"method": "POST"}, {"content": {}}, {"method": "POST", "content": {}, "paging": {"kind": "link"}}],
)
def test_a_post_needs_what_it_sends(far: FarSide, options: Any) -> None:
    with pytest.raises(ConfigurationError, match="POST"):
        rest(far, **options)


def test_waiting_for_a_budget_is_not_the_sources_time(far: FarSide) -> None:
    class Time:
        now = 0.0

    def sleep(seconds: float) -> None:
        Time.now += seconds

    far.first = [page([1]), page([2])]
    context = ConnectContext(far.address, monotonic=lambda: Time.now, sleep=sleep, max_body_seconds=60)
    options = {"rate": {"requests": 1, "per_seconds": 500}, "paging": {"kind": "page", "records": ""}}
    assert len(collect(RestConnector(options, context), None)) == 2
    assert Time.now == 1000.0
