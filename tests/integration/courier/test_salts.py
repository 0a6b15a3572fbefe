"""What is committed to in the clear, and what is masked by a salt, has a salt of its own each time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

from seller import VILLAGES, Seller
from sent_parcels import relay_folder
from sentinels import found
from stored_release import contents
from two_nodes import hand_over

from shanhai.courier import granting
from shanhai.exchange.bodies import write_body
from shanhai.exchange.facts import write_facts

ZERO = bytes(32)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")


def at_the_relay(seller: Seller) -> bytes:
    """Everything there, and what anybody decodes of it: envelopes have payloads, and those have headers."""
    every = [contents(relay_folder(seller.two))]
    for _ in range(3):
        texts = [one for one in _BASE64.findall(every[-1]) if len(one) % 4 == 0]
        every.append(b"\n".join(map(base64.b64decode, texts)))
    return b"\n".join(every)


def digests(*documents: bytes) -> list[bytes]:
    """Which are looked for as bytes, in hex and in base64."""
    return [hashlib.sha256(one).digest() for one in documents]


def test_facts_and_bodies_are_committed_to_with_fresh_salts(seller: Seller):
    """Whoever guesses a document would else see that it is right: its digest lies at the relay."""
    grants = [
        seller.grant("n", row_filter=f"n >= {number}", purpose=f"purpose{number}") for number in range(2)
    ]
    done = [seller.release(grant=one.id) for one in grants]
    arrived = [seller.arrive(one.message) for one in done]
    with seller.two.gongshu.desk() as desk:
        for number in range(2):
            granting.add(desk, "longyou", seller.draft("at", purpose=f"other{number}"))
    said = hand_over(seller.two.gongshu, seller.two.longyou)
    seller.ship()

    facts = [one.opened.facts for one in arrived]
    bodies = [(one.opened.body, one.statement) for one in arrived] + [(one, None) for one in said]
    assert (len(facts), len(bodies)) == (2, 4)
    salts = [*(one.salt for one in facts), *(body.salt for body, _ in bodies)]
    assert len({*salts, ZERO}) == len(salts) + 1
    assert {len(one) for one in salts} == {32}

    relay = at_the_relay(seller)
    there = digests(*map(write_facts, facts), *(write_body(*one) for one in bodies))
    assert found(relay, there) == there
    bare = [
        *(write_facts(replace(one, salt=ZERO)) for one in facts),
        *(write_body(replace(body, salt=ZERO), statement) for body, statement in bodies),
    ]
    assert found(relay, digests(*bare)) == []


def test_each_set_masks_with_a_salt_of_its_own(seller: Seller):
    """Two sets that are masked alike cannot be joined, nor any of them be undone by trying all villages."""
    masked = {"masks": {"village": "sha-256-query-local"}}
    first = seller.grant("n", "village", **masked)
    second = seller.grant("n", "village", row_filter="n >= 0", purpose="statistics", **masked)
    done = [seller.release(grant=one.id) for one in (first, second)]
    one, two = (dict(seller.arrive(release.message).rows("n", "village")) for release in done)
    assert one.keys() == two.keys() == {0, 1, 2, 3}
    for seen in (one, two):
        assert [seen[0] == seen[number] for number in range(4)] == [VILLAGES[0] == name for name in VILLAGES]
    tried = {hashlib.sha256(salt + name.encode()).hexdigest() for salt in (b"", ZERO) for name in VILLAGES}
    assert not {*one.values()} & {*two.values()}
    assert not {*one.values(), *two.values()} & tried
