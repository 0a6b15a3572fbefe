"""The help is quick, complete and fits the terminal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shanhai.cli.app import shanhai
from shanhai.cli.session import Session
from shanhai.contracts.federation import open_federation
from shanhai.ingest.decide import TRANSITIONS

HEAVY = (
    "airflow",
    "great_expectations",
    "dbt",
    "pyarrow",
    "duckdb",
    "deltalake",
    "pydantic",
    "rich",
    "jinja2",
)


def _commands(
    group: click.Group = shanhai, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


COMMANDS = dict(_commands())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from shanhai.cli import main; code = main(['--help']);"
        f"sys.exit(code or ' '.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Usage: shanhai" in done.stdout


def test_every_verb_of_the_walk_is_there() -> None:
    verbs = {path[0] for path in COMMANDS}
    assert {
        "contract",
        "generate",
        "pull",
        "walk",
        "build",
        "publish",
        "report",
        "delivery",
        "ledger",
    } <= verbs


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_and_gives_an_example(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(shanhai, [*path, "--help"], obj=Session(), terminal_width=80)
    assert done.exit_code == 0
    if not isinstance(COMMANDS[path], click.Group):
        assert "shanhai " + " ".join(path) in done.output.partition("Example")[2]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_short_help_is_one_whole_sentence(path: tuple[str, ...]) -> None:
    short = COMMANDS[path].get_short_help_str(limit=62)
    assert short.endswith(".")
    assert not short.endswith("...")


def test_help_lists_the_exit_codes() -> None:
    output = CliRunner().invoke(shanhai, ["--help"], obj=Session()).output
    for code in ("65", "70", "75", "77", "78"):
        assert f"    {code} " in output


OF_DATASETS = [(), *(path for path in COMMANDS if path[0] != "application")]
"""The names of applications are those of partners, and look like those of datasets."""


@pytest.mark.parametrize("path", OF_DATASETS, ids=" ".join)
def test_examples_name_datasets_of_this_federation(path: tuple[str, ...]) -> None:
    federation = open_federation(Path(__file__).parents[3])
    known = {str(dataset) for dataset in federation.datasets}
    output = CliRunner().invoke(shanhai, [*path, "--help"], obj=Session()).output
    named = re.findall(
        r"^ +shanhai [^#]*?(?<![/.\w])([a-z_]+\.(?!json\b)[a-z_]+)(?:[/ ]|$)", output, re.MULTILINE
    )
    assert set(named) <= known
    assert path not in (("pull",), ("walk",), ("delivery", "approve")) or named


def test_help_of_approve_says_what_may_be_approved() -> None:
    output = CliRunner().invoke(shanhai, ["delivery", "approve", "--help"], obj=Session()).output
    states = {state for (state, action) in TRANSITIONS if action == "approve"}
    assert [state for state in states if state not in output] == []
