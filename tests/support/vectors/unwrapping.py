"""Vectors of what is found after opening, without the files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shanhai.exchange.commitments import commitment
from shanhai.exchange.facts import Facts
from shanhai.exchange.messages import seal_message
from shanhai.exchange.secret import Secret
from shanhai.exchange.subjects import Subject
from vectors import build, world
from vectors.build import opening
from vectors.givens import b64
from vectors.twokeys import wrap_for_two
from vectors.vector import Vector, refused
from vectors.world import DAY, LONGYOU, NOW, SET_ID

GROUP = "unwrap"


def vectors() -> Iterator[Vector]:
    yield from _keys()
    yield from _terms()
    yield from _facts()


def _parcel(keys: dict[str, Secret] | None = None, body: bytes | None = None, made: Any = None) -> bytes:
    place = world.address(set_digest=(made or world.statement()).digest)
    sealed = seal_message(
        place, body or world.parcel_body(), keys=keys or world.parcel_keys(), signers=LONGYOU.signers
    )
    return sealed.envelope


def _case(name: str, about: str, envelope: bytes, expect: dict[str, object], **more: Any) -> Vector:
    return opening(name, about, envelope, expect, group=GROUP, **more)


def _keys() -> Iterator[Vector]:
    keys = world.parcel_keys()
    yield _case("parcel-good", "a parcel of two columns", _parcel(), {"passes": {"keys": sorted(keys)}})
    street = f"{SET_ID}.0"
    expect = refused("commitment-wrong", "unwrap")
    wrong = {**keys, street: world.kek("another")}
    yield _case("commitment-wrong", "the key of a column is not the committed one", _parcel(wrong), expect)
    swapped = {**keys, street: keys[f"{SET_ID}.1"], f"{SET_ID}.1": keys[street]}
    yield _case("commitment-wrong.swapped", "the keys of two columns are swapped", _parcel(swapped), expect)
    about = "a key for a third column, which the terms do not name"
    expect = refused("key-for-ungranted-column", "unwrap")
    yield _case("key-for-ungranted-column", about, _parcel(world.parcel_keys(3)), expect)
    expect = refused("key-missing", "unwrap")
    about = "no key for one of the columns of the terms"
    yield _case("key-missing", about, _parcel(world.parcel_keys(1)), expect)
    first, second = world.seed("first kek"), world.seed("second kek")
    given = {
        "wrap": b64(wrap_for_two(first.bytes, second.bytes, street.encode())),
        "key_id": street,
        "keks": [b64(first.bytes), b64(second.bytes)],
        "commitment": commitment(street, first),
        "used": 1,
    }
    about = "one wrap that opens under two keys to two data keys; the commitment tells the right one"
    expect = refused("commitment-wrong", "unwrap")
    yield Vector("one-wrap-two-keys", GROUP, about, "wrap", given, NOW, expect)
    good = {**given, "used": 0}
    yield Vector("one-wrap-two-keys.committed", GROUP, about, "wrap", good, NOW, {"passes": {}})


def _terms() -> Iterator[Vector]:
    expect = refused("terms-exceed-grant", "unwrap")
    name = "terms-exceed-grant"
    longer = world.parcel_body(retain_until=NOW + 366 * DAY)
    cases = {
        "purpose": ("another purpose", world.parcel_body(purpose="enforcement")),
        "share-class": ("another share class", world.parcel_body(share_class="unconditional")),
        "onward": ("wider use onward", world.parcel_body(onward="open")),
        "retention": ("kept for longer", longer),
        "row-filter": ("another filter of rows", world.parcel_body(row_filter="1 = 1")),
    }
    for variant, (about, body) in cases.items():
        yield _case(f"{name}.{variant}", about, _parcel(body=body), expect)
    body = world.parcel_body(columns=world.COLUMNS)
    about = "a column that the grant does not name, with its key"
    yield _case(name, about, _parcel(world.parcel_keys(3), body), expect)
    about = "a column that the grant masks, unmasked"
    holds = build.held(grants=world.held_grants(masks={"street": "replace-with-null"}))
    yield _case(f"{name}.mask", about, _parcel(), expect, holds=holds)
    about = "a set of another dataset"
    told = world.facts(subject=Subject("dataset", "longyou.people"))
    made = world.statement(told=told)
    envelope = _parcel(body=world.parcel_body(told, made), made=made)
    yield _case(f"{name}.dataset", about, envelope, expect, set_envelope=world.set_envelope(made))


def _facts() -> Iterator[Vector]:
    about = "other facts than those whose digest the set names"
    body = world.parcel_body(world.facts(version=8))
    expect = refused("facts-digest-wrong", "unwrap")
    yield _case("facts-digest-wrong", about, _parcel(body=body), expect)
    about = "facts of more files than the set has"
    files = world.facts().files * 2
    told = world.facts(files=files)
    made = world.statement(told=told)
    envelope = _parcel(body=world.parcel_body(told, made), made=made)
    expect = refused("facts-wrong", "unwrap")
    yield _case("facts-wrong", about, envelope, expect, set_envelope=world.set_envelope(made))
    commits = {**world.facts().commits}
    del commits[f"{SET_ID}.2"]
    told = world.facts(commits=commits)
    made = world.statement(told=told)
    envelope = _parcel(body=world.parcel_body(told, made), made=made)
    about = "facts that do not commit to the key of every column"
    yield _case(
        "facts-wrong.commitment-lacking", about, envelope, expect, set_envelope=world.set_envelope(made)
    )
    about = "a commitment that is no digest"
    commits = {**world.facts().commits, f"{SET_ID}.2": "Z" * 64}
    yield _wrong_facts("commitment", about, world.facts(commits=commits))
    about = "a column of a type that the profile does not have"
    yield _wrong_facts("type", about, world.facts(columns=("string", "timestamp[us,UTC]", "geometry")))


def _wrong_facts(variant: str, about: str, told: Facts) -> Vector:
    made = world.statement(told=told)
    envelope = _parcel(body=world.parcel_body(told, made), made=made)
    expect = refused("json-field-wrong", "unwrap")
    name = f"facts-field-wrong.{variant}"
    return _case(name, about, envelope, expect, set_envelope=world.set_envelope(made))
