"""Vectors of the statement of a set: whose it is, and who signed it when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SigningKey
from shanhai.exchange.keysets import SIGN
from shanhai.exchange.messages import seal_message
from shanhai.exchange.sets import SetFile, write_set
from vectors import build, world
from vectors.build import compact, opening
from vectors.vector import Vector, refused
from vectors.world import HOUR, LONGYOU, NOW, ZHAOHUA

GROUP = "statement"
OPENS = {"passes": {"keys": sorted(world.parcel_keys())}}


def vectors() -> Iterator[Vector]:
    yield from _owners()
    yield from _signers()
    yield from _fields()


def _case(
    name: str, about: str, payload: bytes, signers: list[SigningKey], expect: dict[str, object], **more: Any
) -> Vector:
    """A parcel that names the statement."""
    digest = hashlib.sha256(payload).hexdigest()
    keys = more.pop("message_signers", LONGYOU.signers)
    place = replace(world.address(set_digest=digest), sender=keys[0].kid)
    sealed = seal_message(place, world.parcel_body(), keys=world.parcel_keys(), signers=keys)
    made = build.signed(payload, signers, dsse.SET)
    return opening(name, about, sealed.envelope, expect, group=GROUP, set_envelope=made, **more)


def _owners() -> Iterator[Vector]:
    expect = refused("set-of-other-node", "set")
    about = "the set of a third node, which signed it"
    strange = write_set(world.statement(ZHAOHUA))
    yield _case("set-of-other-node", about, strange, ZHAOHUA.signers, expect)
    about = "the set of a third node, whose sign key the sender lists as its own"
    theirs = LONGYOU.keyset_envelope(keys=[*LONGYOU.entries, LONGYOU.entry(ZHAOHUA.signing(), SIGN)])
    expect = refused("set-of-other-node", "contents")
    name = "set-of-other-node.with-its-key"
    yield _case(name, about, strange, ZHAOHUA.signers, expect, theirs=theirs)
    about = "the message names another set"
    other = build.opening(
        "set-not-named",
        about,
        world.parcel().envelope,
        refused("set-not-named", "set"),
        group=GROUP,
        set_envelope=world.set_envelope(world.statement(set="0" * 32)),
    )
    yield other


def _signers() -> Iterator[Vector]:
    newer = LONGYOU.signing("newer")
    old = LONGYOU.entry(LONGYOU.signing(), SIGN, end=NOW - HOUR)
    rest = [one for one in LONGYOU.entries if one.kid != old.kid]
    theirs = LONGYOU.keyset_envelope(version=2, keys=[*rest, old, LONGYOU.entry(newer, SIGN)])
    about = "a set that was signed by a key which is over, and is given to one more recipient by a newer key"
    payload = write_set(world.statement())
    by = {"message_signers": [newer], "theirs": theirs}
    yield _case("set-of-older-key", about, payload, LONGYOU.signers, OPENS, **by)
    double = replace(LONGYOU, post_quantum=True)
    about = "a set that was signed before the keyset required both algorithms"
    by = {"message_signers": double.signers, "theirs": double.keyset_envelope(version=2)}
    yield _case("set-of-older-key.one-algorithm", about, payload, LONGYOU.signers, OPENS, **by)
    about = "a set whose statement names a signer that did not sign"
    wrong = write_set(world.statement(signer="0" * 64))
    yield _case("set-signer-wrong", about, wrong, LONGYOU.signers, refused("from-not-signer", "set"))


def _fields() -> Iterator[Vector]:
    about = "a file of one byte more than any may have"
    huge = write_set(world.statement(files=(SetFile(world.digest("file"), (1 << 30) + 1),)))
    yield _case("size-huge", about, huge, LONGYOU.signers, refused("size-huge", "contents"))
    value = json.loads(write_set(world.statement()))
    value["subject"][0]["name"] = "people.parquet"
    about = "a file is called by something else than its digest"
    wrong = refused("json-field-wrong", "contents")
    yield _case("set-name-tells", about, compact(value), LONGYOU.signers, wrong)
