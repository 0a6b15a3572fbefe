"""`shanhai audit`: lists, verifies, discloses; each kind of trouble has its exit code."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from known_node import known_node

from shanhai.audit.database import FILE
from shanhai.cli import main


@pytest.fixture
def home(tmp_path: Path) -> Path:
    known_node(tmp_path / "home", published=5, after=2)
    return tmp_path / "home"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    def called(home: Path, *arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(home), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def edit(home: Path) -> None:
    """Change an event as somebody would who holds the file."""
    database = sqlite3.connect(home / FILE)
    database.execute("DROP TRIGGER event_is_only_erased")
    database.execute("UPDATE event SET document = CAST(replace(CAST(document AS TEXT), 'Li', 'Lu') AS BLOB)")
    database.commit()
    database.close()


@pytest.mark.parametrize("verb", ["log", "verify"])
def test_an_empty_home_has_no_log_and_gets_none(call, tmp_path: Path, verb: str):
    assert call(tmp_path, "audit", verb) == (0, "", "Nothing has been logged yet.\n")
    assert call(tmp_path, "audit", verb, "--format", "json")[:2] == (0, "[]\n")
    assert list(tmp_path.iterdir()) == []


def test_events_are_listed(call, home: Path):
    code, out, _ = call(home, "audit", "log", "--format", "json")
    rows = json.loads(out)
    assert (code, [row["leaf"] for row in rows], {row["who"] for row in rows}) == (0, [*range(7)], {"Li Wei"})
    chosen = json.loads(call(home, "audit", "log", "--kind", "suspend", "--last", "2", "--format", "json")[1])
    assert [(row["leaf"], row["kind"]) for row in chosen] == [(3, "suspend"), (5, "suspend")]
    assert f"pairing {6:032x}" in call(home, "audit", "log")[1]
    assert call(home, "audit", "log", "--kind", "grant") == (0, "", "No event is of this kind.\n")
    code, _, error = call(home, "audit", "log", "--kind", "sold")
    assert (code, "no such kind of event" in error) == (78, True)


def test_a_whole_log_verifies(call, home: Path):
    code, out, error = call(home, "audit", "verify")
    assert (code, out) == (0, "")
    assert error == "Everything agrees: 7 events, 0 erased; a checkpoint covers 5.\n"
    facts = json.loads(call(home, "audit", "verify", "--format", "json")[1])
    assert facts == {
        "agrees": True,
        "events": 7,
        "erased": 0,
        "checkpoint": 5,
        "after_checkpoint": 2,
        "wrong": [],
    }


def test_an_edited_log_is_listed_with_its_exit_code(call, home: Path):
    edit(home)
    code, out, error = call(home, "audit", "verify", "--format", "json")
    assert (code, json.loads(error)["recovery"]) == (65, "fix the data")
    assert [(one["code"], one["leaf"]) for one in json.loads(out)["wrong"]] == [
        ("entry-edited", leaf) for leaf in range(7)
    ]
    assert "EDITED" in call(home, "audit", "log")[1]


def test_a_disclosed_event_is_verified_with_the_keyset_alone(call, home: Path, tmp_path: Path):
    file = tmp_path / "event.json"
    assert call(home, "audit", "disclose", "3", "--out", str(file))[:2] == (0, f"{file}\n")
    keyset = home / "keyring" / "keyset.json"
    elsewhere = ("audit", "verify", "--disclosure", str(file), "--keyset", str(keyset), "--format", "json")
    code, out, _ = call(tmp_path / "other", *elsewhere)
    facts = json.loads(out)
    assert (code, facts["leaf"], facts["kind"], facts["name"]) == (0, 3, "suspend", "longyou")
    known_node(tmp_path / "stranger", published=1)
    strange = tmp_path / "stranger" / "keyring" / "keyset.json"
    code, _, error = call(
        tmp_path / "other", "audit", "verify", "--disclosure", str(file), "--keyset", str(strange)
    )
    assert (code, "checkpoint-origin-other" in error) == (65, True)


def test_what_cannot_be_disclosed_is_said(call, home: Path, tmp_path: Path):
    file = tmp_path / "event.json"
    for leaf, code, said in (("99", 78, "no such event"), ("6", 78, "SHANHAI_PASSPHRASE_FILE")):
        done = call(home, "audit", "disclose", leaf, "--out", str(file))
        assert (done[0], said in done[2]) == (code, True)
    assert not file.exists()
    done = call(tmp_path / "empty", "audit", "disclose", "0", "--out", str(file))
    assert (done[0], "shanhai node init" in done[2]) == (78, True)


def test_a_keyset_belongs_to_a_disclosure(call, home: Path):
    done = call(home, "audit", "verify", "--keyset", str(home / "keyring" / "keyset.json"))
    assert (done[0], "--disclosure" in done[2]) == (78, True)
    file = home / "broken.json"
    file.write_bytes(b"{}")
    done = call(home, "audit", "verify", "--disclosure", str(file), "--keyset", str(file))
    assert (done[0], "not a keyset" in done[2]) == (65, True)
