"""One adopted folder takes the place of another in one step, one person after the other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sent_applications import adopted, expected, hidden, retired, standings, used
from two_nodes import NodeHome

from shanhai.applications import switching
from shanhai.applications.switching import Place, exchange
from shanhai.errors import BusyError


def test_two_who_adopt_at_once_do_it_one_after_the_other(node: NodeHome, monkeypatch: pytest.MonkeyPatch):
    inside, go_on = threading.Event(), threading.Event()
    real = Place.switch

    def held(place: Place) -> None:
        inside.set()
        assert go_on.wait(300)
        real(place)

    monkeypatch.setattr(Place, "switch", held)
    first = threading.Thread(target=adopted, args=(node, 1))
    first.start()
    assert inside.wait(300)
    monkeypatch.undo()
    with pytest.raises(BusyError):
        adopted(node, 2)
    with pytest.raises(BusyError):
        retired(node)
    go_on.set()
    first.join()
    assert (used(node), standings(node)) == (expected(1), {1: "adopted", 2: "waits"})
    adopted(node, 2)
    assert used(node) == expected(2)


def test_the_folders_are_exchanged_in_one_step_where_the_system_can(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    assert exchange(one, other)
    assert ((one / "other").is_file(), (other / "one").is_file()) == (True, True)
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "nowhere")


def test_where_folders_cannot_be_exchanged_they_are_renamed(node: NodeHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(switching, "exchange", lambda one, other: False)
    adopted(node, 1)
    adopted(node, 2)
    assert (used(node), hidden(node)) == (expected(2), [".lock"])
