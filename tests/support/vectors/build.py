"""How vectors are put together: honest messages, and ways to bend them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SigningKey
from shanhai.exchange.messages import context, read_payload
from shanhai.exchange.order import Position, Sent
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.receive import Standing
from shanhai.exchange.rules import Rules
from shanhai.exchange.strict import to_base64, write_moment
from shanhai.exchange.unwrap import Held
from vectors import givens, world
from vectors.givens import Given, b64
from vectors.vector import Vector
from vectors.world import GONGSHU, LONGYOU, NOW, Node


def compact(value: object) -> bytes:
    """JSON as it is signed, also where it breaks our own rules."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def header_of(envelope: bytes) -> dict[str, Any]:
    return json.loads(read_payload(dsse.read(envelope, dsse.MESSAGE).payload)[0])


def sealed_of(envelope: bytes) -> bytes:
    return read_payload(dsse.read(envelope, dsse.MESSAGE).payload)[1]


def signed(payload: bytes, keys: Sequence[SigningKey], kind: str = dsse.MESSAGE) -> bytes:
    return dsse.write(dsse.sign(payload, kind, keys))


def message(header: bytes, sealed: bytes, keys: Sequence[SigningKey] = ()) -> bytes:
    """A message of any header bytes around any sealed bytes, properly signed."""
    payload = compact({"header": to_base64(header), "sealed": to_base64(sealed)})
    return signed(payload, keys or LONGYOU.signers)


def reheaded(envelope: bytes, keys: Sequence[SigningKey] = (), **changes: object) -> bytes:
    """The same sealed bytes under a changed header, signed by the sender or by others."""
    return message(compact({**header_of(envelope), **_ending(changes)}), sealed_of(envelope), keys)


def _ending(changes: dict[str, object]) -> dict[str, object]:
    """What carries no set has no end."""
    without = "set" in changes and changes["set"] is None
    return {"not_after": None, **changes} if without else changes


@cache
def _parcel() -> bytes:
    return world.parcel().envelope


def resealed(plain: object, **changes: object) -> bytes:
    """A message to Gongshu whose sealed part is whatever is given, padded, under a header that binds it."""
    text = plain if isinstance(plain, bytes) else compact(plain)
    body = json.loads(text)["body"]
    head = header_of(_parcel())
    head["body_sha256"] = hashlib.sha256(givens.raw(body)).hexdigest()
    header = compact({**head, **_ending(changes)})
    short = -len(text) % 4096
    padded = text.replace(b'"pad":""', b'"pad":"' + b" " * short + b'"')
    return message(header, GONGSHU.opening().public.seal(padded, info=context(header)))


def signatures_of(envelope: bytes) -> list[tuple[str, bytes]]:
    return list(json_signatures(json.loads(envelope)))


def json_signatures(value: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(one["keyid"], givens.raw(one["sig"])) for one in value["signatures"]]


def with_signatures(envelope: bytes, signatures: Sequence[tuple[str, bytes]]) -> bytes:
    value = json.loads(envelope)
    value["signatures"] = [{"keyid": kid, "sig": b64(sig)} for kid, sig in signatures]
    return compact(value)


def standing_given(
    *,
    sender: Node = LONGYOU,
    recipient: Node = GONGSHU,
    rules: Rules = world.RULES,
    state: PairingState = PairingState.ACTIVE,
    position: Position | None = None,
    mine: bytes | None = None,
    theirs: bytes | None = None,
) -> Given:
    known = Standing(
        world.pairing(rules, sender, recipient),
        state,
        recipient.keyset(),
        sender.keyset(),
        position or Position(),
    )
    return givens.standing_given(
        known, mine or recipient.keyset_envelope(), theirs or sender.keyset_envelope()
    )


def held(**changes: object) -> Held:
    key = GONGSHU.opening()
    return replace(Held(GONGSHU.id, {key.kid: key}, world.held_grants(), Sent({})), **changes)


def receiving(
    name: str,
    about: str,
    envelope: bytes,
    expect: dict[str, object],
    *,
    group: str,
    now: datetime = NOW,
    **more: Any,
) -> Vector:
    """A vector of stage one. `accepted`, `blanks` go into the vector, the rest into the standing."""
    given: Given = {"envelope": b64(envelope)}
    for key in ("accepted", "blanks"):
        if key in more:
            given[key] = more.pop(key)
    return Vector(name, group, about, "receive", {**given, "standing": standing_given(**more)}, now, expect)


def opening(
    name: str,
    about: str,
    envelope: bytes,
    expect: dict[str, object],
    *,
    group: str,
    holds: Held | None = None,
    set_envelope: bytes | None = None,
    carries_set: bool = True,
    now: datetime = NOW,
    **more: Any,
) -> Vector:
    """A vector of both stages, without files."""
    made = set_envelope or world.set_envelope(world.statement())
    given = {
        "envelope": b64(envelope),
        "standing": standing_given(**more),
        "set": b64(made) if carries_set else None,
        "held": givens.held_given(holds or held()),
    }
    return Vector(name, group, about, "unwrap", given, now, expect)


def accepted_given(digest: str, received: datetime, theirs: bytes) -> Given:
    return {"digest": digest, "received": write_moment(received), "theirs": b64(theirs)}
