"""What the sample of a draft does not tell for sure is said in it; a wide one is drafted all the same."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.infer import infer
from shanhai.ingest.infer.given import open_files
from shanhai.settings import read_settings

WIDTH = 120


@pytest.fixture
def drafted(tmp_path: Path) -> Callable[[bytes], tuple[Contract, str]]:
    def draft(body: bytes) -> tuple[Contract, str]:
        file, work = tmp_path / "a.csv", tmp_path / "work"
        file.write_bytes(body)
        work.mkdir()
        dataset, settings = DatasetId("acity", "a"), read_settings(home=tmp_path / "home")
        given = open_files(str(file))
        made = infer(given, dataset, None, settings, work, rows=1000, tell=lambda *_: None)
        page = " ".join(made.text.replace("#", "").split())
        return load_contract(work / "a.odcs.yml", dataset=dataset), page

    return draft


def lines(first: str, *rows: str) -> str:
    return "\n".join([first, *rows, ""])


CASES: dict[str, tuple[bytes, str]] = {
    "an encoding of two": (
        lines("編號,測試", *(f"{number},測試" for number in range(60))).encode("big5"),
        "doubtful: Big5 and GB 18030 read it nearly alike",
    ),
    "a decimal comma": (
        lines("id;wert", *(f"{number};{number},5" for number in range(60))).encode(),
        "60 of 60 sampled values look like numbers with a decimal comma, which no contract reads",
    ),
    "signs between thousands": (
        lines("id;wert", *(f"{number};{number + 1}'500.5" for number in range(60))).encode(),
        "60 of 60 sampled values look like numbers with signs between thousands",
    ),
    "headings over ragged rows": (
        lines("a,b,c", *("1,2" if number % 3 else "1,2,3,4" for number in range(60))).encode(),
        "doubtful: 2 lines before the first with 2 cells left out, one with 4 cells",
    ),
    "a title": (
        lines("visits of March", *(f"v{number},{number}" for number in range(60))).encode(),
        "1 line before the first with 2 cells left out",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_doubtful_is_said(drafted: Callable[[bytes], tuple[Contract, str]], name: str):
    body, told = CASES[name]
    _, page = drafted(body)
    assert page.count(told) == 1


def test_what_is_plain_is_not_doubted(drafted: Callable[[bytes], tuple[Contract, str]]):
    body = lines("编号,地点,值", *(f"{number},浙江省衢州市龙游县詹家镇,{number / 8}" for number in range(60)))
    contract, page = drafted(body.encode("gb18030"))
    assert contract.format.encoding == "gb18030"
    assert "doubtful" not in page
    assert "left out" not in page
    assert "look like numbers" not in page


def test_of_a_wide_table_few_questions_are_asked(drafted: Callable[[bytes], tuple[Contract, str]]):
    """Each costs milliseconds, whatever the number of rows."""
    body = lines(
        ",".join(f"c{place}" for place in range(WIDTH)),
        *(",".join(str(row * place % 17) for place in range(WIDTH)) for row in range(30)),
    )
    with cProfile.Profile() as watched:
        contract, _ = drafted(body.encode())
    asked = sum(one.callcount for one in watched.getstats() if "duckdb.execute" in str(one.code))
    assert {column.type for column in contract.columns} == {"integer"}
    assert 0 < asked < WIDTH / 2


def test_rows_without_headings_are_no_headings(drafted: Callable[[bytes], tuple[Contract, str]]):
    """The first would stand in the draft, with whom it tells of."""
    people, streets = ("王小明", "李芳", "张伟"), ("东门街", "太平路", "文化路")
    rows = [f"{people[number % 3]},{streets[number * number % 3]},好" for number in range(60)]
    contract, page = drafted(lines(*rows).encode())
    assert [column.source for column in contract.columns] == ["1", "2", "3"]
    assert not any(person in page for person in people)


@pytest.mark.parametrize(
    "value",
    [
        *("13900000001", "330825199003078888", "11010519491231002X", "a.b@example.org"),
        *(
            "王小明 13900000001",
            "王小明139-0000-0001",
            "王小明(+8613900000001)",
            "王小明１３９０００００００１",
        ),
        *("王小明330825199003078888", "王小明 <a.b@example.org>"),
    ],
)
def test_a_row_of_one_person_is_no_heading(drafted: Callable[[bytes], tuple[Contract, str]], value: str):
    rows = [f"abc{number}x,{value if not number else f'w{number}'}" for number in range(60)]
    contract, page = drafted(lines(*rows).encode())
    assert contract.columns[0].source == "1"
    assert value not in page


@pytest.mark.parametrize("heading", ["1700000000000", "a1390000000012", "count@9", "2024139000000010x"])
def test_a_heading_with_other_digits_stays_one(
    drafted: Callable[[bytes], tuple[Contract, str]], heading: str
):
    rows = [f"abc{number}x,w{number}" for number in range(60)]
    contract, _ = drafted(lines(f"id,n {heading}", *rows).encode())
    assert contract.columns[1].source == f"n {heading}"


def test_headings_that_are_written_again_are_headings(drafted: Callable[[bytes], tuple[Contract, str]]):
    rows = ["street,colour", *(f"{'abcdef'[number % 6]},c{number % 4}" for number in range(60))]
    contract, _ = drafted(lines(*rows, *rows, *rows).encode())
    assert contract.names == ("street", "colour")


@pytest.mark.parametrize("heading", ["no", "on", "yes", "null", "true", "Nr. 12:30"])
def test_headings_that_yaml_takes_for_something_else_stay_names(
    drafted: Callable[[bytes], tuple[Contract, str]], heading: str
):
    contract, _ = drafted(lines(f"id,{heading}", *(f"{number},{heading}" for number in range(60))).encode())
    assert contract.columns[1].source == heading


def test_two_phone_numbers_are_no_codes(drafted: Callable[[bytes], tuple[Contract, str]]):
    rows = [f"{number},{('13900000001', '13900000002')[number % 2]}" for number in range(60)]
    contract, page = drafted(lines("id,call", *rows).encode())
    assert contract.columns[1].personal
    assert "13900000" not in page


def test_phone_numbers_of_several_lengths_are_no_range(drafted: Callable[[bytes], tuple[Contract, str]]):
    """As numbers their least and their greatest would be told."""
    called = [f"1390000{number:04}" if number % 15 else f"5717012{number:03}" for number in range(90)]
    contract, page = drafted(
        lines("n,call", *(f"{place},{one}" for place, one in enumerate(called))).encode()
    )
    assert contract.columns[1].personal
    assert not any(one in page for one in called)
