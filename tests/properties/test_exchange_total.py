"""Whatever comes from outside is refused by name, or is what was signed: never another exception."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from vectors import build, world
from vectors.givens import b64

from shanhai.exchange import dsse
from shanhai.exchange.facts import write_facts
from shanhai.exchange.failures import Gap, Refused
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.messages import context, header_in
from shanhai.exchange.pairings import (
    Offer,
    agree,
    offered_roots,
    read_offer,
    read_pairing,
    sign_offer,
    sign_pairing,
)
from shanhai.exchange.receive import Verified, receive
from shanhai.exchange.sets import read_set
from shanhai.exchange.unwrap import unwrap

QUIET = settings(
    max_examples=80,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

STANDING = world.standing()
HONEST = world.parcel()
STATEMENT = world.statement()
HELD = build.held()
BODY = world.parcel_body()
OFFER = sign_offer(
    Offer(world.digest("pairing")[:32], world.LONGYOU.side, world.RULES), world.LONGYOU.signers
)
KEYSETS = {node.id: node.keyset() for node in (world.LONGYOU, world.GONGSHU)}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["", "A" * 64, "0" * 64, "0" * 32, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "AAAA"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from places(one, (*path, at))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return made


def document(data: bytes) -> Any:
    return json.loads(data)


def bent(value: Any) -> st.SearchStrategy[bytes]:
    """The bytes of a JSON value in which one value, at any depth, is another; or a key is added."""
    paths = st.sampled_from(list(places(value)))
    return st.builds(lambda path, new: build.compact(replaced(value, path, new)), paths, JSON)


def refused_or(call: Callable[[], Any]) -> Any:
    """What a call gives, or None where it refuses by name."""
    try:
        return call()
    except (Refused, Gap):
        return None


def both_stages(envelope: bytes) -> Verified | None:
    verified = refused_or(lambda: receive(envelope, standing=STANDING, now=world.NOW))
    if verified is not None:
        named = verified.header.set_digest
        statement = STATEMENT if named == STATEMENT.digest else None
        if statement is not None or named is None:
            refused_or(lambda: unwrap(verified, held=HELD, statement=statement, at=world.NOW))
    return verified


def test_every_byte_of_an_envelope_counts_or_was_never_signed():
    """Each byte in turn is another, by turns in each of its bits."""
    envelope = HONEST.envelope
    for at in range(0, len(envelope), 7):
        changed = bytearray(envelope)
        changed[at] ^= 1 << at % 8
        verified = refused_or(lambda data=bytes(changed): receive(data, standing=STANDING, now=world.NOW))
        assert verified is None or verified.seen.digest == HONEST.digest, at


@QUIET
@given(st.data())
def test_bytes_that_are_cut_doubled_or_moved(data: st.DataObject):
    envelope = HONEST.envelope
    start, end, to = (data.draw(st.integers(0, len(envelope))) for _ in range(3))
    piece = envelope[min(start, end) : max(start, end)]
    for changed in (envelope[:start], envelope[start:], envelope[:to] + piece + envelope[to:]):
        verified = both_stages(changed)
        assert verified is None or verified.seen.digest == HONEST.digest


@QUIET
@given(bent(document(HONEST.envelope)))
def test_an_envelope_with_any_other_value(data: bytes):
    verified = both_stages(data)
    assert verified is None or verified.seen.digest == HONEST.digest


@QUIET
@given(bent(build.header_of(HONEST.envelope)))
def test_a_header_with_any_other_value_that_the_sender_signed(header: bytes):
    both_stages(build.message(header, build.sealed_of(HONEST.envelope)))


@QUIET
@given(
    bent(
        {
            "body": b64(BODY),
            "keys": {kid: b64(key.bytes) for kid, key in world.parcel_keys().items()},
            "pad": "",
        }
    )
)
def test_any_sealed_part_that_the_sender_signed(plain: bytes):
    header = build.compact(build.header_of(HONEST.envelope))
    padded = plain + b" " * (-len(plain) % 4096)
    sealed = world.GONGSHU.opening().public.seal(padded, info=context(header))
    both_stages(build.message(header, sealed))


@QUIET
@given(bent(document(BODY)))
def test_any_body_that_the_sender_signed(body: bytes):
    plain = {
        "body": b64(body),
        "keys": {kid: b64(key.bytes) for kid, key in world.parcel_keys().items()},
        "pad": "",
    }
    both_stages(build.resealed(plain))


@QUIET
@given(bent(document(write_facts(world.facts()))))
def test_any_facts_that_the_sender_signed(facts: bytes):
    body = document(BODY)
    body["content"]["facts"] = b64(facts)
    made = world.statement(facts_sha256=hashlib.sha256(facts).hexdigest())
    keys = {kid: b64(key.bytes) for kid, key in world.parcel_keys().items()}
    envelope = build.resealed({"body": b64(build.compact(body)), "keys": keys, "pad": ""}, set=made.digest)
    verified = receive(envelope, standing=STANDING, now=world.NOW)
    refused_or(lambda: unwrap(verified, held=HELD, statement=made, at=world.NOW))


@QUIET
@given(bent(document(dsse.read(world.set_envelope(STATEMENT), dsse.SET).payload)))
def test_any_set_that_the_sender_signed(payload: bytes):
    envelope = build.signed(payload, world.LONGYOU.signers, dsse.SET)
    refused_or(lambda: read_set(envelope, keyset=STANDING.theirs, digest=None))


@QUIET
@given(bent(document(dsse.read(world.LONGYOU.keyset_envelope(), dsse.KEYSET).payload)))
def test_any_keyset_that_the_roots_signed(payload: bytes):
    envelope = build.signed(payload, world.LONGYOU.roots, dsse.KEYSET)
    refused_or(lambda: read_keyset(envelope, roots=world.LONGYOU.side.roots, known=STANDING.theirs))


@QUIET
@given(bent(document(dsse.read(OFFER, dsse.OFFER).payload)))
def test_any_offer_that_its_node_signed(payload: bytes):
    envelope = build.signed(payload, world.LONGYOU.signers, dsse.OFFER)
    refused_or(lambda: offered_roots(envelope))
    refused_or(lambda: read_offer(envelope, keyset=STANDING.theirs, now=world.NOW))


def pairing_payload() -> Any:
    offer = read_offer(OFFER, keyset=STANDING.theirs, now=world.NOW)
    signed = sign_pairing(agree(offer, world.GONGSHU.side), world.GONGSHU.signers)
    return document(dsse.read(signed, dsse.PAIRING).payload)


@QUIET
@given(bent(pairing_payload()))
def test_any_pairing_that_the_partner_signed(payload: bytes):
    offer = read_offer(OFFER, keyset=STANDING.theirs, now=world.NOW)
    envelope = build.signed(payload, world.GONGSHU.signers, dsse.PAIRING)
    signed = [world.GONGSHU.id]
    refused_or(lambda: read_pairing(envelope, offer=offer, keysets=KEYSETS, signed=signed, now=world.NOW))


@pytest.mark.parametrize("read", [header_in, offered_roots, lambda data: dsse.read(data, dsse.SET)])
@QUIET
@given(data=st.binary(max_size=200) | JSON.map(build.compact))
@example(data=b"")
@example(data=b"[" * 100_000)
@example(data=b'{"a":' * 100_000)
@example(data=b"9" * 5000)
@example(data="{}".encode("utf-32"))
def test_anything_at_all(read: Callable[[bytes], object], data: bytes):
    assert refused_or(lambda: read(data)) is None
