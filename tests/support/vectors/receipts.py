"""Vectors of receipts."""

from __future__ import annotations

from collections.abc import Iterator

from shanhai.exchange.bodies import Body, write_body
from shanhai.exchange.messages import Sealed, seal_message
from shanhai.exchange.order import Sent
from shanhai.exchange.receipts import Receipt
from vectors import build, world
from vectors.build import compact, opening, receiving
from vectors.givens import b64
from vectors.order import settled
from vectors.signature import bare_body
from vectors.vector import Vector, refused
from vectors.world import LONGYOU

GROUP = "receipts"
OURS = world.digest("a message of ours")


def _sent(receipt: Receipt) -> Sealed:
    body = write_body(Body(world.seed("salt").bytes, None, receipt))
    return seal_message(world.address(), body, keys={}, signers=LONGYOU.signers)


def vectors() -> Iterator[Vector]:
    holds = build.held(sent=Sent({(0, 0): OURS}))

    def case(name: str, about: str, envelope: bytes, expect: dict[str, object]) -> Vector:
        return opening(name, about, envelope, expect, group=GROUP, holds=holds, carries_set=False)

    good = _sent(Receipt(OURS, "admitted", rows=1000, contract_version="1.2.0"))
    about = "a receipt of a message that was sent"
    yield case("receipt-good", about, good.envelope, {"passes": {"keys": []}})
    refusal = _sent(Receipt(OURS, "refused", code="commitment-wrong"))
    about = "a receipt that tells why a message was refused"
    yield case("receipt-good.refused", about, refusal.envelope, {"passes": {"keys": []}})
    about = "a receipt of a message that was never sent to its sender"
    other = _sent(Receipt(world.digest("of another partner"), "received"))
    expect = refused("receipt-for-other-parcel", "unwrap")
    yield case("receipt-for-other-parcel", about, other.envelope, expect)
    about = "a receipt that comes a second time changes nothing"
    passes = {"passes": {"arrival": "known"}}
    again = settled([good])
    yield receiving("receipt-replayed", about, good.envelope, passes, group=GROUP, position=again)
    expect = refused("refusal-code-unknown", "unwrap")
    about = "a receipt that refuses for a reason that no version knows"
    yield case("refusal-code-unknown", about, _coded("because"), expect)
    about = "a receipt that refuses for what is no refusal: the message may pass later"
    yield case("refusal-code-unknown.gap", about, _coded("issued-in-future"), expect)


def _coded(code: str) -> bytes:
    content = {
        "v": 1,
        "of": OURS,
        "outcome": "refused",
        "code": code,
        "rows": None,
        "contract_version": None,
        "leaf": None,
        "inclusion": None,
    }
    bare = {**bare_body(), "type": "receipt", "content": content}
    return build.resealed({"body": b64(compact(bare)), "keys": {}, "pad": ""}, set=None)
