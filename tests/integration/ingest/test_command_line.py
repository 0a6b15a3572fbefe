"""The command line says what is so: pending deliveries, a pull that failed, what a decision leaves to do."""

from __future__ import annotations

import json

import pytest
from one_city import COLUMNS, HEADER, City

from shanhai.cli import main


class Commands:
    """Calls the command line on a city's node; gives code, standard output and standard error."""

    def __init__(self, city: City, capture: pytest.CaptureFixture[str]) -> None:
        self._places = ["--home", str(city.root / "home"), "--federation", str(city.root)]
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = main([*self._places, *arguments])
        return code, *self._capture.readouterr()


@pytest.fixture
def shanhai(city, capsys):
    return Commands(city, capsys)


def test_a_delivery_without_a_verdict_is_listed_and_shown_as_pending(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    city.put("p2.csv", f"{HEADER}b,1,2024-01-01\n")
    assert shanhai("pull", "acity.events")[0] == 0
    _, out, _ = shanhai("delivery", "list", "--format", "json")
    loaded, waiting = json.loads(out)
    assert [loaded["verdict"], waiting["verdict"]] == ["accepted", "pending"]
    assert set(loaded) == set(waiting)
    assert (waiting["rows_in"], waiting["reason"]) == (None, "pulled, not loaded yet")
    _, out, _ = shanhai("delivery", "list", "--verdict", "pending", "--dataset", "acity.events")
    assert "acity.events/p2" in out
    assert "acity.events/p1" not in out
    code, out, _ = shanhai("delivery", "show", "acity.events/p2")
    assert code == 0
    assert "pending" in out
    code, _, err = shanhai("delivery", "approve", "acity.events/p2", "--by", "Li Wei", "--reason", "soon")
    assert code == 77
    assert "no verdict yet" in err
    shanhai("walk", "acity.events")
    assert json.loads(shanhai("delivery", "list", "--verdict", "pending", "--format", "json")[1]) == []


def test_a_pull_that_failed_is_not_told_as_nothing_new(city, shanhai):
    city.data.mkdir()
    code, out, err = shanhai("walk", "acity.events")
    assert code != 0
    assert "Nothing new" not in out + err
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    assert shanhai("walk", "acity.events")[0] == 0
    assert "Nothing new: every delivery has its verdict." in shanhai("walk", "acity.events")[2]


def test_after_a_decision_the_next_step_is_told(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    code, _, err = shanhai(
        "delivery", "withdraw", "acity.events/p1", "--by", "Li Wei", "--reason", "recalled"
    )
    assert code == 0
    assert "shanhai build && shanhai publish" in err


def test_a_delivery_that_differs_is_shown_with_what_the_contract_could_say(city, shanhai):
    city.put("p1.csv", "编号;n;at\na;1;2024-01-01\nb;2;2024-01-02\n")
    city.walk()
    code, out, _ = shanhai("delivery", "show", "acity.events/p1")
    assert code == 0
    before, _, after = out.partition("Difference")
    assert "Broken checks" not in before
    assert "cells are divided by [;]; the contract says [,]" in after
    assert "set format: delimiter ;" in after
    (told,) = json.loads(shanhai("delivery", "show", "acity.events/p1", "--format", "json")[1])["differences"]
    assert told["kind"] == "delimiter"
    assert told["proposal"] == {"action": "set_format", "settings": {"delimiter": ";"}}
    city.put("p2.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    assert "Difference" not in shanhai("delivery", "show", "acity.events/p2")[1]


@pytest.mark.parametrize(
    "verb",
    [
        ("ledger",),
        ("delivery", "list"),
        ("quarantine", "list"),
        ("purge",),
        ("purge", "--dry-run"),
        ("replay",),
    ],
)
def test_a_dataset_that_is_none_is_told(city, shanhai, verb):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    code, out, err = shanhai(*verb, "--dataset", "acity.visits")
    assert (code, out) == (78, "")
    assert "no such dataset" in err
    assert "acity.events" in err


def test_a_walk_that_names_no_dataset_among_others_begins_nothing(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    code, _, err = shanhai("walk", "acity.events", "acity.visits")
    assert code == 78
    assert "no such dataset" in err
    assert not (city.root / "home").exists()


def test_where_nothing_is_behind_replay_says_so(city, shanhai):
    assert city.node.home.is_dir()
    assert shanhai("replay", "--all-behind") == (0, "", "Nothing is behind its contract.\n")
    assert shanhai("replay", "--all-behind", "--format", "json")[1] == "[]\n"


def test_deliveries_that_cannot_be_replayed_are_counted(city, shanhai):
    for name in ("p1", "p2"):
        city.put(f"{name}.csv", "编号;n;at\na;1;2024-01-01\n")
    city.walk()
    names = [f"acity.events/{name}" for name in ("p1", "p2")]
    code, out, _ = shanhai("replay", *names)
    assert code == 77
    assert "0 of 2 deliveries changed, 2 cannot be replayed" in out


def test_a_refused_delivery_without_good_rows_names_no_decision_that_is_not_allowed(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,x,2024-01-01\n")
    city.walk()
    code, _, err = shanhai("delivery", "approve", "acity.events/p1", "--by", "Li Wei", "--reason", "soon")
    assert code == 77
    assert "no good rows" in err
    assert "nothing, by this contract" in err
    assert "quarantine list" in err


WHO = ("--by", "Li Wei", "--reason", "recalled")


def test_what_a_delivery_is_already_is_told_with_whom_and_no_failure(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\n")
    city.put("p2.csv", f"{HEADER}c,1,2024-01-01\n")
    city.walk()
    code, _, err = shanhai("delivery", "approve", "acity.events/p2", *WHO)
    assert code == 0
    assert "is accepted already, since 2024-03-01 00:00 UTC, by the gate. Nothing was changed." in err
    for _ in range(2):
        code, out, err = shanhai("delivery", "withdraw", "acity.events/p2", *WHO, "--format", "json")
        assert (code, json.loads(out)["verdict"]) == (0, "withdrawn")
    assert json.loads(out)["already"] is True
    assert "is withdrawn already, since" in err
    assert "by Li Wei. Nothing was changed." in err
    shown = json.loads(shanhai("delivery", "show", "acity.events/p2", "--format", "json")[1])
    assert [entry["kind"] for entry in shown["entries"]] == ["load", "withdraw"]
    code, _, err = shanhai("delivery", "refuse", "acity.events/p2", *WHO)
    assert code == 77
    assert "approve" in err


def test_a_decision_by_nobody_says_how_it_is_taken(city, shanhai):
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    code, _, err = shanhai("delivery", "withdraw", "acity.events/p1", "--by", " ", "--reason", "x")
    assert code == 78
    assert "allowed" in err
    assert '--by "Li Wei" --reason' in err


def test_a_replay_says_in_what_a_delivery_differs_whose_counts_do_not(city, shanhai):
    """One bad row is good by the new contract, and a good one is bad: as many as before, and not the same."""
    city.declare(tolerance={"hold": 0.9, "refuse": 0.95})
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,-1,2024-01-01\nc,7,2024-01-01\n")
    city.put("p2.csv", f"{HEADER}d,1,2024-01-01\n")
    city.walk()
    columns = [dict(column) for column in COLUMNS]
    columns[1] = {**columns[1], "logicalTypeOptions": {"maximum": 5, "minimum": -5}}
    city.declare(columns, tolerance={"hold": 0.9, "refuse": 0.95})
    told = shanhai("replay", "--all-behind", "--dry-run", "--format", "json")[1]
    assert [(one["changes"], one["counts"], one["differs_in"]) for one in json.loads(told)] == [
        (True, [], ["good rows", "refused rows"]),
        (False, [], []),
    ]
    code, out, err = shanhai("replay", "--all-behind")
    assert code == 0
    assert "No count differs." in err
    assert "With the same counts 1 differs in good rows and refused rows." in err
    assert "1 of 2 deliveries changed" in out
    assert city.rows() == [("a", 1), ("b", -1), ("d", 1)]
    code, out, err = shanhai("replay", "acity.events/p1")
    assert "Nothing differs." in err
    assert "0 of 1 deliveries changed" in out
    assert "With the same counts" not in err
