"""Nothing is adopted but the bytes that came, and no work of people in a folder is thrown away unasked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sent_applications import NAME, adopted, expected, given_up, hidden, retired, used, waiting_folder, waits
from sent_parcels import kinds
from two_nodes import NodeHome, Two

from shanhai.courier import adopting
from shanhai.errors import DataError
from shanhai.exchange.grants import Grant


def edited(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"# Dashboards!")


def added(folder: Path) -> None:
    (folder / "new.txt").write_bytes(b"")


def removed(folder: Path) -> None:
    (folder / "README.md").unlink()


def may_be_run(folder: Path) -> None:
    (folder / "README.md").chmod(0o755)


def may_not_be_run(folder: Path) -> None:
    (folder / "bin" / "run.sh").chmod(0o644)


def linked(folder: Path) -> None:
    (folder / "README.md").rename(folder.parent / "elsewhere")
    (folder / "README.md").symlink_to(folder.parent / "elsewhere")


def folder_linked(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edited, "README.md changed"),
        (added, "new.txt added"),
        (removed, "README.md removed"),
        (may_be_run, "README.md changed"),
        (may_not_be_run, "bin/run.sh changed"),
        (linked, "README.md"),
        (folder_linked, "not the ones"),
        (shutil.rmtree, "is not there"),
    ],
)
def test_files_that_were_changed_since_they_came_are_named_and_not_adopted(node: NodeHome, change, told: str):
    change(waiting_folder(node, 1))
    with pytest.raises(DataError) as met:
        adopted(node, 1)
    assert told in str(met.value)
    assert (used(node), waits(node)) == ({}, 2)
    assert "adopt" not in kinds(node)
    adopted(node, 2)
    assert used(node) == expected(2)


def test_files_that_change_while_they_are_copied_are_not_adopted(
    node: NodeHome, monkeypatch: pytest.MonkeyPatch
):
    """What is written is what was held against the digest, and not what lay there a moment before."""
    real, folder = adopting.require_room, waiting_folder(node, 1)
    for change in (edited, may_be_run):
        kept = shutil.copytree(folder, folder.parent / "kept")
        monkeypatch.setattr(
            adopting, "require_room", lambda *given, change=change: (change(folder), real(*given))
        )
        with pytest.raises(DataError, match="changed while it was read"):
            adopted(node, 1)
        monkeypatch.undo()
        assert (used(node), hidden(node)) == ({}, [".lock"])
        shutil.rmtree(folder)
        kept.rename(folder)
    adopted(node, 1)
    assert used(node) == expected(1)


def test_what_was_received_may_be_removed(choosing: Two, came: tuple[Two, Grant], tmp_path: Path):
    """Of a version that nobody adopted, and of one that is used, which stays."""
    node = choosing.gongshu
    adopted(node, 2)
    for version in (1, 2):
        shutil.rmtree(waiting_folder(node, version))
    given_up(choosing, tmp_path, content=replace(came[1], rev=2))
    assert used(node) == expected(2)
    assert not waiting_folder(node, 1).exists()
    with pytest.raises(DataError, match="is not there"):
        adopted(node, 1)
    assert used(node) == expected(2)


def test_work_of_people_in_an_adopted_folder_is_not_thrown_away_unasked(node: NodeHome):
    adopted(node, 1)
    edited(node.home / "applications" / "adopted" / NAME)
    with pytest.raises(DataError, match=r"was changed here.*README.md changed"):
        adopted(node, 2)
    with pytest.raises(DataError, match=r"was changed here.*README.md changed"):
        retired(node)
    assert used(node)["README.md"] == (b"# Dashboards!", False)
    adopted(node, 2, discard=True)
    assert used(node) == expected(2)
    linked(node.home / "applications" / "adopted" / NAME)
    (node.home / "applications" / "adopted" / "elsewhere").unlink()
    retired(node, discard=True)
    assert used(node) == {}
