"""What a draft says of the bodies it is made of and of the others, where it goes, and what it is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from shanhai.cli import main

ROWS = [f"{number},浙江省衢州市龙游县,{number % 7}" for number in range(40)]
TABLE = "\n".join(["编号,地点,数量", *ROWS, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "visits"
    (folder / "march").mkdir(parents=True)
    for day in (1, 2):
        (folder / "march" / f"{day}.csv").write_text(TABLE, encoding="utf-8")
    return folder


def infer(root: Path, capsys: pytest.CaptureFixture[str], *called: str) -> dict[str, Any]:
    assert main(["--home", str(root / "home"), "contract", "infer", *called, "--format", "json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_each_body_that_was_read_is_named_by_its_path(folder: Path, capsys: pytest.CaptureFixture[str]):
    found = infer(folder.parent, capsys, str(folder))
    assert found["seen"] == ["Read: march/1.csv, march/2.csv"]
    assert "# Read: march/1.csv, march/2.csv\n" in found["contract"]


def test_of_many_bodies_it_is_said_how_many_were_not_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    for day in range(3, 10):
        (folder / "march" / f"{day}.csv").write_text(TABLE, encoding="utf-8")
    found = infer(folder.parent, capsys, str(folder))
    assert found["seen"][0] == "Read: march/1.csv, march/3.csv, march/5.csv, march/7.csv, march/9.csv"
    assert found["seen"][1].startswith("4 more of them not looked at")
    assert "5 of 9 bodies" in found["sampled"]


OTHERS: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("3.csv", b"", "3.csv: empty, not read: a file without text"),
    "a page of errors": ("3.csv", b"<html>no</html>", "3.csv: no table, not read: a page of HTML"),
    "a picture": ("3.csv", b"\x89PNG\r\n" + bytes(99), "3.csv: no table, not read: a PNG picture"),
    "another format": ("3.csv", b'[{"a": 1}]', "3.csv: not read, since by itself it looks like kind 'json'"),
    "another encoding": (
        "3.csv",
        TABLE.encode("gb18030"),
        "3.csv: not read, since by itself it looks like encoding 'gb18030'",
    ),
    "another dialect": (
        "3.csv",
        TABLE.replace(",", ";").encode(),
        "3.csv: not read, since by itself it looks like delimiter ';'",
    ),
    "a title": (
        "3.csv",
        f"visits\n{TABLE}".encode(),
        "3.csv: not read, since by itself it looks like skip_lines 1",
    ),
    "no headings": (
        "3.csv",
        "\n".join([*ROWS, ""]).encode(),
        "3.csv: not read, since by itself it looks like header False",
    ),
    "remarks": (
        "3.csv",
        f"# of March\n{TABLE}".encode(),
        "3.csv: not read, since by itself it looks like comment '#'",
    ),
    "quotes": (
        "3.csv",
        TABLE.replace("浙江省衢州市龙游县", '"the \\\\"mountain\\\\""').encode(),
        "3.csv: read as most are, though by itself it looks like quote '', escape ''",
    ),
    "another ending": ("read.me", b"a,b", "left out, since the options name only **/*.csv: read.me"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_unlike_the_others_is_said(folder: Path, capsys: pytest.CaptureFixture[str], name: str):
    file, body, told = OTHERS[name]
    (folder / file).write_bytes(body)
    found = infer(folder.parent, capsys, str(folder))
    assert told in found["seen"]
    assert found["format"]["kind"] == "csv"
    assert "encoding" not in found["format"]
    assert [column["title"] for column in found["columns"]][:3] == ["编号", "地点", "数量"]
    assert f"# {told}" in found["contract"]


def test_ascii_is_in_any_encoding(folder: Path, capsys: pytest.CaptureFixture[str]):
    for day in (1, 2):
        (folder / "march" / f"{day}.csv").write_bytes(TABLE.encode("gb18030"))
    (folder / "4.csv").write_text("\n".join(["id,place,n", *("1,a,2" for _ in range(9))]))
    found = infer(folder.parent, capsys, str(folder))
    assert found["format"]["encoding"] == "gb18030"
    assert not [line for line in found["seen"] if line.startswith("4.csv")]


LISTS: dict[str, tuple[Callable[[str], str], str, str]] = {
    "an empty list": (lambda some: f"[{some}]", "[ ]", "an empty list"),
    "an empty list of lists": (lambda some: f'[["id", "n"], [{len(some)}, 2]]', "[]", "an empty list"),
    "no features": (
        lambda some: (
            f'{{"type": "FeatureCollection", "features": [{{"type": "Feature", "properties": {some}, '
            '"geometry": {"type": "Point", "coordinates": [119.1, 28.9]}}]}'
        ),
        '{"type": "FeatureCollection", "features": []}',
        "an empty list",
    ),
    "a broken list": (lambda some: f"[{some}]", '[{"call": "1",}]', "a list whose first record is no JSON"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_day_without_data_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str):
    """Even where most days are such."""
    made, other, told = LISTS[name]
    folder = tmp_path / "calls"
    folder.mkdir()
    for day in range(2):
        (folder / f"{day}.json").write_text(made(f'{{"id": {day}, "n": "a"}}'))
    for day in range(2, 5):
        (folder / f"{day}.json").write_text(other)
        if name == "a broken list":
            break
    found = infer(tmp_path, capsys, str(folder))
    assert found["seen"][:2] == ["Read: 0.json, 1.json", f"2.json: no records, not read: {told}"]
    assert [column["name"] for column in found["columns"]][:2] == ["id", "n"]


@pytest.mark.parametrize(("body", "told"), [("[]", "an empty list"), ('[{"call": "1",}]', "no JSON")])
def test_nothing_but_days_without_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, told: str
):
    for day in range(2):
        (tmp_path / f"{day}.json").write_text(body)
    called = ["contract", "infer", str(tmp_path), "--dataset", "longyou.calls"]
    assert main(["--home", str(tmp_path / "home"), *called]) == 65
    error = capsys.readouterr().err
    assert "0.json: no records" in error
    assert told in error


def test_a_key_that_is_a_phone_number_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Neither of one body that is unlike the others, nor of all: no list is guessed below such a key."""
    listed = json.dumps([{"id": number, "n": "a"} for number in range(9)])
    for day in range(3):
        (tmp_path / f"{day}.json").write_text(f'{{"rows": {listed}}}')
    (tmp_path / "3.json").write_text(f'{{"13900000002": {listed}}}')
    found = infer(tmp_path, capsys, str(tmp_path), "--dataset", "longyou.calls")
    assert found["seen"][0] == "Read: 0.json, 1.json, 2.json"
    assert found["seen"][1].startswith("3.json: ")
    assert "13900000" not in found["contract"] + "".join(found["seen"])


def test_a_sheet_that_is_called_as_a_person_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for day, sheet in enumerate(["calls", "calls", "王小明 13900000002"]):
        book = openpyxl.Workbook()
        book.active.title = sheet
        for row in [("id", "n"), *((number, f"a{number}") for number in range(9))]:
            book.active.append(row)
        book.save(tmp_path / f"{day}.xlsx")
    found = infer(tmp_path, capsys, str(tmp_path), "--dataset", "longyou.calls")
    assert "2.xlsx: not read, since by itself it looks like sheet of another name" in found["seen"]
    assert "13900000" not in found["contract"] + "".join(found["seen"])


def test_a_source_of_which_nothing_can_be_read_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]):
    for day in (1, 2):
        (folder / "march" / f"{day}.csv").write_bytes(b"")
    assert main(["--home", str(folder.parent / "home"), "contract", "infer", str(folder)]) == 65
    assert "march/1.csv: empty" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_not_made(folder: Path, capsys: pytest.CaptureFixture[str]):
    output = folder.parent / "disticts" / "longyou" / "visits.odcs.yml"
    assert main(["contract", "infer", str(folder), "--output", str(output)]) == 78
    told = capsys.readouterr().err
    assert f"a file of a folder that is there; {output.parent} is none" in told
    assert not output.parent.parent.exists()


@pytest.mark.parametrize(
    ("output", "dataset"),
    [
        ("districts/longyou/walks.odcs.yml", "longyou.walks"),
        ("elsewhere/walks.odcs.yml", "district.walks"),
        ("elsewhere/walks.yml", "district.walks"),
        (None, "district.visits"),
    ],
)
def test_a_dataset_is_called_after_its_output_or_its_source(
    folder: Path, capsys: pytest.CaptureFixture[str], output: str | None, dataset: str
):
    arguments = [str(folder)]
    if output is not None:
        (folder.parent / output).parent.mkdir(parents=True)
        arguments += ["--output", str(folder.parent / output)]
    assert main(["--home", str(folder.parent / "home"), "contract", "infer", *arguments]) == 0
    after = "the source" if output is None else "the output"
    told = capsys.readouterr().err
    assert f"Drafted {dataset} " in told
    assert f"{dataset} is called after {after}; --dataset says another" in told


@pytest.mark.parametrize(
    "source", ["visits/march/*.csv", "visits/**/*.csv", "visits/march/../march/[12].csv"]
)
def test_a_glob_is_called_after_its_last_name(folder: Path, capsys: pytest.CaptureFixture[str], source: str):
    name = "visits" if "**" in source else "march"
    found = infer(folder.parent, capsys, str(folder.parent / source))
    assert found["dataset"] == f"district.{name}"


def test_a_name_that_was_said_is_not_explained(folder: Path, capsys: pytest.CaptureFixture[str]):
    called = ["--home", str(folder.parent / "home"), "contract", "infer", str(folder)]
    assert main([*called, "--dataset", "longyou.walks"]) == 0
    told = capsys.readouterr().err
    assert "Drafted longyou.walks " in told
    assert "is called after" not in told
