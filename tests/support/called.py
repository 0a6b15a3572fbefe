"""Verbs of the command line, called in this process: exit code, output, errors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shanhai.cli import main

Called = tuple[int, str, str]


def calling(capsys: pytest.CaptureFixture[str], *options: str) -> Callable[..., Called]:
    """What calls a verb behind the same options."""

    def called(*arguments: str) -> Called:
        code = main([*options, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def called_here(capsys: pytest.CaptureFixture[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """What calls a verb in a home with some variables, and tells what a process of its own would."""

    def called(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            for variable, text in variables.items():
                patch.setenv(variable, text)
            code = main(["--home", str(home), *arguments])
        captured = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, captured.out, captured.err)

    return called


def told(done: Called) -> Any:
    """The JSON of a verb that did its work."""
    code, out, error = done
    assert code == 0, error
    return json.loads(out)
