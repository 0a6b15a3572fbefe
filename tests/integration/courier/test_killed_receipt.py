"""A receipt that is killed anywhere: the next run ends it; admitted once, told once, as if never killed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from admitted_parcels import node_at, rows_of, sent, with_a_contract
from plain_state import differences, read_state
from received_parcels import say_parcel
from sent_parcels import private_leftovers, received, seal, upload
from two_nodes import NodeHome, Two, copied

from shanhai.courier import inbox, outbox
from shanhai.ingest.reconcile import reconcile

ROOT = Path(__file__).parents[3]
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
    order = {
        "work": work,
        "home": str(two.gongshu.home),
        "federation": str(federation_of(two)),
        "folder": str(folder),
        "holdings": base64.b64encode(two.gongshu.holdings.document().bytes).decode(),
        "places": places,
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "killed_receipt.py")],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    assert told[0]["ended"] == [0], done.stderr
    for one in told[1:]:
        assert one["ended"] == [-signal.SIGKILL, 0], (one["place"], done.stderr)
    return told


def federation_of(two: Two) -> Path:
    return two.gongshu.home.parent / "federation"


def outcome(node: NodeHome) -> dict[str, Any]:
    """What must be the same however often it was killed."""
    with node.desk() as desk:
        rows = inbox.every(desk.connection)
        position = desk.connection.execute("SELECT next_seq_in, last_in, frozen FROM partner").fetchone()
        said = outbox.of_pairing(desk.connection, rows[0].pairing)
    opened = sorted((node.home / "exchange" / "opened").rglob("*.parquet"))
    return {
        "position": position,
        "rows": [(one.digest, one.state, one.code, one.opened_sha256, one.delivery) for one in rows],
        "said": [one.type for one in said],
        "opened": [(file.name, file.read_bytes()) for file in opened],
        "evidence": sorted(file.name for file in (node.home / "exchange" / "refused").glob("[0-9a-f]*")),
        "events": sorted(kind for kind, _ in node.events()),
        "left": private_leftovers(node),
    }


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
