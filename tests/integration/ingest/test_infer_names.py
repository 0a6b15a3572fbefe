"""Names of files that would control a terminal, break a line or turn the writing: shown, and not done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shanhai.cli import main

TABLE = "id,n\n" + "".join(f"{number},{number * 2}\n" for number in range(20))
NAMES = {
    "a\x1b[2J": r"a\x1b[2J",
    "b\nid: evil": r"b\nid: evil",
    "c\u202e": r"c\u202e",
    "d\x85e": r"d\x85e",
    "f\u2028id: g": r"f\u2028id: g",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "visits"
    folder.mkdir()
    return folder


def drafted(folder: Path, capsys: pytest.CaptureFixture[str], source: Path) -> str:
    assert main(["--home", str(folder.parent / "home"), "contract", "infer", str(source)]) == 0
    told = capsys.readouterr()
    assert not (folder.parent / "home").exists()
    assert not [one for one in told.out + told.err if not (one.isprintable() or one == "\n")]
    assert not [line for line in (told.out + told.err).splitlines() if line.startswith("id: evil")]
    return told.out + told.err


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ["read", "refused", "unlike", "of another ending", "by itself"])
def test_a_name_is_shown_escaped(folder: Path, capsys: pytest.CaptureFixture[str], name: str, role: str):
    for number in range(3):
        (folder / f"ok{number}.csv").write_text(TABLE)
    odd = folder / f"{name}{'.txt' if role == 'of another ending' else '.csv'}"
    odd.write_text({"refused": "", "unlike": TABLE.replace(",", ";")}.get(role, TABLE))
    told = drafted(folder, capsys, odd if role == "by itself" else folder)
    assert NAMES[name] in told


def test_a_body_that_is_refused_is_named_escaped(folder: Path, capsys: pytest.CaptureFixture[str]):
    source = folder / "a\x1b[2J.csv"
    source.touch()
    assert main(["--home", str(folder.parent / "home"), "contract", "infer", str(source)]) == 65
    assert "\x1b" not in capsys.readouterr().err


def test_a_heading_that_controls_a_terminal_leaves_the_draft_readable(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    source = folder / "a.csv"
    source.write_text(TABLE.replace("id,n", "id,n\x1b[2J\u202e"))
    assert r"n\e[2J\u202E" in drafted(folder, capsys, source)


@pytest.mark.parametrize("heading", ["", " ", "甲乙"])
def test_a_column_whose_heading_says_nothing_is_named_by_its_place_in_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str], heading: str
):
    """As a person counts, also where a column before it is ignored."""
    source = folder / "a.csv"
    lines = [f",id,{heading},n", *(f"{number},k{number},{number % 7},{number * 2}" for number in range(20))]
    source.write_text("\n".join(lines), encoding="utf-8")
    page = drafted(folder, capsys, source)
    assert re.findall("^ +- name: (\\w+)$", page, re.MULTILINE)[-3:] == ["id", "column_3", "n"]
