"""Killed at each step, an adoption has not happened or is ended by the next; what is used is always whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from killed_at_step import MOST_STEPS, killed_at
from sent_applications import NAME, adopted, expected, hidden, retired, two_versions, used
from sent_parcels import kinds
from two_nodes import NodeHome, Two, copied

from shanhai.applications import switching
from shanhai.courier import adoptions
from shanhai.courier.adopting import retire


@pytest.fixture(scope="module")
def first_adopted(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> NodeHome:
    """Both versions came, and the first is used."""
    two = copied(nodes, tmp_path_factory.mktemp("adopted"))
    two_versions(two)
    adopted(two.gongshu, 1)
    return two.gongshu


def copy_of(node: NodeHome, folder: Path) -> NodeHome:
    return replace(node, home=Path(shutil.copytree(node.home, folder)))


def decided(node: NodeHome) -> int | None:
    """The version that was decided on last; None: it was retired."""
    with node.desk() as desk:
        source = adoptions.of_folder(desk.connection, NAME)[-1].source
    return source.version if source else None


def without_exchange() -> None:
    switching.exchange = lambda one, other: False


def test_an_adoption_that_was_killed_anywhere_is_undone_or_ended(first_adopted: NodeHome, tmp_path: Path):
    _killed_everywhere(first_adopted, tmp_path, lambda node: adopted(node, 2), gap=False)


def test_also_where_folders_cannot_be_exchanged(first_adopted: NodeHome, tmp_path: Path):
    def act(node: NodeHome) -> None:
        without_exchange()
        adopted(node, 2)

    _killed_everywhere(first_adopted, tmp_path, act, gap=True)


def test_a_retirement_that_was_killed_anywhere_is_undone_or_ended(first_adopted: NodeHome, tmp_path: Path):
    _killed_everywhere(first_adopted, tmp_path, retired, gap=True)


def _killed_everywhere(
    before: NodeHome, tmp_path: Path, act: Callable[[NodeHome], object], *, gap: bool
) -> None:
    """Args:
    gap: whether there may be a moment in which nothing is there.
    """
    killed, ended = 0, 0
    for step in range(MOST_STEPS):
        node = copy_of(before, tmp_path / str(step))
        if not killed_at(step, lambda node=node: act(node)):
            break
        killed += 1
        assert used(node) in [expected(1), expected(2), *([{}] if gap else [])], step
        wanted = decided(node)
        ended += wanted != 1
        # The next one is about something else, and is not let in: all the same it ends what was begun.
        with node.desk() as desk, pytest.raises(Exception, match="nothing of this application"):
            retire(desk, "longyou.other", reason="ends what was begun")
        assert used(node) == ({} if wanted is None else expected(wanted)), step
        assert hidden(node) == [".lock"], step
        assert sorted(kinds(node)).count("adopt") == (2 if wanted == 2 else 1), step
        shutil.rmtree(node.home)
    assert 3 < killed < MOST_STEPS
    assert 1 < ended < killed
