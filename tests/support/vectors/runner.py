"""Runs a test vector: each operation reads what is given and calls the exchange once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shanhai.exchange.algorithms import VerifyKey
from shanhai.exchange.commitments import check_commitment
from shanhai.exchange.failures import Gap, Refused
from shanhai.exchange.grants import HeldGrant, check_statement, read_grant
from shanhai.exchange.keyset_checks import check_foreign
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.messages import context, header_in, read_sealed
from shanhai.exchange.order import Arrival, Pending
from shanhai.exchange.pairing_states import PairingState, Step, taken
from shanhai.exchange.pairings import check_number, number, read_pairing
from shanhai.exchange.receive import Verified, receive, vouched
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import read_set
from shanhai.exchange.strict import read_moment
from shanhai.exchange.suites import SEALING, OpenKey, SealKey
from shanhai.exchange.unwrap import unwrap
from vectors import givens
from vectors.givens import Given, raw
from vectors.vector import Vector

Outcome = dict[str, object]


def run(vector: Vector) -> Outcome:
    """What comes of a vector, in the form of its `expect`."""
    return told(lambda: OPERATIONS[vector.operation](vector.given, vector.now))


def told(call: Callable[[], Outcome]) -> Outcome:
    try:
        return {"passes": call()}
    except Refused as refusal:
        return {"refused": refusal.code, "stage": refusal.stage.value}
    except Gap as error:
        return {"gap": error.code, "stage": error.stage.value}


def _envelope(given: Given) -> bytes:
    # Blanks behind the envelope make it large without making the vector large.
    return raw(given["envelope"]) + b" " * given.get("blanks", 0)


def _verified(given: Given, now: datetime) -> Verified:
    standing = givens.standing(given["standing"])
    return receive(
        _envelope(given), standing=standing, now=now, accepted=givens.accepted(given.get("accepted"))
    )


def _receive(given: Given, now: datetime) -> Outcome:
    verified = _verified(given, now)
    return {"arrival": verified.arrival.value, "digest": verified.seen.digest}


def _unwrap(given: Given, now: datetime) -> Outcome:
    verified = _verified(given, now)
    statement = None
    if given["set"] is not None:
        statement = read_set(raw(given["set"]), keyset=verified.keyset, digest=verified.header.set_digest)
    at = read_moment(given["accepted"]["received"]) if given.get("accepted") else now
    opened = unwrap(verified, held=givens.held(given["held"]), statement=statement, at=at)
    return {"body_sha256": verified.header.body_sha256, "keys": sorted(opened.keys)}


def _sequence(given: Given, now: datetime) -> Outcome:
    """Messages in the order in which they come; each that is next, or refused for good, takes its place."""
    standing = givens.standing(given["standing"])
    position, outcomes = standing.position, []
    for index, text in enumerate(given["envelopes"]):
        envelope, newer = raw(text), given["keysets"].get(str(index))
        standing = replace(
            standing, position=position, theirs=givens.keyset(newer) if newer else standing.theirs
        )
        for seen in vouched(envelope, standing=standing, now=now):
            position = position.after(seen)
        try:
            verified = receive(envelope, standing=replace(standing, position=position), now=now)
            outcomes.append(verified.arrival.value)
            if verified.arrival is Arrival.NEXT:
                position = position.after(verified.seen)
        except (Refused, Gap) as error:
            outcomes.append(error.code)
            if isinstance(error, Refused) and error.seen and error.settles:
                position = position.after(error.seen)
            if isinstance(error, Refused) and error.seen and error.waits_for_a_voucher:
                waits = Pending(error.seen, header_in(envelope).prev)
                position = replace(position, pending={**position.pending, error.seen.digest: waits})
    return {"outcomes": outcomes}


def _keyset(given: Given, now: datetime) -> Outcome:
    known = None if given["known"] is None else givens.keyset(given["known"])
    roots = [VerifyKey(one["alg"], raw(one["pub"])) for one in given["roots"]]
    keyset = read_keyset(raw(given["envelope"]), roots=roots, known=known)
    if given["reader"] is not None:
        check_foreign(keyset, givens.keyset(given["reader"]))
    return {"node": keyset.node, "version": keyset.version, "digest": keyset.digest}


def _public_keys(given: Given, now: datetime) -> Outcome:
    """Every key of a list; what comes of it must be the same for all."""
    outcomes = [
        told(lambda one=one: {"kid": _public_key(one["alg"], raw(one["pub"])).kid}) for one in given["keys"]
    ]
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
    if "refused" in outcomes[0]:
        raise Refused(str(outcomes[0]["refused"]))
    return {}


def _public_key(alg: str, public: bytes) -> VerifyKey | SealKey:
    return SealKey(alg, public) if alg in SEALING else VerifyKey(alg, public)


def _pairing(given: Given, now: datetime) -> Outcome:
    keysets = [givens.keyset(one) for one in given["keysets"]]
    pairing = read_pairing(
        raw(given["envelope"]),
        offer=givens.offer(given["offer"]),
        keysets={one.node: one for one in keysets},
        signed=given["signed"],
        now=now,
    )
    return {"id": pairing.id, "digest": pairing.digest, "number": number(pairing)}


def _number(given: Given, now: datetime) -> Outcome:
    check_number(givens.pairing(given["pairing"]), given["told"])
    return {}


def _grant(given: Given, now: datetime) -> Outcome:
    before = given["held"]
    held = None if before is None else HeldGrant(before["owner"], read_grant(before["grant"]))
    check_statement(read_grant(given["grant"]), sender=given["sender"], me=given["me"], held=held)
    return {}


def _step(given: Given, now: datetime) -> Outcome:
    return {"state": taken(PairingState(given["state"]), Step(given["step"])).value}


def _open(given: Given, now: datetime) -> Outcome:
    """Sealed bytes under each of several headers; what comes of them must be the same for all."""
    key = OpenKey(given["key"]["alg"], Secret(raw(given["key"]["seed"])))
    outcomes = []
    for header in given["headers"]:
        info = context(raw(header))
        outcomes.append(told(lambda info=info: {"bytes": len(key.open(raw(given["sealed"]), info=info))}))
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
    if "refused" in outcomes[0]:
        raise Refused(str(outcomes[0]["refused"]))
    read_sealed(key.open(raw(given["sealed"]), info=context(raw(given["headers"][0]))))
    return {}


def _wrap(given: Given, now: datetime) -> Outcome:
    """A wrap that opens under every one of the keys; the commitment tells which of them is meant."""
    wrap = raw(given["wrap"])
    for kek in given["keks"]:
        AESGCM(raw(kek)).decrypt(wrap[:12], wrap[12:], given["key_id"].encode())
    check_commitment(given["commitment"], given["key_id"], Secret(raw(given["keks"][given["used"]])))
    return {}


OPERATIONS: dict[str, Callable[[Given, datetime], Outcome]] = {
    "receive": _receive,
    "unwrap": _unwrap,
    "sequence": _sequence,
    "keyset": _keyset,
    "public-keys": _public_keys,
    "pairing": _pairing,
    "number": _number,
    "grant": _grant,
    "step": _step,
    "open": _open,
    "wrap": _wrap,
}
