"""Refused rows as people read them, and what people decide about them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from one_city import DATASET, HEADER, City

from shanhai import steps
from shanhai.cli import main
from shanhai.errors import BusyError, ConfigurationError, DeniedError
from shanhai.ingest.already import AlreadySoError
from shanhai.ingest.books import Entry, entries, moving
from shanhai.ingest.decide import decide
from shanhai.ingest.decisions import carry_out
from shanhai.ingest.discard import discard, reopen
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import open_table
from shanhai.ingest.quarantine import Group, groups, rows
from shanhai.settings import load_settings

WHO = {"by": "Li Wei", "reason": "nothing better will come"}
BAD = f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\nc,-1,2024-01-01\nd,-1,never\n"
"""Of four rows one is good; one breaks n.type, one n.range, one n.range and at.type."""


@pytest.fixture(scope="module")
def walked_once(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(tmp_path_factory.mktemp("once"))
    city.declare(tolerance={"hold": 0.9, "refuse": 0.95})
    city.put("a.csv", BAD)
    city.put("b.csv", f"{HEADER}e,1,2024-01-01\nf,1,2024-01-01\ng,1,2024-01-01,9\n")
    city.walk()
    return city


@pytest.fixture
def refused(walked_once: City, tmp_path: Path) -> City:
    return walked_once.copied(tmp_path / "node")


def shown(city: City, partition: str = "a") -> dict[tuple[str, str], int]:
    found = groups(city.node, delivery=city.delivery(partition))
    return {(group.reason, group.state): group.rows for group in found}


def test_an_empty_quarantine_has_no_groups(city):
    assert groups(city.node) == []


def test_rows_are_counted_under_each_rule_that_they_broke(refused):
    assert shown(refused) == {("n.range", "open"): 2, ("at.type", "open"): 1, ("n.type", "open"): 1}
    every = groups(refused.node)
    assert Group(refused.delivery("b"), "malformed.ragged", "open", 1) in every
    assert len(every) == 4


def test_a_row_is_shown_with_its_place_and_its_text_only_when_asked(refused):
    delivery = refused.delivery("a")
    found = list(rows(refused.node, delivery))
    assert [(row.position, row.reasons) for row in found] == [
        (2, ("n.type",)),
        (3, ("n.range",)),
        (4, ("n.range", "at.type")),
    ]
    assert {row.raw for row in found} == {None}
    (one,) = rows(refused.node, delivery, reason="at.type", raw=True)
    assert "never" in str(one.raw)
    assert len(list(rows(refused.node, delivery, limit=2))) == 2
    assert list(rows(refused.node, delivery, state="discarded")) == []


def test_a_discarded_rule_closes_its_rows_and_reopening_gives_them_back(refused):
    delivery, before = refused.delivery("a"), refused.ledger()["a"]
    written = discard(refused.node, delivery, rules=["n.range"], **WHO)
    assert (written.kind, written.scope, written.decided_by) == ("discard", ("n.range",), "Li Wei")

    assert shown(refused) == {
        ("n.range", "discarded"): 2,
        ("at.type", "discarded"): 1,
        ("n.type", "open"): 1,
    }
    assert [row.position for row in rows(refused.node, delivery, state="open")] == [2]
    after = refused.ledger()["a"]
    assert (after.counts, after.verdict, after.reason) == (before.counts, "accepted", before.reason)

    with pytest.raises(AlreadySoError, match=r": n\.range is discarded already, since .*, by Li Wei;"):
        discard(refused.node, delivery, rules=["n.range"], by="Wang", reason="x")
    reopen(refused.node, delivery, by="Wang", reason="x")
    assert {state for _, state in shown(refused)} == {"open"}
    for rules in ([], ["n.range"]):
        with pytest.raises(AlreadySoError, match=r": n\.range is open again already, since .*, by Wang;"):
            reopen(refused.node, delivery, rules=rules, **WHO)
    with pytest.raises(ConfigurationError, match="no such rule is discarded"):
        reopen(refused.node, delivery, rules=["n.type"], **WHO)
    with pytest.raises(ConfigurationError, match="no such rule is discarded"):
        reopen(refused.node, refused.delivery("b"), **WHO)


def test_without_a_rule_all_that_is_open_is_discarded(refused):
    delivery = refused.delivery("a")
    assert discard(refused.node, delivery, **WHO).scope == ("at.type", "n.range", "n.type")
    reopen(refused.node, delivery, rules=["at.type", "n.range"], **WHO)
    assert [row.position for row in rows(refused.node, delivery, state="open")] == [3, 4]
    assert discard(refused.node, delivery, **WHO).scope == ("at.type", "n.range")


def test_a_discarded_delivery_keeps_its_place_and_can_be_withdrawn_and_approved(refused):
    delivery = refused.delivery("a")
    discard(refused.node, delivery, **WHO)
    rows_before = refused.rows()
    decide(refused.node, delivery, "withdraw", **WHO)
    decide(refused.node, delivery, "approve", **WHO)
    assert refused.rows() == rows_before
    assert {state for _, state in shown(refused)} == {"discarded"}
    assert refused.ledger()["a"].counts.balanced


def test_a_decision_needs_a_name_and_a_rule_that_is_broken(refused):
    delivery = refused.delivery("a")
    with pytest.raises(ConfigurationError, match="a name and a reason") as error:
        discard(refused.node, delivery, by=" ", reason="x")
    assert (error.value.given, bool(error.value.allowed)) == ("by='' reason='x'", True)
    assert "--by" in error.value.hint
    with pytest.raises(ConfigurationError, match=r"allowed: at\.type, n\.range, n\.type"):
        discard(refused.node, delivery, rules=["n.range", "id.pattern"], **WHO)
    assert len(ledger(refused.node)) == 2


def test_of_several_people_who_decide_at_once_one_is_heard(refused):
    delivery = refused.delivery("a")

    def decided(who: str) -> str:
        try:
            return discard(refused.node, delivery, by=who, reason="x").decided_by
        except (BusyError, DeniedError):
            return ""

    with ThreadPoolExecutor(4) as pool:
        heard = [name for name in pool.map(decided, ["a", "b", "c", "d"]) if name]
    entries = [line for _, line in entries_of(refused) if line.kind == "discard"]
    assert [line.decided_by for line in entries] == heard
    assert len(heard) == 1


def entries_of(city: City) -> list[tuple[int, Entry]]:
    return list(entries(open_table(city.node, DATASET)))


def test_released_rows_are_good_and_listed_as_released_until_it_is_revoked(refused):
    delivery, before = refused.delivery("a"), refused.ledger()["a"].counts
    assert carry_out(refused.node, delivery, "release", rules=["n.range"], **WHO)
    assert refused.rows() == [("a", 1), ("c", -1), ("e", 1), ("f", 1)]
    assert shown(refused) == {
        ("n.range", "released"): 1,
        ("n.range", "open"): 1,
        ("at.type", "open"): 1,
        ("n.type", "open"): 1,
    }
    assert [row.position for row in rows(refused.node, delivery, state="released")] == [3]
    after = refused.ledger()["a"].counts
    assert (after.loaded, after.quarantined) == (before.loaded + 1, before.quarantined - 1)

    assert carry_out(refused.node, delivery, "revoke", **WHO)
    assert refused.ledger()["a"].counts == before
    assert {state for _, state in shown(refused)} == {"open"}


def test_a_note_moves_no_row_and_rules_are_for_rows_only(refused):
    delivery, table = refused.delivery("a"), refused.rows()
    version = open_table(refused.node, DATASET).version
    assert carry_out(refused.node, delivery, "discard", rules=["n.type"], **WHO)
    assert carry_out(refused.node, delivery, "reopen", **WHO)
    assert [moving(one) for one in open_table(refused.node, DATASET).commits(after=version)] == [[], []]
    assert carry_out(refused.node, delivery, "replay", **WHO) is None, "nothing is different"
    assert refused.rows() == table
    with pytest.raises(ConfigurationError, match="whole delivery"):
        carry_out(refused.node, delivery, "withdraw", rules=["n.type"], **WHO)
    with pytest.raises(ConfigurationError, match="no such decision"):
        carry_out(refused.node, delivery, "forget", **WHO)  # type: ignore[arg-type]


class CommandLine:
    def __init__(self, city: City, capsys: pytest.CaptureFixture[str]) -> None:
        self.places = ["--home", str(city.root / "home"), "--federation", str(city.root)]
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        """What `shanhai quarantine` prints."""
        assert main([*self.places, "quarantine", *words]) == code
        return self.capsys.readouterr().out

    def read(self, *words: str) -> Any:
        return json.loads(self(*words, "--format", "json"))


def test_the_command_line_shows_no_text_but_by_raw(refused, capsys):
    quarantine = CommandLine(refused, capsys)
    assert {(line["rule"], line["rows"]) for line in quarantine.read("list", "--rule", "n.range")} == {
        ("n.range", 2)
    }
    assert quarantine.read("list", "--state", "purged") == []
    quarantine("list", "--dataset", "acity.others", code=78)
    for words in (["list"], ["show", "acity.events/a"], ["show", "acity.events/a", "--format", "json"]):
        assert "never" not in quarantine(*words)
    assert "never" in quarantine("show", "acity.events/a", "--raw")
    (line, *_) = quarantine.read("show", "acity.events/a", "--limit", "1", "--rule", "at.type", "--raw")
    assert (line["position"], line["rules"]) == (4, ["n.range", "at.type"])
    quarantine("show", "acity.events/a", "--limit", "9" * 20, code=2)


def test_the_command_line_decides_with_name_and_reason(refused, capsys):
    quarantine, who = CommandLine(refused, capsys), ("--by", "Li Wei", "--reason", "looked at it")
    quarantine("discard", "acity.events/a", "--rule", "n.type", code=2)
    quarantine("discard", "acity.events/a", "--rule", "n.typo", *who, code=78)
    quarantine("discard", "acity.events/a", "--rule", "n.type", *who)
    assert [line["rows"] for line in quarantine.read("list", "--state", "discarded")] == [1]
    assert quarantine.read("discard", "acity.events/a", *who)["already"] is False
    quarantine("reopen", "acity.events/a", *who)
    row = ("--row", "a.csv:3")
    would = quarantine.read("release", "acity.events/a", "--rule", "n.range", *row, *who, "--dry-run")
    assert would["changes"]
    assert quarantine.read("list", "--state", "released") == []
    quarantine("release", "acity.events/a", "--rule", "n.range", *row, *who)
    assert [line["rows"] for line in quarantine.read("list", "--state", "released")] == [1]
    quarantine("release", "acity.events/a", "--rule", "n.range", "--row", "a.csv", *who, code=2)
    quarantine("revoke", "acity.events/a", *who)
    assert quarantine.read("list", "--state", "released") == []


def test_what_was_decided_before_is_told_with_whom_and_no_failure(refused, capsys):
    quarantine, li = CommandLine(refused, capsys), ("--by", "Li Wei", "--reason", "looked at it")
    wang = ("--by", "Wang Qiang", "--reason", "so it is")
    for verb, state in [
        (("release", "acity.events/a", "--rule", "n.range"), "n.range is released"),
        (("revoke", "acity.events/a"), "every rule is taken back"),
        (("discard", "acity.events/a", "--rule", "n.type"), "n.type is discarded"),
        (("reopen", "acity.events/a"), "n.type is open again"),
    ]:
        assert quarantine.read(*verb, *li)["already"] is False
        before = entries_of(refused)
        capsys.readouterr()
        assert main([*quarantine.places, "quarantine", *verb, *wang]) == 0
        told = capsys.readouterr()
        assert told.out == ""
        assert f" {state} already, since 20" in " ".join(told.err.split())
        assert "by Li Wei. Nothing was changed." in " ".join(told.err.split())
        assert quarantine.read(*verb, *wang)["already"] is True
        assert entries_of(refused) == before


def test_what_a_scheduler_calls_tells_what_was_done(refused, monkeypatch):
    monkeypatch.setenv("SHANHAI_HOME", str(refused.root / "home"))
    monkeypatch.setenv("SHANHAI_FEDERATION", str(refused.root))
    load_settings.cache_clear()
    try:
        named = {"delivery": str(refused.delivery("a"))[:-40], **WHO}
        moved = steps.decide_step(**named, action="release", rules=["n.range"])
        again = steps.decide_step(**named, action="replay", rules=[])
        purged = steps.purge_step()
    finally:
        load_settings.cache_clear()
    assert (moved["changed"], moved["verdict"], moved["loaded"]) == (True, "accepted", 1)
    assert "verdict" not in again, "nothing was to be done"
    assert purged == {"purged": [], "files": 0, "bytes": 0, "waiting": False}
