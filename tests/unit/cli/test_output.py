"""Tables fit the terminal or become blocks; JSON is pure; colours obey NO_COLOR."""

from __future__ import annotations

import json

import click
import pytest
from rich.cells import cell_len

from shanhai.cli.output import Heading, brief, cell, show
from shanhai.errors import UnreadableError

HEADINGS = (Heading("dataset", "dataset"), Heading("title", "title"), Heading("rows", "rows", number=True))
ROWS = [
    {"dataset": "longyou.water_meters", "title": "独居老人智能水表读数", "rows": 24_960, "more": 1},
    {"dataset": "gongshu.noise", "title": "noise", "rows": 7, "more": 2},
]


def test_of_many_reasons_a_list_tells_the_first() -> None:
    assert brief("a; b; c") == "a; b; c"
    assert brief("a; b; c; d; e") == "a; b; c; and 2 more"
    assert brief("") == ""
    # What is left out of an error is no reason more, however its hint is written.
    error = UnreadableError("no such text", given="utf-8", allowed="gb18030", hint="look; then correct it")
    assert brief(f"unreadable: {error}") == "unreadable: no such text; given: utf-8; allowed: gb18030"


def test_json_is_all_keys_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, HEADINGS, form="json", empty="nothing")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == ROWS
    assert "独居老人" in captured.out
    assert captured.err == ""


def test_json_with_names_that_others_made_does_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"dataset": "县\x9b2J\u202e\U000e0001", "title": "\udc9b\n", "rows": 1}]
    show(rows, HEADINGS, form="json", empty="nothing")
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert json.loads(out) == rows
    assert "县" in out


def test_empty_json_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    show([], HEADINGS, form="json", empty="nothing")
    assert json.loads(capsys.readouterr().out) == []


def test_empty_table_says_so_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show([], HEADINGS, form="table", empty="Nothing yet.")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Nothing yet.\n")


def test_columns_align_whatever_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, HEADINGS, form="table", empty="", total={"dataset": "2 datasets", "rows": 24_967})
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    ends = {cell_len(line.rstrip()) for line in lines if line.rstrip()[-1].isdigit()}
    assert len(ends) == 1
    assert "24,967" in lines[-1]


def test_narrow_terminal_gets_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "36")
    monkeypatch.setenv("NO_COLOR", "1")
    show(ROWS, HEADINGS, form="table", empty="")
    out = click.unstyle(capsys.readouterr().out)
    assert out.splitlines()[0] == "longyou.water_meters"
    assert "  title 独居老人智能水表读数" in out
    assert "24,960" in out
    assert all(cell_len(line) <= 36 for line in out.splitlines())


def test_no_color_means_no_escape_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    show([{"dataset": "held"}], HEADINGS, form="table", empty="")
    assert "\x1b[3" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        (0, "0"),
        (1234567, "1,234,567"),
        (True, "yes"),
        ([], "–"),
        (["a", 2], "a, 2"),
        ("[bold]", "[bold]"),
    ],
)
def test_cell(value: object, text: str) -> None:
    assert cell(value) == text
