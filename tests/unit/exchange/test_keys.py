"""Keys against values that others published, and what is refused of them."""

from __future__ import annotations

import copy
import pickle

import pytest
from vectors.signature import SMALL_ORDER

from shanhai.exchange.algorithms import ED25519, ML_DSA_65, SIGNING, SigningKey, VerifyKey, key_id
from shanhai.exchange.commitments import check_commitment, commitment
from shanhai.exchange.failures import Refused
from shanhai.exchange.secret import Secret
from shanhai.exchange.suites import SEALING, X25519, X_WING, OpenKey, SealKey


def test_ed25519_signs_as_in_rfc_8032():
    """Section 7.1, test 2."""
    key = SigningKey(
        ED25519, Secret(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    )
    assert key.public.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_an_x_wing_seed_expands_as_in_the_draft():
    """draft-connolly-cfrg-xwing-kem, appendix C, first vector."""
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    public = OpenKey(X_WING, Secret(seed)).public.public
    assert len(public) == 1216
    assert public[:32].hex() == "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5"


def test_key_id_is_of_algorithm_and_key():
    # printf 'ed25519\0' | cat - <(head -c 32 /dev/zero) | sha256sum
    assert key_id(ED25519, bytes(32)) == "8819001b0f625268cbf74431b52cb992c43553940fbe5f33b64c04d89fe42c50"
    assert key_id(ED25519, bytes(32)) != key_id(X25519, bytes(32))


@pytest.mark.parametrize("alg", SIGNING)
def test_a_signature_holds_for_its_message_alone(alg: str):
    key = SigningKey.generate(alg)
    signature = key.sign(b"message")
    key.public.verify(signature, b"message")
    for other, message in ((signature, b"massage"), (signature[:-1], b"message"), (b"", b"message")):
        with pytest.raises(Refused, match="sig-forged"):
            key.public.verify(other, message)
    with pytest.raises(Refused, match="sig-forged"):
        SigningKey.generate(alg).public.verify(signature, b"message")


@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_is_refused_as_signing_key(public: bytes):
    with pytest.raises(Refused, match="sig-small-order-key"):
        VerifyKey(ED25519, public)


def test_the_library_takes_keys_of_small_order():
    """Why we refuse them: the identity holds for any message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    identity = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"whatever you like")


@pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_a_key_of_small_order_is_refused_as_sealing_key(u: int):
    with pytest.raises(Refused, match="sig-small-order-key"):
        SealKey(X25519, u.to_bytes(32, "little"))
    lattice = OpenKey.generate(X_WING).public.public[:-32]
    with pytest.raises(Refused, match="sig-small-order-key"):
        SealKey(X_WING, lattice + u.to_bytes(32, "little"))


def test_a_lattice_key_outside_its_range_is_refused():
    with pytest.raises(Refused, match="public-key-wrong"):
        SealKey(X_WING, b"\xff" * 1184 + OpenKey.generate(X25519).public.public)


@pytest.mark.parametrize("alg", SEALING)
def test_what_is_sealed_opens_with_its_key_and_info_alone(alg: str):
    key = OpenKey.generate(alg)
    sealed = key.public.seal(b"body", info=b"header")
    assert key.open(sealed, info=b"header") == b"body"
    assert sealed != key.public.seal(b"body", info=b"header")
    for opener, data, info in (
        (key, sealed, b"other"),
        (OpenKey.generate(alg), sealed, b"header"),
        (key, sealed[:-1], b"header"),
        (key, b"", b"header"),
    ):
        with pytest.raises(Refused, match="hpke-not-opened"):
            opener.open(data, info=info)


def test_a_secret_shows_nothing_and_is_neither_compared_nor_pickled():
    secret = Secret(b"\x01" * 32)
    key = SigningKey(ML_DSA_65, secret)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr(key), repr([key])):
        assert "01" not in shown
        assert "secret" in shown
    with pytest.raises(TypeError):
        assert secret == Secret(b"\x01" * 32)
    for act in (pickle.dumps, copy.deepcopy, hash):
        with pytest.raises(TypeError):
            act(secret)


def test_a_commitment_is_to_key_and_key_id():
    key = Secret(bytes(32))
    # printf 'shanhai/kek/1\nab.0\n' | cat - <(head -c 32 /dev/zero) | sha256sum
    assert commitment("ab.0", key) == GOLDEN
    check_commitment(GOLDEN, "ab.0", key)
    for kid, other in (("ab.1", key), ("ab.0", Secret(b"\x01" + bytes(31)))):
        with pytest.raises(Refused, match="commitment-wrong"):
            check_commitment(GOLDEN, kid, other)


GOLDEN = "724032540f3296ba4062b06d1694eb7f6219b4cc2c7efc1bbb3f603a45c99e9d"
