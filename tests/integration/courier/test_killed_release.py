"""A release that is killed anywhere: the next run finishes it, once, and what was signed is what arrives."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from killed_release import left
from seller import settle, walked_city
from two_nodes import Two

from shanhai.courier import releases, sealing
from shanhai.courier.database import open_state
from shanhai.courier.relays.layout import file_key, message_key, statement_key
from shanhai.exchange import dsse
from shanhai.exchange.messages import read_header, read_payload

ROOT = Path(__file__).parents[3]
PLACES = (
    "shanhai.courier.sets:begin:after",
    "shanhai.keyring.keyring:Keyring.keep_set:before",
    "shanhai.keyring.keyring:Keyring.keep_set:after",
    "shanhai.courier.sealing:write_set:after",
    "shanhai.exchange.sets:sign_set:after",
    "shanhai.courier.outbox:add:after",
    "shanhai.courier.releases:keep:after",
    "shanhai.courier.releasing:_said:after",
    "shanhai.courier.relays.store:StoreRelay.put_file:after",
    "shanhai.courier.leaving:begin:after",
    "shanhai.courier.relays.store:StoreRelay.put_message:after",
    "shanhai.courier.shipping:_note:after",
)


def test_killed_anywhere_the_next_run_finishes(paired: Two, tmp_path: Path):
    seller = settle(paired, walked_city(tmp_path / "source"), tmp_path)
    seller.grant("village", "n")
    folder = tmp_path / "killed"
    folder.mkdir()
    order = {
        "home": str(seller.home),
        "federation": str(seller.city.root),
        "folder": str(folder),
        "holdings": base64.b64encode(seller.two.gongshu.holdings.document().bytes).decode(),
        "places": PLACES,
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "killed_release.py")],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
    )
    assert done.returncode == 0, done.stderr
    for number, told in enumerate(json.loads(done.stdout)):
        assert told["ended"] == [-signal.SIGKILL, 0], told
        _check_whole(folder / str(number), folder / f"{number}-relay", told["place"])


def _check_whole(home: Path, relay: Path, place: str) -> None:
    found = left(home)
    messages, (kept,) = found["messages"], found["sets"]
    assert found["unfinished"] == (), place
    assert [one.type for one in messages].count("parcel") == 1, place
    assert [one.seq for one in messages] == list(range(len(messages))), place
    for before, after in itertools.pairwise(messages):
        header = read_header(read_payload(dsse.read(after.envelope, dsse.MESSAGE).payload)[0])
        assert header.prev == before.digest, place
    connection = open_state(home)
    (release,) = releases.every(connection)
    kinds = [json.loads(document)["kind"] for (document,) in connection.execute("SELECT document FROM event")]
    connection.close()
    assert kinds.count("release") == 1, place
    assert kinds.count("ship") == len(messages), place
    assert release.set_id == kept.set_id, place
    assert [path.name for path in (home / sealing.OUTGOING).iterdir()] == [kept.set_id], place
    assert {path.name.partition(".")[0] for path in (home / "keyring" / "sets").iterdir()} == {kept.set_id}
    there = {
        path.relative_to(relay).as_posix(): path.read_bytes() for path in relay.rglob("*") if path.is_file()
    }
    out = found["partner"].folder_out
    (file,) = (home / sealing.OUTGOING / kept.set_id).iterdir()
    assert there == {
        **{message_key(out, one.generation, one.seq): one.envelope for one in messages},
        statement_key(out, kept.digest): kept.statement,
        file_key(out, file.stem): file.read_bytes(),
    }, place
    assert all(one.uploaded for one in messages), place
