"""`shanhai audit`: lists, verifies, discloses; each kind of trouble has its exit code."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from called import calling
from known_node import known_node

from shanhai.audit.database import FILE
from shanhai.courier.own_keys import keyring_of
from shanhai.settings import load_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    known_node(tmp_path / "home", published=5, after=2)
    return tmp_path / "home"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    return lambda home, *arguments: calling(capsys, "--home", str(home))(*arguments)


def edit(home: Path) -> None:
    """Change an event as somebody would who holds the file."""
    database = sqlite3.connect(home / FILE)
    database.execute("DROP TRIGGER event_is_only_erased")
    database.execute("UPDATE event SET document = CAST(replace(CAST(document AS TEXT), 'Li', 'Lu') AS BLOB)")
    database.commit()
    database.close()


NOTHING = {"agrees": True, "events": 0, "erased": 0, "checkpoint": None, "after_checkpoint": 0, "wrong": []}


def test_an_empty_home_has_no_log_and_gets_none(call, tmp_path: Path):
    for verb in ("log", "verify"):
        code, out, error = call(tmp_path, "audit", verb)
        assert (code, out, "there is no home of a node" in error) == (78, "", True)
    (tmp_path / "lake").mkdir()
    for verb in ("log", "verify"):
        assert call(tmp_path, "audit", verb) == (0, "", "Nothing has been logged yet.\n")
    assert call(tmp_path, "audit", "log", "--format", "json")[:2] == (0, "[]\n")
    code, out, _ = call(tmp_path, "audit", "verify", "--format", "json")
    assert (code, json.loads(out)) == (0, NOTHING)
    assert list(tmp_path.iterdir()) == [tmp_path / "lake"]


@pytest.mark.parametrize("gone", ["exchange", "exchange audit", "exchange keyring", "events"])
def test_a_log_that_is_gone_is_no_log_that_agrees(call, home: Path, gone: str):
    """The strongest deletion is that of everything."""
    if gone == "events":
        (home / FILE).unlink()
        sqlite3.connect(home / FILE).close()
        (home / FILE).chmod(0o600)
    else:
        for folder in gone.split():
            shutil.rmtree(home / folder)
    code, out, error = call(home, "audit", "verify", "--format", "json")
    assert (code, json.loads(error)["recovery"]) == (65, "fix the data")
    found = json.loads(out)
    assert (found["agrees"], found["events"]) == (False, 0)
    assert "log-shortened" in [one["code"] for one in found["wrong"]]


def test_a_damaged_database_is_a_finding_and_no_fault(call, home: Path):
    (home / FILE).write_bytes(b"no database" * 1000)
    code, out, _ = call(home, "audit", "verify", "--format", "json")
    assert (code, [one["code"] for one in json.loads(out)["wrong"]]) == (65, ["database-damaged"])


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
    elsewhere = ("audit", "verify", "--disclosure", str(file), *of(home))
    code, out, _ = call(tmp_path / "other", *elsewhere, "--format", "json")
    facts = json.loads(out)
    assert (code, facts["leaf"], facts["kind"], facts["name"]) == (0, 3, "suspend", "longyou")
    said = call(tmp_path / "other", *elsewhere)[2]
    assert said.endswith("that the node of this root key, which calls itself longyou, signed.\n")
    known_node(tmp_path / "stranger", published=1)
    strange = ("audit", "verify", "--disclosure", str(file), *of(tmp_path / "stranger"))
    code, _, error = call(tmp_path / "other", *strange)
    assert (code, "checkpoint-origin-other" in error) == (65, True)


def of(home: Path) -> tuple[str, ...]:
    """What a stranger has of a node: its keyset, and a fingerprint that its people told, as they see it."""
    kid = keyring_of(home).keyset().roots[0].kid.upper()
    grouped = " ".join(kid[start : start + 4] for start in range(0, len(kid), 4))
    return ("--keyset", str(home / "keyring" / "keyset.json"), "--fingerprint", grouped)


def test_a_keyset_that_anybody_made_proves_nothing(call, home: Path, tmp_path: Path):
    """Whoever makes a root key may call it longyou: only the fingerprint tells."""
    known_node(tmp_path / "forger", published=5)
    file = tmp_path / "event.json"
    call(tmp_path / "forger", "audit", "disclose", "3", "--out", str(file))
    keyset = str(tmp_path / "forger" / "keyring" / "keyset.json")
    verify = ("audit", "verify", "--disclosure", str(file), "--keyset", keyset)
    code, out, error = call(tmp_path / "other", *verify)
    assert (code, out, "--fingerprint" in error) == (78, "", True)
    code, out, error = call(tmp_path / "other", *verify, *of(home)[2:])
    assert (code, out, "no root key of this keyset" in error) == (65, "", True)
    assert call(tmp_path / "other", *verify, *of(tmp_path / "forger")[2:])[0] == 0


def test_no_file_is_written_over_by_a_disclosure(call, home: Path, tmp_path: Path):
    file = tmp_path / "event.json"
    file.write_bytes(b"another")
    code, out, error = call(home, "audit", "disclose", "3", "--out", str(file))
    assert (code, out, "there is a file already" in error) == (78, "", True)
    assert file.read_bytes() == b"another"
    assert call(home, "audit", "disclose", "3", "--out", str(tmp_path / "none" / "event.json"))[0] == 78


def test_a_disclosure_goes_into_a_folder_that_is_there(call, home: Path, tmp_path: Path):
    """A disk that is not mounted must not pass for one."""
    stick = tmp_path / "media" / "stick"
    code, _, error = call(home, "audit", "disclose", "2", "--out", str(stick / "event.json"))
    assert (code, str(stick) in error, "mounted" in error) == (78, True, True), error
    assert not stick.parent.exists()


@pytest.fixture
def settings_unread() -> Iterator[None]:
    """As in a process of its own, where the settings of the environment were not read yet."""
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.mark.usefixtures("settings_unread")
def test_a_home_that_is_a_file_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "home"
    file.write_text("ours")
    monkeypatch.setenv("SHANHAI_HOME", str(file))
    for verb in (("pair", "show"), ("audit", "log"), ("audit", "verify")):
        code, _, error = calling(capsys)(*verb)
        assert (code, str(file) in error, "SHANHAI_HOME" in error) == (78, True, True), error


def test_what_cannot_be_disclosed_is_said(call, home: Path, tmp_path: Path):
    file = tmp_path / "event.json"
    for leaf, code, said in (
        ("99", 78, "no such event"),
        ("9" * 20, 78, "no such event"),
        ("6", 78, "SHANHAI_PASSPHRASE_FILE"),
    ):
        done = call(home, "audit", "disclose", leaf, "--out", str(file))
        assert (done[0], said in done[2]) == (code, True)
    assert not file.exists()
    done = call(tmp_path / "empty", "audit", "disclose", "0", "--out", str(file))
    assert (done[0], "shanhai node init" in done[2]) == (78, True)


def test_a_keyset_belongs_to_a_disclosure(call, home: Path):
    done = call(home, "audit", "verify", *of(home))
    assert (done[0], "--disclosure" in done[2]) == (78, True)
    file = home / "broken.json"
    file.write_bytes(b"{}")
    keys = ("--keyset", str(file), "--fingerprint", "04")
    done = call(home, "audit", "verify", "--disclosure", str(file), *keys)
    assert (done[0], "json-missing-field" in done[2]) == (77, True)
