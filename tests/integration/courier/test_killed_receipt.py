"""A receipt that is killed anywhere: the next run ends it; admitted once, told once, as if never killed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from admitted_parcels import node_at, rows_of, sent, with_a_contract
from killed_orders import carried_out
from plain_state import differences, read_state
from received_parcels import left_by_receiving, rows, say_parcel
from sent_parcels import received, seal, upload
from two_nodes import NodeHome, Two, copied

from shanhai.ingest.reconcile import reconcile

WHILE_RECEIVING = (
    "shanhai.courier.settling:begin:after",
    "shanhai.courier.fetching:_copied:after",
    "shanhai.courier.opening:open_set:before",
    "shanhai.courier.opening:open_set:after",
    "shanhai.courier.inbox:opened:after",
    "shanhai.courier.outbox:add:after",
    "shanhai.courier.incoming:publish:before",
    "shanhai.courier.incoming:publish:after",
    "shanhai.courier.refusing:keep_evidence:after",
    "shanhai.courier.inbox:refused:after",
    "shanhai.courier.refusing:refuse:after",
)
WHILE_ADMITTING = (
    "shanhai.ingest.walk:pull_step:after",
    "shanhai.warehouse.lake:LakeTable.commit:after",
    "shanhai.courier.inbox:admitted:after",
    "shanhai.courier.outbox:add:after",
    "shanhai.courier.admitting:_tell_admitted:after",
    "shanhai.courier.inbox:not_admitted:after",
    "shanhai.courier.admitting:_sweep:before",
    "shanhai.courier.admitting:_sweep:after",
)


@pytest.fixture(scope="module")
def two(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """At the relay: a table that holds, one beyond its grant, and one that our own contract will refuse."""
    made = copied(nodes, tmp_path_factory.mktemp("sent"))
    with_a_contract(made, federation_of(made))
    grant, _ = sent(made, rows_of(100))
    beyond = seal(made.longyou, rows_of(10))
    say_parcel(made, beyond, grant, purpose="something_else")
    upload(made.longyou, "gongshu", beyond)
    sent(made, rows_of(100, bad=95, start=1000), grant=grant, version=8)
    return made


@pytest.fixture(scope="module")
def arrived(two: Two, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """The same, received."""
    made = copied(two, tmp_path_factory.mktemp("received"))
    shutil.copytree(federation_of(two), federation_of(made))
    assert received(made.gongshu, "longyou").stopped is None
    return made


def ended(two: Two, folder: Path, work: str, places: tuple[str, ...]) -> list[dict[str, Any]]:
    """How the runs ended that were killed at each place; the first was not."""
    federation = federation_of(two)
    told, errors = carried_out(
        "killed_receipt.py", two.gongshu, federation=federation, folder=folder, places=places, work=work
    )
    assert told[0]["ended"] == [0], errors
    for one in told[1:]:
        assert one["ended"] == [-signal.SIGKILL, 0], (one["place"], errors)
    return told


def federation_of(two: Two) -> Path:
    return two.gongshu.home.parent / "federation"


def outcome(node: NodeHome) -> dict[str, Any]:
    """What must be the same however often it was killed."""
    found = [(one.digest, one.state, one.code, one.opened_sha256, one.delivery) for one in rows(node)]
    return {"rows": found, **left_by_receiving(node)}


def at(told: dict[str, Any], two: Two) -> NodeHome:
    return NodeHome(Path(told["home"]), "gongshu", two.gongshu.holdings)


def test_killed_while_it_receives(two: Two, tmp_path: Path):
    clean, *killed = ended(two, tmp_path, "receive", WHILE_RECEIVING)
    expected = outcome(at(clean, two))
    assert [row[1].value for row in expected["rows"]] == ["taken", "taken", "opened", "refused", "opened"]
    for one in killed:
        assert outcome(at(one, two)) == expected, one["place"]


def test_killed_while_it_admits(arrived: Two, tmp_path: Path):
    clean, *killed = ended(arrived, tmp_path, "admit", WHILE_ADMITTING)
    expected = outcome(at(clean, arrived))
    assert [row[1].value for row in expected["rows"][2:]] == ["admitted", "refused", "refused"]
    assert expected["said"].count("receipt") == 5
    assert expected["opened"] == []
    federation = federation_of(arrived)
    reconcile(node_at(Path(clean["home"]), federation))
    table = read_state(Path(clean["home"]))
    assert sum(table.tables["acity.events"].values()) == 100
    for one in killed:
        assert outcome(at(one, arrived)) == expected, one["place"]
        reconcile(node_at(Path(one["home"]), federation))
        assert differences(table, read_state(Path(one["home"]))) == [], one["place"]
