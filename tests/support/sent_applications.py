"""Versions of an application that came from Longyou and wait at Gongshu."""

from __future__ import annotations

import shutil
from pathlib import Path

from sent_parcels import grant_of, looked_at, parcel_of, received, say, seal_folder, settings_of, upload
from two_nodes import NodeHome, Two, confirmed

from shanhai.audit.database import transaction
from shanhai.courier import waiting
from shanhai.courier.adopting import adopt, retire
from shanhai.courier.adoptions import Adoption
from shanhai.courier.candidates import candidates, chosen, standing_of
from shanhai.exchange.bodies import Content
from shanhai.exchange.grants import Grant
from shanhai.exchange.subjects import APPLICATION, Subject

NAME = "longyou.dashboards"
FIRST = {
    "README.md": b"# Dashboards\n",
    "bin/run.sh": b"#!/bin/sh\necho never by itself\n",
    "data/empty": b"",
    "old/notes.txt": b"of the first version\n",
}
_FEDERATION = Path(__file__).parents[2] / "examples" / "exchange" / "longyou"
CONTRACTS = {
    path.relative_to(_FEDERATION).as_posix(): path.read_bytes()
    for path in (_FEDERATION / "districts").rglob("*")
    if path.is_file()
}
SECOND = {
    "README.md": b"# Dashboards, second\n",
    "bin/run.sh": b"#!/bin/sh\necho never by itself\n",
    "data/large.bin": bytes(range(256)) * 9000,
    **CONTRACTS,
}
VERSIONS = {1: FIRST, 2: SECOND}


def two_versions(two: Two) -> Grant:
    """Both come under one grant, and are received."""
    confirmed(two)
    grant = grant_of(two, Subject(APPLICATION, "dashboards"))
    say(two.longyou, "gongshu", grant)
    with two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    for version, files in VERSIONS.items():
        sealed = seal_folder(two.longyou, files, version=version)
        say(two.longyou, "gongshu", *parcel_of(sealed, grant))
        upload(two.longyou, "gongshu", sealed)
    assert received(two.gongshu, "longyou").stopped is None
    return grant


def adopted(node: NodeHome, version: int, *, who: str = "", discard: bool = False) -> Adoption:
    """A person adopts a version."""
    with node.desk(who=who) as desk:
        found = chosen(desk.connection, NAME, version)
        free = settings_of(node).free_disk_bytes
        return adopt(desk, found, reason="we read it", keep_free_bytes=free, discard=discard)


def retired(node: NodeHome, *, discard: bool = False) -> None:
    """A person takes the adopted version out of use."""
    with node.desk() as desk:
        retire(desk, NAME, reason="not needed", discard=discard)


def given_up(two: Two, folder: Path, *, content: Content) -> None:
    """Longyou says something, and Gongshu receives it; the relay is a copy, which later tests do not see."""
    relay = folder / "relay"
    shutil.rmtree(relay)
    shutil.copytree(Path(two.relay.removeprefix("file://")), relay)
    for one in (two.gongshu, two.longyou):
        with one.desk() as desk:
            desk.connection.execute("UPDATE partner SET relay = ?", (relay.as_uri(),))
    say(two.longyou, "gongshu", content)
    upload(two.longyou, "gongshu")
    assert received(two.gongshu, "longyou").stopped is None


def waits(node: NodeHome) -> int:
    """How many versions wait for a person."""
    found = looked_at(node, lambda desk: waiting.open_ones(desk.connection))
    return sum(one.kind == "adopt" for one in found)


def standings(node: NodeHome) -> dict[int, str]:
    """How each version stands."""
    with node.desk() as desk:
        every = candidates(desk.connection)
        return {one.source.version: standing_of(desk.connection, one) for one in every}


def waiting_folder(node: NodeHome, version: int) -> Path:
    """Where a version was received."""
    with node.desk() as desk:
        (found,) = (one for one in candidates(desk.connection) if one.source.version == version)
    return found.received_in(node.home)


def used(node: NodeHome) -> dict[str, tuple[bytes, bool]]:
    """What is in the adopted folder: bytes of each file, and whether it may be run."""
    folder = node.home / "applications" / "adopted" / NAME
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected(version: int) -> dict[str, tuple[bytes, bool]]:
    """What ought to be there."""
    return {path: (content, path.endswith(".sh")) for path, content in VERSIONS[version].items()}


def hidden(node: NodeHome) -> list[str]:
    """What lies beside the adopted folders."""
    return sorted(path.name for path in (node.home / "applications" / "adopted").glob(".*"))
