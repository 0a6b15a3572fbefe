"""The verbs of applications: what they show, ask for and end with."""

from __future__ import annotations

from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from sent_applications import NAME, expected, two_versions, used
from two_nodes import Two


@pytest.fixture
def call(two: Two, capsys: pytest.CaptureFixture[str]):
    return calling(capsys, "--home", str(two.gongshu.home))


def test_from_the_list_to_the_adopted_folder_and_back(
    call, two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert call("application", "list")[1:] == ("", "No application has come from a partner yet.\n")
    assert call("application", "show", NAME)[0] == 78
    two_versions(two)
    node = two.gongshu
    listed = told(call("application", "list", "--format", "json"))
    assert [(row["application"], row["version"], row["standing"], row["grant"]) for row in listed] == [
        (NAME, 1, "waits", "in force"),
        (NAME, 2, "waits", "in force"),
    ]
    shown = told(call("application", "show", listed[0]["message"][:8], "--format", "json"))
    assert [(one["path"], one["executable"]) for one in shown["files"]] == [
        ("README.md", False),
        ("bin/run.sh", True),
        ("data/empty", False),
        ("old/notes.txt", False),
    ]
    adopt = ("application", "adopt", NAME, "--version", "1")
    planned = told(call(*adopt, "--dry-run", "--format", "json"))
    assert (planned["adopted"], planned["added"]) == (False, [one["path"] for one in shown["files"]])
    assert used(node) == {}
    assert call(*adopt)[0] == 2
    assert call(*adopt, "--by", "system", "--reason", "read it")[0] == 78
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    deciding = ("--by", "Li Wei", "--reason", "read it", "--format", "json")
    done = told(call(*adopt, *deciding))
    assert (done["adopted"], Path(done["folder"])) == (True, node.home / "applications" / "adopted" / NAME)
    assert used(node) == expected(1)
    (decision,) = told(call("application", "show", NAME, "--version", "1", "--format", "json"))["decisions"]
    assert (decision["who"], decision["reason"], decision["act"]) == ("Li Wei", "read it", "adopted")
    told(call("application", "retire", NAME, *deciding))
    assert used(node) == {}
    status = told(call("exchange", "status", "--format", "json"))
    assert (status["waiting"], status["lapsed"]) == ([], [])


def test_the_contracts_of_an_adopted_application_are_no_contracts_of_the_node(
    call, two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Even where the home is the federation: its `districts/` are the ones at its root alone."""
    two_versions(two)
    home = two.gongshu.home
    (home / "districts").mkdir()
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    code, *_ = call("application", "adopt", NAME, "--version", "2", "--by", "Li Wei", "--reason", "read it")
    assert code == 0
    assert told(call("--federation", str(home), "contract", "list", "--format", "json")) == []
    adopted = str(home / "applications" / "adopted" / NAME)
    listed = told(call("--federation", adopted, "contract", "list", "--format", "json"))
    assert [one["dataset"] for one in listed] == ["gongshu.events"]
    assert used(two.gongshu) == expected(2)
