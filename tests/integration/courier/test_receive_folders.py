"""Applications that were received: folders as they were sent, which wait for a person."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from received_parcels import rows, say_parcel, states
from sent_parcels import SealedSet, grant_of, looked_at, private_leftovers, received, say, seal_folder, upload
from two_nodes import NodeHome, Two

from shanhai.courier import waiting
from shanhai.courier.arrived import InboxState
from shanhai.exchange.facts import Facts, write_facts
from shanhai.exchange.folders import MOST_PARTS
from shanhai.exchange.sets import set_digest, sign_set
from shanhai.exchange.subjects import APPLICATION, Subject

FOLDER = {
    "README.md": b"# Dashboards\n",
    "bin/run.sh": b"#!/bin/sh\necho never by itself\n",
    "data/empty": b"",
    "data/large.bin": bytes(range(256)) * 9000,
}


def test_an_application_becomes_a_folder_that_waits_for_a_person(pair: Two):
    sealed = seal_folder(pair.longyou, FOLDER)
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    said = say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").stopped is None
    row = rows(pair.gongshu)[-1]
    assert (row.subject, row.state) == ("dashboards", InboxState.OPENED)
    assert row.opened_sha256 == sealed.facts.listing
    folder = pair.gongshu.home / (row.opened_file or "")
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == FOLDER
    assert {name: path.stat().st_mode & 0o777 for name, path in found.items()} == {
        name: 0o755 if name.endswith(".sh") else 0o644 for name in FOLDER
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert [(one.kind, one.about) for one in waits] == [("adopt", said.digest)]
    assert private_leftovers(pair.gongshu) == []
    folder.rename(pair.gongshu.home / "taken_by_a_person")
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").stopped is None
    assert states(pair.gongshu)[-2:] == ["opened", "opened"]


def test_a_folder_that_is_not_its_listing_leaves_nothing(pair: Two):
    sealed = seal_folder(pair.longyou, FOLDER)
    lying = seal_folder(pair.longyou, {**FOLDER, "README.md": b"# Other\n"})
    forged = replace(sealed.facts, listing=lying.facts.listing)
    sealed = _with_facts(pair.longyou, sealed, forged)
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    done = received(pair.gongshu, "longyou")
    assert done.settled[-1].code == "content-digest-wrong"
    assert not (pair.gongshu.home / "applications").exists()
    assert private_leftovers(pair.gongshu) == []


def test_more_rows_than_a_folder_may_have_are_not_even_read(pair: Two):
    """A row takes a few bytes of a file, and much longer to be looked at."""
    sealed = seal_folder(pair.longyou, FOLDER)
    (file,) = sealed.facts.files
    sealed = _with_facts(
        pair.longyou, sealed, replace(sealed.facts, files=(replace(file, rows=MOST_PARTS + 1),))
    )
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").settled[-1].code == "too-many-files"


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        ([f"{number}/" + "a/" * 507 + "x" for number in range(10)], "path-wrong"),
        ([f"{number:03d}/" + "a/" * 30 + "x" for number in range(323)], "too-many-files"),
    ],
)
def test_a_few_kilobytes_of_paths_make_no_thousands_of_folders(pair: Two, paths: list[str], code: str):
    sealed = seal_folder(pair.longyou, dict.fromkeys(paths, b""))
    grant = grant_of(pair, Subject(APPLICATION, "dashboards"))
    say(pair.longyou, "gongshu", grant)
    say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu", sealed)
    assert received(pair.gongshu, "longyou").settled[-1].code == code
    assert not (pair.gongshu.home / "applications").exists()
    assert private_leftovers(pair.gongshu) == []


def _with_facts(node: NodeHome, sealed: SealedSet, facts: Facts) -> SealedSet:
    statement = replace(
        sealed.statement, facts_sha256=hashlib.sha256(write_facts(facts)).hexdigest(), digest=""
    )
    statement = replace(statement, digest=set_digest(statement))
    with node.desk() as desk:
        envelope = sign_set(statement, desk.speaker.signers)
    return replace(sealed, statement=statement, envelope=envelope, facts=facts)
