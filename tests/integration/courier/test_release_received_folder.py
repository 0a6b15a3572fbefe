"""An application that came from a partner goes on under the terms under which it came, if at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sent_applications import NAME, adopted
from sent_parcels import DAY, looked_at
from two_nodes import NodeHome, Two

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import granted, granting, partners, releases, sets
from shanhai.courier.candidates import candidates
from shanhai.courier.granting import Draft
from shanhai.courier.planning import Ask, Plan, plan
from shanhai.exchange.grants import Grant
from shanhai.exchange.subjects import APPLICATION, Subject
from shanhai.ingest.node import open_node
from shanhai.settings import read_settings

FEDERATION = Path(__file__).parents[3] / "examples" / "exchange" / "longyou"
BOARDS = Subject(APPLICATION, "boards")


@pytest.fixture
def folder(choosing: Two) -> Path:
    """What Longyou sent, adopted at Gongshu, which has a grant to give it away under another name."""
    adopted(choosing.gongshu, 1)
    now = system_clock().replace(microsecond=0)
    with choosing.gongshu.desk() as desk:
        with transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET state = 'active'")
        draft = Draft(BOARDS, None, "statistics", "conditional", "none", now - DAY, now + 300 * DAY, 90)
        granting.add(desk, "longyou", draft)
    return choosing.gongshu.home / "applications" / "adopted" / NAME


def planned(node: NodeHome, folder: Path, *, later: timedelta = timedelta()) -> Plan:
    settings = read_settings(home=node.home, federation=FEDERATION, free_disk_bytes=0)
    with node.desk() as desk:
        asked = Ask(BOARDS.name, "longyou", folder=folder)
        return plan(open_node(settings), desk.connection, asked, who="Li Wei", now=desk.now + later)


def denials(found: Plan) -> set[str]:
    return {f"{one.rule}: {one.finding.code}" for one in found.decision.denials if one.finding}


def came_under(node: NodeHome, **changes: object) -> None:
    """As if the owner's grant had said something else."""
    with node.desk() as desk, transaction(desk.connection):
        (source,) = {one.source.grant for one in candidates(desk.connection)}
        before = granted.newest(desk.connection, granted.RECEIVED, source)
        assert isinstance(before, Grant)
        after = replace(before, rev=before.rev + 1, **changes)
        pairing = partners.named(desk.connection, "longyou").pairing
        granted.keep(desk.connection, granted.RECEIVED, pairing, after, at=desk.now, message="")


def test_what_came_under_none_stays_wherever_it_lies(choosing: Two, folder: Path, tmp_path: Path):
    node = choosing.gongshu
    assert denials(planned(node, folder)) == {"onward: onward-without-consent"}
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert denials(planned(node, copy)) == {"onward: onward-without-consent"}
    (copy / "own.txt").write_bytes(b"our own work")
    assert planned(node, copy).decision.allowed, "other files are somebody's own claim"


def test_what_is_open_goes_on_within_its_days_and_purpose(choosing: Two, folder: Path):
    node = choosing.gongshu
    came_under(node, onward="open")
    assert planned(node, folder).decision.allowed
    assert denials(planned(node, folder, later=20 * DAY)) == {"retention: retention-too-long"}
    came_under(node, onward="open", purpose="research")
    assert denials(planned(node, folder)) == {"purpose: purpose-differs"}
    came_under(node, onward="open", revoked=True)
    assert "onward: onward-without-consent" in denials(planned(node, folder))


def test_what_was_ours_before_it_came_back_stays_ours(choosing: Two, folder: Path):
    node = choosing.gongshu
    with node.desk() as desk, transaction(desk.connection):
        found = planned(node, folder)
        connection, set_id = desk.connection, "5" * 32
        described = sets.Described(found.shape.shape_id, found.shape.names, (), listing=found.found.listing)
        sets.begin(connection, set_id, BOARDS, 0, described, at=desk.now)
        sets.seal(connection, set_id, statement=b"", digest="d", facts=b"", files=[])
        earlier = releases.Release(
            "r",
            found.partner.pairing,
            BOARDS,
            0,
            None,
            "g",
            1,
            set_id,
            "m",
            {},
            {},
            "Li Wei",
            None,
            desk.now - DAY,
        )
        releases.keep(connection, earlier)
    assert looked_at(node, lambda desk: releases.of_set(desk.connection, set_id))
    assert planned(node, folder).case.data.received is None
