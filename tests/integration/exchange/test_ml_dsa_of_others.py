"""An implementation of ML-DSA that is not ours verifies what we signed, and we what it signed."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from dilithium_py.ml_dsa import ML_DSA_65 as OTHER
from vectors import world

from shanhai.exchange.algorithms import ML_DSA_65, VerifyKey
from shanhai.exchange.failures import Refused

NODE = world.Node("longyou", post_quantum=True)
KEY = NODE.signing(alg=ML_DSA_65)
STATEMENT = json.loads(world.set_envelope(world.statement(NODE), NODE))


def signed(payload: bytes) -> bytes:
    """What a signature is over, put together from the fields of its envelope (DSSE's PAE)."""
    kind = STATEMENT["payloadType"].encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


PAYLOAD = b64decode(STATEMENT["payload"])
_, SIGNATURE = (b64decode(one["sig"]) for one in STATEMENT["signatures"])


def test_the_same_seed_is_the_same_key():
    public, _ = OTHER.key_derive(KEY.seed.bytes)
    assert public == KEY.public.public


def test_our_statement_holds_there_and_a_changed_one_does_not():
    public = KEY.public.public
    assert OTHER.verify(public, signed(PAYLOAD), SIGNATURE)
    assert not OTHER.verify(public, signed(PAYLOAD[:-1] + b" "), SIGNATURE)
    changed = bytes([SIGNATURE[0] ^ 1]) + SIGNATURE[1:]
    assert not OTHER.verify(public, signed(PAYLOAD), changed)


def test_their_signature_holds_here_and_for_nothing_else():
    public, private = OTHER.keygen()
    key = VerifyKey(ML_DSA_65, public)
    signature = OTHER.sign(private, signed(PAYLOAD))
    key.verify(signature, signed(PAYLOAD))
    with pytest.raises(Refused, match="sig-forged"):
        key.verify(signature, signed(PAYLOAD[:-1] + b" "))
    # FIPS 204 signs under a context; ours is empty, and a signature for another purpose is none of ours.
    with pytest.raises(Refused, match="sig-forged"):
        key.verify(OTHER.sign(private, signed(PAYLOAD), b"another"), signed(PAYLOAD))
