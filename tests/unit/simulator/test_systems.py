"""The three systems answer as their kind does."""

import csv
import io
import json

import openpyxl
import pytest

from infra.simulator import catalogue
from infra.simulator.systems import Request, gongshu, longyou, zhaohua

TOKEN = "a-token"
BEARER = f"Bearer {TOKEN}"


def ask(path: str, authorization: str = BEARER, **query: str) -> tuple[int, dict]:
    answer = gongshu(Request(path, query, authorization), TOKEN)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize(("authorization", "status"), [("", 401), ("Bearer other", 403), (BEARER, 200)])
def test_the_api_wants_its_token(authorization: str, status: int) -> None:
    assert ask("/api/v1/catalogue", authorization, date="2024-03-01")[0] == status


def test_an_error_does_not_repeat_the_token() -> None:
    answer = gongshu(Request("/api/v1/catalogue", {}, "Bearer secret-guess"), TOKEN)
    assert b"secret-guess" not in answer.body
    assert TOKEN.encode() not in answer.body


def test_pages_end_and_sum_to_the_total() -> None:
    records = []
    for page in range(1, 5):
        status, document = ask("/api/v1/grids", date="2024-03-01", page=str(page), size="400")
        assert status == 200
        records += document["data"]["records"]
    assert document["data"]["pages"] == 4
    assert len(records) == document["data"]["total"] == 1406
    assert ask("/api/v1/grids", date="2024-03-01", page="5", size="400")[1]["data"]["records"] == []


def test_cursors_lead_to_the_end() -> None:
    items: list[dict] = []
    cursor = ""
    while True:
        status, document = ask("/api/v1/heartbeats", date="2024-03-02", limit="1000", cursor=cursor)
        assert status == 200
        items += document["items"]
        cursor = document["nextCursor"]
        if cursor is None:
            break
    assert len(items) == len(catalogue.dataset("gongshu.link_heartbeats").delivery("2024-03-02").rows)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/v1/secrets", {"date": "2024-03-01"}, 404),
        ("/api/v1/grids", {"date": "2024-03-09"}, 404),
        ("/api/v1/grids", {}, 404),
        ("/api/v1/grids", {"date": "2024-03-01", "page": "-1"}, 400),
        ("/api/v1/grids", {"date": "2024-03-01", "page": "٣"}, 400),
        ("/api/v1/heartbeats", {"date": "2024-03-01", "cursor": "bm9uc2Vuc2U="}, 400),
        ("/api/v1/heartbeats", {"date": "2024-03-01", "cursor": "!"}, 400),
    ],
)
def test_nonsense_is_refused(path: str, query: dict[str, str], status: int) -> None:
    assert ask(path, **query)[0] == status


def test_records_nest_as_the_dotted_paths_say() -> None:
    record = ask("/api/v1/events", date="2024-03-01", size="1")[1]["data"]["records"][0]
    assert set(record) == {
        "eventId",
        "place",
        "category",
        "track",
        "channel",
        "status",
        "stamps",
        "updatedAt",
    }
    assert set(record["place"]) == {"community", "grid", "lng", "lat"}


def test_the_csv_is_gb18030_and_not_utf8() -> None:
    answer = longyou(Request("/opendata/hazards/2024-03-01.csv"))
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode("utf-8")
    rows = list(csv.reader(io.StringIO(answer.body.decode("gb18030"), newline="")))
    assert rows[0][:3] == ["隐患编号", "所在社区", "企业名称"]
    assert len(rows) == 607


def test_torn_lines_are_in_the_file_as_planted() -> None:
    body = longyou(Request("/opendata/events/2024-03-01.csv")).body
    assert body.count(b"\xff") == 5
    assert body.rstrip().endswith("一直没有结束".encode("gb18030"))
    assert body.count(b"\r\n") == 1 + 3024


def test_the_workbook_says_that_it_is_generated() -> None:
    answer = zhaohua(Request("/export/villages/2024-03-01.xlsx"))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.body))["数据"]
    rows = list(sheet.iter_rows(values_only=True))
    assert "generated data" in str(rows[0][0])
    assert rows[1][0] == "村社代码"
    assert len(rows) == 2 + 156


def test_an_evening_edition_without_changes_has_the_same_bytes() -> None:
    morning, evening = (
        zhaohua(Request(f"/export/villages/{name}.xlsx")).body for name in ("2024-03-02", "2024-03-02.r2")
    )
    assert morning == evening
    first, second = (
        zhaohua(Request(f"/export/villages/{name}.xlsx")).body for name in ("2024-03-01", "2024-03-01.r2")
    )
    assert first != second


@pytest.mark.parametrize(
    "path", ["/opendata/../x.csv", "/opendata/events/2024-03-09.csv", "/", "/opendata/x/1.csv"]
)
def test_unknown_files_are_not_found(path: str) -> None:
    assert longyou(Request(path)).status == 404
    assert zhaohua(Request(path)).status == 404
