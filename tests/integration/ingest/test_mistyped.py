"""What is mistyped at the command line is refused with what there is, and makes no folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from one_city import HEADER, City

from shanhai.cli import main

CONFIGURATION = 78
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(city: City, capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*arguments: str, home: Path | str | None = None) -> tuple[int, str, str]:
        capsys.readouterr()
        place = str(home or city.root / "home")
        code = main(["--home", place, "--federation", str(city.root), *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.mark.parametrize(
    "verb",
    [
        ("ledger",),
        ("ledger", "--check"),
        ("delivery", "list"),
        ("delivery", "show", "x"),
        ("quarantine", "list"),
        ("reconcile",),
        ("build",),
        ("publish",),
        ("publications",),
        ("purge", "--dry-run"),
        ("report",),
        ("report", "verify"),
        ("lineage", "export"),
    ],
    ids=" ".join,
)
def test_a_verb_that_reads_makes_no_home(
    city: City, said: Said, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    for home in (tmp_path / "typo", tmp_path / "empty"):
        if home.name == "empty":
            home.mkdir()
        code, out, told = said(*verb, home=home)
        assert (code, out) == (CONFIGURATION, ""), told
        assert "there is no home of a node" in told
        assert "shanhai walk" in told
        assert not home.exists() or list(home.iterdir()) == []


def test_a_walk_and_a_pull_make_a_home(city: City, said: Said, tmp_path: Path) -> None:
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    for verb in ("walk", "pull"):
        home = tmp_path / verb
        assert said(verb, "acity.events", home=home)[0] == 0
        assert said("delivery", "list", home=home)[0] == 0


def test_a_rule_that_is_none_is_told_with_those_that_rows_broke(city: City, said: Said) -> None:
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,-1,2024-01-01\n")
    city.put("p2.csv", f"{HEADER}c,1,2024-01-01\n")
    city.walk()
    for verb in (("quarantine", "list"), ("quarantine", "show", "acity.events/p1")):
        code, _, told = said(*verb, "--rule", "nope", "--format", "json")
        assert (code, json.loads(told)["allowed"]) == (CONFIGURATION, "n.range")
        assert said(*verb, "--rule", "n.range")[0] == 0
        assert said(*verb, "--rule", "n.type")[0] == 0, "a rule that no row broke is a rule"
    why = ("--rule", "nonsense", "--by", "Li", "--reason", "x", "--format", "json")
    code, _, told = said("quarantine", "release", "acity.events/p1", *why)
    assert (code, json.loads(told)["allowed"]) == (CONFIGURATION, "n.range")
    code, _, told = said("quarantine", "release", "acity.events/p2", *why)
    assert (code, json.loads(told)["allowed"]) == (CONFIGURATION, "nothing: the delivery has no refused row")
    discard = ("--by", "Li", "--reason", "x")
    assert said("quarantine", "discard", "acity.events/p1", *discard)[0] == 0
    code, _, told = said("quarantine", "release", "acity.events/p1", *why)
    assert "no row of it is open any more: n.range (discarded)" in json.loads(told)["allowed"]


def test_a_window_of_a_dataset_without_windows_is_refused(city: City, said: Said) -> None:
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    for verb in ("walk", "pull"):
        code, _, told = said(verb, "acity.events", "--window", "2024-01-01")
        assert (code, "acity.events has no windows" in told) == (CONFIGURATION, True)
    assert said("delivery", "list")[1].count("acity.events") == 0
    assert said("walk", "--all", "--window", "2024-01-01")[0] == 0
    assert json.loads(said("ledger", "--format", "json")[1])[0]["loaded"] == 1
    city.declare(schedule={"cron": "0 8 * * *", "window": "%Y-%m-%d", "start": "2024-01-01"})
    assert said("walk", "acity.events", "--window", "2024-01-01")[0] == 0


def test_records_that_are_none_are_among_the_broken_checks(city: City, said: Said) -> None:
    city.declare(tolerance={"hold": 0.9, "refuse": 0.95})
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,-1,2024-01-01\nc,1\n")
    city.walk()
    found = json.loads(said("delivery", "show", "acity.events/p1", "--format", "json")[1])["broken_checks"]
    assert {one["rule"]: (one["unexpected"], one["total"]) for one in found} == {
        "malformed.ragged": (1, 3),
        "n.range": (1, 2),
    }
    assert "malformed.ragged" in said("delivery", "show", "acity.events/p1")[1]


@pytest.mark.parametrize("arguments", [("walk", "acity.events"), ("report",)])
def test_a_place_that_takes_no_folder_is_told_with_what_helps(
    city: City, said: Said, arguments: tuple[str, ...]
) -> None:
    if arguments == ("report",):
        city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
        city.walk()
        code, _, told = said(*arguments, "--out", "/proc/x", "--format", "json")
    else:
        code, _, told = said(*arguments, "--format", "json", home="/proc/x")
    error = json.loads(told.splitlines()[-1])
    assert code == 75
    assert error["allowed"]
    assert "another folder" in error["hint"]
