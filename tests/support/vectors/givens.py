"""The values of vectors as JSON: how a standing, a position, a grant are written there, and read back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from shanhai.exchange import dsse, pairings
from shanhai.exchange.algorithms import VerifyKey
from shanhai.exchange.grants import HeldGrant, read_grant, write_grant
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.order import Acknowledged, Position, Sent
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.pairings import Offer, Pairing
from shanhai.exchange.receive import Accepted, Standing
from shanhai.exchange.secret import Secret
from shanhai.exchange.strict import read_moment, write_moment
from shanhai.exchange.suites import OpenKey
from shanhai.exchange.unwrap import Held

Given = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def raw(text: str) -> bytes:
    return base64.b64decode(text)


def keyset(envelope: str) -> Keyset:
    """A keyset of a vector, with the roots that it names itself."""
    data = raw(envelope)
    value = json.loads(dsse.read(data, dsse.KEYSET).payload)
    roots = tuple(VerifyKey(one["alg"], raw(one["pub"])) for one in value["roots"])
    return read_keyset(data, roots=roots)


def keyset_given(envelope: bytes, roots: Sequence[VerifyKey]) -> Given:
    """A keyset to be read by the roots that are expected, by who knows no other."""
    told = [{"alg": root.alg, "pub": b64(root.public)} for root in roots]
    return {"envelope": b64(envelope), "roots": told, "known": None}


def pairing_given(pairing: Pairing) -> str:
    return b64(pairings._payload(pairing))


def pairing(payload: str) -> Pairing:
    return pairings._pairing(dsse.Envelope(raw(payload), dsse.PAIRING, ()))


def offer(envelope: str) -> Offer:
    return pairings._offer(dsse.read(raw(envelope), dsse.OFFER))


def position_given(position: Position) -> Given:
    known = [
        {"generation": generation, "seq": seq, "digest": digest}
        for (generation, seq), digest in sorted(position.known.items())
    ]
    return {
        "generation": position.generation,
        "next_seq": position.next_seq,
        "last": position.last,
        "known": known,
    }


def position(value: Given) -> Position:
    known = {(one["generation"], one["seq"]): one["digest"] for one in value["known"]}
    return Position(value["generation"], value["next_seq"], value["last"], known)


def standing_given(standing: Standing, mine: bytes, theirs: bytes) -> Given:
    return {
        "pairing": pairing_given(standing.pairing),
        "state": standing.state.value,
        "mine": b64(mine),
        "theirs": b64(theirs),
        "position": position_given(standing.position),
    }


def standing(value: Given) -> Standing:
    return Standing(
        pairing(value["pairing"]),
        PairingState(value["state"]),
        keyset(value["mine"]),
        keyset(value["theirs"]),
        position(value["position"]),
    )


def accepted(value: Given | None) -> Accepted | None:
    if value is None:
        return None
    return Accepted(value["digest"], read_moment(value["received"]), keyset(value["theirs"]))


def held_given(held: Held) -> Given:
    sent = held.sent
    digests = [
        {"generation": generation, "seq": seq, "digest": digest}
        for (generation, seq), digest in sorted(sent.digests.items())
    ]
    return {
        "node": held.node,
        "keys": [{"alg": key.alg, "seed": b64(key.seed.bytes)} for key in held.keys.values()],
        "grants": [{"owner": one.owner, "grant": write_grant(one.grant)} for one in held.grants.values()],
        "sent": digests,
        "acknowledged": None if sent.acknowledged is None else dict(sent.acknowledged.__dict__),
    }


def held(value: Given) -> Held:
    keys = [OpenKey(one["alg"], Secret(raw(one["seed"]))) for one in value["keys"]]
    grants = [HeldGrant(one["owner"], read_grant(one["grant"])) for one in value["grants"]]
    digests = {(one["generation"], one["seq"]): one["digest"] for one in value["sent"]}
    before = value["acknowledged"]
    sent = Sent(digests, None if before is None else Acknowledged(**before))
    return Held(value["node"], {key.kid: key for key in keys}, {one.grant.id: one for one in grants}, sent)


def moment_given(moment: Any) -> str:
    return write_moment(moment)
