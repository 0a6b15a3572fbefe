"""What standard output has no sign for: escapes for people, and for programs never another text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from shanhai.cli import app
from shanhai.cli.output import Heading, fields, show, show_document
from shanhai.errors import ConfigurationError

STRANGE = "县 ñ😀"
ROWS = [{"heading": STRANGE, "rows": 1}, {"heading": "年", "rows": 2}]
HEADINGS = (Heading("heading", "heading"), Heading("rows", "rows", number=True))
Written = Callable[[], str]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["gbk", "gb2312", "latin-1", "ascii", "utf-8"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _output(
    monkeypatch: pytest.MonkeyPatch, encoding: str, kind: type[io.TextIOWrapper] = io.TextIOWrapper
) -> Written:
    """Standard output as the command line makes it; gives what was written so far."""
    held = io.BytesIO()
    stream = kind(held, encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    assert app.main(["--version"]) == 0

    def written() -> str:
        stream.flush()
        return held.getvalue().decode(encoding).partition("\n")[2]

    return written


def test_json_says_the_same(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = _output(monkeypatch, encoding)
    show(ROWS, HEADINGS, form="json", empty="")
    assert json.loads(written()) == ROWS


def test_a_table_is_shown_whole_and_with_escapes(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = _output(monkeypatch, encoding)
    show(ROWS, HEADINGS, form="table", empty="")
    fields({"of": STRANGE})
    shown = STRANGE.encode(encoding, "backslashreplace").decode(encoding)
    lines = written().splitlines()
    assert [shown in line for line in (lines[2], lines[-1])] == [True, True]
    assert lines[3].split()[-1] == "2"


def test_a_document_is_printed_as_it_is_or_not_at_all(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = _output(monkeypatch, encoding)
    text = f"a: 1\nb: {STRANGE}\n"
    if encoding == "utf-8":
        show_document(text, instead="--output FILE")
        assert written() == text
        return
    with pytest.raises(ConfigurationError, match="no sign") as refused:
        show_document(text, instead="--output FILE")
    missing = "U+53BF" if encoding in ("latin-1", "ascii") else "U+00F1"
    assert refused.value.given == f"{missing} in line 2, {encoding}"
    assert "--output FILE" in refused.value.hint
    assert "PYTHONIOENCODING=utf-8" in refused.value.hint
    assert written() == ""
    show_document("a: 1\n", instead="--output FILE")
    assert written() == "a: 1\n"


def test_a_terminal_shows_a_document_with_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _output(monkeypatch, "gbk", Terminal)
    show_document(f"{STRANGE}\n", instead="--output FILE")
    assert written() == "县 \\xf1\\U0001f600\n"
