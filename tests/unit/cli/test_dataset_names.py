"""A dataset that is none is the same error wherever it is named, with the names that were probably meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from shanhai.cli import main
from shanhai.cli.app import shanhai
from shanhai.cli.selection import DatasetType
from shanhai.contracts.near import near_names, no_such_dataset
from shanhai.ids import DatasetId

ROOT = Path(__file__).parents[3]
KNOWN = [
    DatasetId.parse(name)
    for name in ("gongshu.events", "gongshu.noise", "longyou.events", "longyou.water_meters", "a.b")
]


def verbs(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The verbs that take a declared dataset, each with how it is named there and `{}` for it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from verbs(found, *path, name)
    for one in command.params:
        if isinstance(one.type, DatasetType) and not one.type.is_new:
            yield (*path, *(one.opts[:1] if isinstance(one, click.Option) else ()), "{}")


VERBS = [*verbs(shanhai), ("contract", "compare", "{}")]


def test_the_verbs_are_found():
    assert len(VERBS) > 6
    assert {("walk", "{}"), ("pull", "{}"), ("ledger", "--dataset", "{}")} <= set(VERBS)


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("events", "gongshu.events, longyou.events, zhaohua.events"),
        ("longyou.event", "longyou.events"),
        ("Longyou.Events", "longyou.events"),
        ("nope", "and 5 more"),
        ("", "and 5 more"),
    ],
)
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_name_that_is_none_is_one_error(tmp_path, capsys, verb, given, near):
    named = [given if word == "{}" else word for word in verb]
    code = main(["--home", str(tmp_path), "--federation", str(ROOT), *named, "--format", "json"])
    told = json.loads(capsys.readouterr().err)
    assert (code, told["message"]) == (78, "no such dataset")
    assert near in told["allowed"]
    assert "contract list" in told["hint"]


def test_a_dataset_that_is_drafted_was_never_declared(capsys):
    assert main(["contract", "infer", "x.csv", "--dataset", "nope"]) == 78
    assert "<district>.<dataset>" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("noise", ["gongshu.noise"]),
        ("longyou", ["longyou.events", "longyou.water_meters"]),
        ("water_meter", ["longyou.water_meters"]),
        ("longyou.events ", ["longyou.events"]),
        ("something else", []),
    ],
)
def test_near_names(given, near):
    assert near_names(given, KNOWN)[: len(near) or None] == near


def test_where_nothing_is_near_the_first_are_named_and_where_nothing_is_declared_that_is_said():
    assert no_such_dataset("x", KNOWN).allowed == ", ".join(map(str, sorted(KNOWN)))
    assert no_such_dataset("x", []).allowed == "none: no contract is declared yet"


def test_all_and_names_are_one_too_many(capsys):
    assert main(["--federation", str(ROOT), "walk", "--all", "longyou.events", "gongshu.noise"]) == 78
    assert "given   --all, and longyou.events, gongshu.noise\n" in capsys.readouterr().err
