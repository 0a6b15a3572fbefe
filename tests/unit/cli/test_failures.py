"""Errors become a message, a next step and an exit code; never a traceback, never a value."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from shanhai.cli import app
from shanhai.cli.failures import tell
from shanhai.cli.session import Session
from shanhai.errors import (
    BusyError,
    ConfigurationError,
    DataError,
    DeniedError,
    GateDisagreementError,
    ShanhaiError,
    SourceError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ShanhaiError("x"), 1),
        (DataError("x"), 65),
        (GateDisagreementError("x"), 70),
        (SourceError("x"), 75),
        (BusyError("x"), 75),
        (DeniedError("x"), 77),
        (ConfigurationError("x"), 78),
        (RuntimeError("x"), 1),
        (PermissionError(13, "Permission denied", "/nowhere"), 1),
    ],
)
def test_exit_code_follows_the_class(error: Exception, code: int) -> None:
    assert tell(error, Session()) == code


def test_message_names_given_allowed_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ConfigurationError("no such dataset", given="a.b", allowed=["c.d"], hint="look"), Session())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "error: no such dataset",
        "  given   a.b",
        "  allowed c.d",
        "  hint    look",
    ]


def test_names_that_others_made_do_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder that several share, anybody can call a file anything."""
    tell(ConfigurationError("no file\x1b[2J", given="/中 继/\x1b]0;x\x07\u202eb", hint="a\nb"), Session())
    assert capsys.readouterr().err.splitlines() == [
        "error: no file\\x1b[2J",
        "  given   /中 继/\\x1b]0;x\\x07\\u202eb",
        "  hint    a",
        "b",
    ]


def test_json_error_is_one_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell(DataError("bad", given="[b]x[/b]"), Session(form="json"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err) | {"hint": None} == {
        "error": "DataError",
        "recovery": "fix the data",
        "message": "bad",
        "given": "[b]x[/b]",
        "allowed": None,
        "hint": None,
    }


@pytest.mark.parametrize(
    "mark", ["\x1b", "\x7f", "\x85", "\x9b", "\u200e", "\u202e", "\u2067", "\u2028", "\U000e0001"]
)
def test_json_errors_do_nothing_to_the_terminal_and_say_the_same(
    capsys: pytest.CaptureFixture[str], mark: str
) -> None:
    tell(DataError("坏", given=f"/中继/{mark}2J", hint="a\nb"), Session(form="json"))
    told = capsys.readouterr().err
    assert mark not in told
    assert "坏" in told
    assert [line.isprintable() for line in told.split("\n")] == [True, True]
    assert (json.loads(told)["given"], json.loads(told)["hint"]) == (f"/中继/{mark}2J", "a\nb")


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "ascii"])
def test_json_errors_say_the_same_whatever_the_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    told = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr("sys.stderr", told)
    tell(DataError("坏", given="ñ😀"), Session(form="json"))
    told.flush()
    document = json.loads(told.buffer.getvalue().decode(encoding))
    assert (document["message"], document["given"]) == ("坏", "ñ😀")


def test_text_of_a_foreign_exception_is_kept_back(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ValueError("could not convert 330105199001011234"), Session())
    told = capsys.readouterr().err
    assert "unexpected ValueError" in told
    assert "330105199001011234" not in told
    assert "--debug" in told
    assert "Traceback" not in told


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ConfigurationError("wrong"), Session(debug=True))
    assert "ConfigurationError: wrong" in capsys.readouterr().err


def test_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["contrakt"]) == 2
    assert "contrakt" in capsys.readouterr().err


def test_missing_federation_is_a_configuration_error(tmp_path: Path) -> None:
    assert app.main(["--federation", str(tmp_path), "contract", "list"]) == 78


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt, 130), (click.Abort, 130), (BrokenPipeError, 141)]
)
def test_being_stopped_is_quiet(
    raised: type[BaseException],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(app.shanhai, "main", _raising(raised))
    assert app.main([]) == code
    assert "Traceback" not in capfd.readouterr().err


def _raising(raised: type[BaseException]) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise raised

    return call


def test_what_a_terminal_has_no_sign_for_is_an_escape_and_no_failure(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("shanhai"), "contract", "list"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "SHANHAI_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u" in done.stdout
