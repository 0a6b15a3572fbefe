"""Vectors of the group `log`: events proven, and each way in which a log is not what it was.

`python -m vectors.log` writes them anew. Keys and salts follow from fixed texts, so that the files do too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shanhai.audit.checkpoints import LogKey, origin_of
from shanhai.audit.database import open_database, transaction
from shanhai.audit.disclosure import disclose
from shanhai.audit.events import Event, digest_of
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project
from vectors.vector import Vector, names, refused

GROUP = "log"
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
EVENTS = 7
LEAF = 3

_PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"test key of the log vectors").digest())
KEY = LogKey(origin_of("5a" * 32, 0), _PRIVATE.public_key().public_bytes_raw(), _PRIVATE.sign)


def event(number: int) -> Event:
    salt = hashlib.sha256(f"test salt {number}".encode()).digest()
    return Event("suspend", "Li Wei", NOW - timedelta(hours=number), {"pairing": f"{number:032x}"}, salt)


def vectors() -> list[Vector]:
    with tempfile.TemporaryDirectory() as folder:
        return _vectors(Path(folder))


def _vectors(folder: Path) -> list[Vector]:
    connection = open_database(folder / "exchange.db")
    log = EventLog(connection)
    with transaction(connection):
        for number in range(EVENTS):
            log.append(event(number))
    project(connection, folder / "audit", KEY, [KEY.public])
    note = (folder / "audit" / "checkpoint").read_bytes()
    made = [*_disclosures(disclose(log, LEAF, note, EVENTS)), *_logs(folder / "audit"), _guess()]
    given = {"old": 3, "new": EVENTS, "old_root": log.root(3).hex(), "new_root": log.root().hex()}
    path = [one.hex() for one in log.consistency(3, EVENTS)]
    wrong = [path[-1], *path[1:-1], path[0]]
    for name, about, hashes, expect in (
        ("consistency-proven", "the log of seven begins with that of three", path, {"passes": {}}),
        ("consistency-proof-wrong", "two hashes of the proof have changed places", wrong, None),
    ):
        expect = expect or refused(name, GROUP)
        made.append(Vector(name, GROUP, about, "consistency", {**given, "path": hashes}, NOW, expect))
    connection.close()
    return made


def _disclosures(told: bytes) -> list[Vector]:
    fields = json.loads(told)
    document, proof = (base64.b64decode(fields[name]) for name in ("event", "proof"))
    changed = document.replace(b"Li Wei", b"Li Wai")
    whole = {"leaf": LEAF, "size": EVENTS, "event": document.decode()}
    cases = [
        ("event-disclosed", "an event is proven", fields, {"passes": whole}),
        (
            "event-disclosure-altered",
            "the event names another person",
            {**fields, "event": b64(changed)},
            None,
        ),
        (
            "inclusion-proof-wrong.another-event",
            "another event, with the digest that it has",
            {**fields, "event": b64(changed), "sha256": digest_of(changed)},
            None,
        ),
        (
            "inclusion-proof-wrong",
            "the event is said to be at another place",
            {**fields, "proof": b64(proof.replace(b"index 3", b"index 2"))},
            None,
        ),
    ]
    made = [
        _disclosure(name, about, value, expect or refused(name.partition(".")[0], GROUP))
        for name, about, value, expect in cases
    ]
    other = _disclosure("checkpoint-origin-other", "the log of another node is meant", fields, {})
    given = {**other.given, "origin": origin_of("a5" * 32, 0)}
    return [*made, replace(other, given=given, expect=refused("checkpoint-origin-other", GROUP))]


def _disclosure(name: str, about: str, fields: dict[str, object], expect: dict[str, object]) -> Vector:
    given = {"disclosure": b64(json.dumps(fields).encode()), **_known()}
    return Vector(name, GROUP, about, "disclosure", given, NOW, expect)


def _logs(folder: Path) -> list[Vector]:
    files = {
        file.relative_to(folder).as_posix(): b64(file.read_bytes())
        for file in folder.rglob("*")
        if file.is_file()
    }
    held = [{"document": event(number).document.decode()} for number in range(EVENTS)]
    for one in held:
        one["digest"] = digest_of(one["document"].encode())
    text = held[LEAF]["document"].replace("Li Wei", "Li Wai")
    edited = [*held[:LEAF], {**held[LEAF], "document": text}, *held[LEAF + 1 :]]
    forged = [*held[:LEAF], {"document": text, "digest": digest_of(text.encode())}, *held[LEAF + 1 :]]
    deleted = [*held[:LEAF], *held[LEAF + 1 :]]
    cases = [
        ("log-whole", "events, files and checkpoint fit", held, {"passes": {"events": EVENTS}}),
        ("entry-edited", "an event is not the one of its digest", edited, {}),
        ("entry-edited.with-its-digest", "an event and its digest are not the published ones", forged, {}),
        ("entry-deleted", "an event is missing, and later ones moved up", deleted, {}),
    ]
    return [
        Vector(
            name,
            GROUP,
            about,
            "verify",
            {"events": events, "files": files, **_known()},
            NOW,
            expect or {**refused(name.partition(".")[0], GROUP), "leaf": LEAF},
        )
        for name, about, events, expect in cases
    ] + [
        Vector(
            "log-unwritable",
            GROUP,
            "the log cannot be appended to: what the event tells of does not happen",
            "append",
            {"events": held, "writable": False, "event": event(EVENTS).document.decode()},
            NOW,
            {**refused("log-unwritable", GROUP), "events": EVENTS, "crossed": 0},
        )
    ]


def _guess() -> Vector:
    """The salt is all that a guesser lacks."""
    salts = [bytes(32), event(1).salt]
    guesses = [b64(replace(event(LEAF), salt=salt).document) for salt in salts]
    given = {"digest": digest_of(event(LEAF).document), "guesses": guesses}
    about = "everything but the salt of an event is guessed"
    return Vector("event-guess-by-low-entropy", GROUP, about, "guess", given, NOW, {"passes": {"matches": 0}})


def _known() -> dict[str, object]:
    return {"origin": KEY.origin, "log_keys": [KEY.public.hex()]}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    written = vectors()
    for vector in written:
        vector.file.parent.mkdir(parents=True, exist_ok=True)
        vector.file.write_text(vector.text(), encoding="utf-8")
    for strange in names(GROUP).keys() - {vector.name for vector in written}:
        raise SystemExit(f"{strange}: nothing makes it")
    print(f"{len(written)} vectors")
