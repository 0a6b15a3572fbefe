"""A release that is killed anywhere: the next run finishes it, once, and what was signed is what arrives."""

from __future__ import annotations

import itertools
import json
import signal
from pathlib import Path

from killed_orders import carried_out
from killed_release import left
from seller import Seller

from shanhai.courier import releases, sealing
from shanhai.courier.database import open_state
from shanhai.courier.relays.layout import file_key, message_key, statement_key
from shanhai.exchange import dsse
from shanhai.exchange.messages import read_header, read_payload

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


def test_killed_anywhere_the_next_run_finishes(seller: Seller, tmp_path: Path):
    seller.grant("village", "n")
    folder = tmp_path / "killed"
    folder.mkdir()
    node = seller.two.gongshu
    every, errors = carried_out(
        "killed_release.py", node, federation=seller.city.root, folder=folder, places=PLACES
    )
    for number, told in enumerate(every):
        assert told["ended"] == [-signal.SIGKILL, 0], (told, errors)
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
