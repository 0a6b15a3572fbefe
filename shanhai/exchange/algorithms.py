"""Signing keys: Ed25519 and ML-DSA-65, their bytes, their ids, and which public keys are refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from shanhai.exchange.failures import Refused
from shanhai.exchange.secret import Secret

ED25519 = "ed25519"
ML_DSA_65 = "ml-dsa-65"
SIGNING = (ED25519, ML_DSA_65)

PUBLIC_BYTES = {ED25519: 32, ML_DSA_65: 1952}
SIGNATURE_BYTES = {ED25519: 64, ML_DSA_65: 3309}

_FIELD = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
# The y of the points whose order divides 8. For them a signature can be made that holds for any message, and
# neither cryptography nor OpenSSL refuses them.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16),
        int("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7", 16),
    }
)


@dataclass(frozen=True)
class VerifyKey:
    """A public key that signatures are verified by.

    Raises:
        Refused: public-key-wrong, sig-small-order-key.
    """

    alg: str
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != PUBLIC_BYTES.get(self.alg, -1):
            raise Refused("public-key-wrong")
        if self.alg == ED25519:
            y = int.from_bytes(self.public, "little") & (2**255 - 1)
            # A y of at least p is a second encoding of a point: among them small-order ones.
            if y >= _FIELD or y in _SMALL_ORDER_Y:
                raise Refused("sig-small-order-key")

    @property
    def kid(self) -> str:
        """Key id: hex SHA-256(alg ‖ 00 ‖ public key)."""
        return key_id(self.alg, self.public)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if the signature holds (RFC 8032 section 5.1.7 without cofactor; FIPS 204 algorithm 3).

        Raises:
            Refused: sig-noncanonical-s, sig-forged.
        """
        if len(signature) != SIGNATURE_BYTES[self.alg]:
            raise Refused("sig-forged")
        try:
            if self.alg == ED25519:
                # OpenSSL refuses it as well; a signature must not have two forms under any library.
                if int.from_bytes(signature[32:], "little") >= _ORDER:
                    raise Refused("sig-noncanonical-s")
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                MLDSA65PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Refused("sig-forged") from None


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs: the algorithm and its 32-byte seed (RFC 8032 section 5.1.5; FIPS 204 ξ)."""

    alg: str
    seed: Secret

    @classmethod
    def generate(cls, alg: str) -> Self:
        """A new key; `alg` is one of `SIGNING`."""
        if alg not in SIGNING:
            raise ValueError(f"not a signing algorithm: {alg}")
        return cls(alg, Secret.random(32))

    @property
    def public(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self.alg, self._private().public_key().public_bytes_raw())

    @property
    def kid(self) -> str:
        """Key id of the public half."""
        return self.public.kid

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`: deterministic for Ed25519, hedged for ML-DSA-65."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey | MLDSA65PrivateKey:
        if self.alg == ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed.bytes)
        return MLDSA65PrivateKey.from_seed_bytes(self.seed.bytes)


def key_id(alg: str, public: bytes) -> str:
    """Hex SHA-256(alg ‖ 00 ‖ public key), for keys of every kind."""
    return hashlib.sha256(alg.encode("ascii") + b"\x00" + public).hexdigest()
