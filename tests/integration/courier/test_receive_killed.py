"""Killed at each durable step, the next run ends with what a run that was never killed has, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from killed_at_step import MOST_STEPS, killed_at
from received_parcels import left_by_receiving, rows
from sent_parcels import grant_of, parcel_of, received, say, seal, upload
from two_nodes import NodeHome, Two, confirmed, copied

from shanhai.audit.database import transaction

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def sent(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Everything is at the relay: a keyset, a grant, a parcel that holds, one that does not, and one more."""
    two = copied(nodes, tmp_path_factory.mktemp("sent"))
    confirmed(two)
    grant, sealed = grant_of(two), seal(two.longyou)
    say(two.longyou, "gongshu", grant)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    for changes in ({}, {"purpose": "something_else"}, {}):
        say(two.longyou, "gongshu", *parcel_of(sealed, grant, **changes))
    upload(two.longyou, "gongshu", sealed)
    return two


def recipient(sent: Two, folder: Path) -> NodeHome:
    """A copy of the recipient, at the same relay."""
    return copied(sent, folder).gongshu


def outcome(node: NodeHome) -> dict[str, Any]:
    """What must be the same however often it was killed."""
    found = [(row.digest, row.state, row.code, row.opened_file, row.opened_sha256) for row in rows(node)]
    return {"rows": found, **left_by_receiving(node)}


def test_a_run_that_was_killed_anywhere_is_ended_by_the_next(sent: Two, tmp_path: Path):
    clean = recipient(sent, tmp_path / "clean")
    received(clean, "longyou")
    expected = outcome(clean)
    assert [row[1].value for row in expected["rows"]] == ["taken", "taken", "opened", "refused", "opened"]
    killed = 0
    for step in range(MOST_STEPS):
        node = recipient(sent, tmp_path / f"killed_{step}")
        if not killed_at(step, lambda node=node: received(node, "longyou")):
            break
        killed += 1
        assert received(node, "longyou").stopped is None, step
        assert outcome(node) == expected, step
    assert 15 < killed < MOST_STEPS


def test_killed_at_every_second_step_it_still_ends(sent: Two, tmp_path: Path):
    clean = recipient(sent, tmp_path / "clean")
    received(clean, "longyou")
    node = recipient(sent, tmp_path / "killed")
    for _ in range(20):
        if not killed_at(6, lambda: received(node, "longyou")):
            break
    assert received(node, "longyou").stopped is None
    assert outcome(node) == outcome(clean)
