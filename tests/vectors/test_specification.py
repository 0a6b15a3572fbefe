"""What the specification lists is what the program does: codes, kinds of events, operations, named tests."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from vectors.vector import FOLDER, names

from shanhai.audit.events import ABOUT, KINDS
from shanhai.audit.failures import SENTENCES
from shanhai.courier.relays.layout import LOOKED_BACK
from shanhai.exchange.failures import FAILURES

ROOT = Path(__file__).parents[2]
SPEC = (FOLDER.parent / "SPEC.md").read_text(encoding="utf-8")

NAMED = {
    "32768-row-groups": "integration/exchange_parquet/test_too_many.py",
    "32768-pages": "integration/exchange_parquet/test_too_many.py",
    "changed-between-hash-and-parse": "integration/courier/test_receive_refused.py",
    "contract-not-met": "integration/courier/test_admit.py",
    "core-dump-none": "integration/courier/test_cell.py",
    "receipt-withheld": "integration/courier/test_ship_status.py",
    "tar-entry-outside": "integration/courier/test_ship_tar.py",
    "tar-names-changed": "integration/courier/test_ship_tar.py",
    "passphrase-wrong": "integration/keyring/test_locked_node.py",
    "keyfile-damaged": "unit/keyring/test_files.py",
    "keyfile-world-readable": "unit/keyring/test_files.py",
    "secret-in-repr-log-argv-environ-core": "integration/keyring/test_locked_node.py",
}
"""Names of the design that a test stands for, since no JSON file can: each is in the text of its test."""


def section(number: str) -> str:
    return re.split(
        r"\n##+ ", SPEC.split(f"\n## {number}. " if "." not in number else f"\n### {number} ")[1]
    )[0]


def rows(text: str) -> list[list[str]]:
    lines = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line] for line in lines]


def test_every_code_stands_with_its_stage_and_what_comes_of_it():
    told = {code.strip("`"): (stage, more, what) for code, stage, more, what in rows(section("10"))}
    assert told == {
        code: (one.stage.value, "freezes" if one.freezes else "later" if one.later else "", one.sentence)
        for code, one in FAILURES.items()
    }


def test_every_kind_of_event_stands_with_what_it_is_about():
    told = {kind.strip("`"): tuple(about.split(", ")) for kind, about in rows(section("13.1"))}
    assert told == dict(KINDS)
    assert not {name for name in ABOUT if f"`{name}`" not in section("13.1")}


def test_every_code_of_the_log_stands():
    told = {code.strip("`"): what for code, what in rows(section("13.2"))}
    assert told.pop("log-unwritable")
    assert told == dict(SENTENCES)


def test_every_operation_of_a_vector_stands():
    used = {json.loads(file.read_text(encoding="utf-8"))["operation"] for file in FOLDER.rglob("*.json")}
    assert {row[0].strip("`") for row in rows(section("15"))} == used


def test_what_is_given_and_what_comes_of_it_stands_in_the_row_of_the_operation():
    told: dict[str, str] = {}
    for row in rows(section("15")):
        before = list(told.values())[-1:] if row[1].startswith("the same") else []
        told[row[0].strip("`")] = " ".join([*before, *row[1:]])
    unsaid = set()
    for file in FOLDER.rglob("*.json"):
        vector = json.loads(file.read_text(encoding="utf-8"))
        named = [*vector["given"], *vector["expect"].get("passes", {}), *vector["expect"]]
        words = set(re.findall(r"\w+", told[vector["operation"]])) | {"passes", "refused", "gap", "stage"}
        unsaid |= {(vector["operation"], name) for name in named if name not in words}
    assert not unsaid


def test_the_word_for_what_is_broken_of_a_folder_stands():
    """`field` tells for which of the rules of section 12 a vector stands."""
    expects = [json.loads(file.read_text(encoding="utf-8"))["expect"] for file in FOLDER.rglob("*.json")]
    used = {expect["field"] for expect in expects if "field" in expect}
    (told,) = re.findall(r"`field` beside these[^:]*:\s([^.]*)\.", section("15"))
    assert set(re.findall(r"`([a-z]+)`", told)) == used


def test_every_table_is_whole():
    """A blank line cuts a table in two, and what is below it is shown as text."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", SPEC)]
    cut = [block[0] for block in blocks if block[0].startswith("|") and not re.fullmatch(r"[| -]+", block[1])]
    assert not cut


def test_every_vector_that_is_named_is_there():
    groups = [folder.name for folder in FOLDER.iterdir() if folder.is_dir()]
    there = {name.partition(".")[0] for name in names(*groups)} | set(names(*groups)) | set(NAMED)
    named = re.findall(r"vectors?(?: by name:)? \(?`([a-z0-9.-]+?)(?:\.\*)?`", SPEC)
    assert len(named) >= 4
    assert set(named) <= there


CHECKS = {
    row[0]: row[1:]
    for line in (section("7.2") + section("7.4")).splitlines()
    if re.match(r"\| \d[a-p]? \|", line)
    for row in [[cell.strip() for cell in line.strip("|").split("|")]]
}
"""The rows of the tables of section 7 by their numbers, in their order."""

TWO_FAULTS = names("checks")
CANNOT_BOTH_FAIL = {
    ("8a", "8b"): "without the private key nothing can be opened",
    ("8b", "8c"): "what does not open has no plaintext",
}


@pytest.mark.parametrize("name", TWO_FAULTS)
def test_of_two_faults_the_code_is_that_of_the_check_that_comes_first(name: str):
    found = re.fullmatch(r"two-faults\.(\d[a-p])-(\d[a-p])(\.[a-z-]+)?", name)
    assert found
    first, second = found[1], found[2]
    assert list(CHECKS).index(first) <= list(CHECKS).index(second)
    code = json.loads(TWO_FAULTS[name].read_text(encoding="utf-8"))["expect"]["refused"]
    told = " ".join(CHECKS[first])
    assert f"`{code}`" in told or (code.startswith("json-") and "the json codes" in told)


@pytest.mark.parametrize("step", ["3", "8"])
def test_neighbouring_checks_that_can_both_fail_have_a_vector(step: str):
    numbers = [number for number in CHECKS if number.startswith(step)]
    assert len(numbers) >= 5
    pairs = {(one, other) for one, other in itertools.pairwise(numbers) if one != other}
    there = {tuple(name.split(".")[1].split("-")) for name in TWO_FAULTS}
    assert pairs - set(CANNOT_BOTH_FAIL) <= there
    assert not there & set(CANNOT_BOTH_FAIL)


def test_it_says_how_far_back_a_fork_is_seen():
    told = f"ours looks at {LOOKED_BACK} back in each run; in a tar, which is finite, at every message"
    assert told in " ".join(section("7.2").split())
    guide = (ROOT / "docs" / "guide" / "receive.md").read_text(encoding="utf-8")
    assert f"looks again at the {LOOKED_BACK} messages that were settled last" in guide


def test_every_code_has_a_vector_or_a_test_that_is_named():
    """The stage of a vector is not always the one of the table: a finder may name a later one."""
    expects = [json.loads(file.read_text(encoding="utf-8"))["expect"] for file in FOLDER.rglob("*.json")]
    judged = {expect.get("refused") or expect.get("gap") for expect in expects} | set(NAMED)
    assert not {code for code in FAILURES if code not in judged}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_without_a_file_has_a_test(name: str):
    assert name in (ROOT / "tests" / NAMED[name]).read_text(encoding="utf-8")
    assert f"`{name}`" in SPEC or "the group Secrets" in SPEC
