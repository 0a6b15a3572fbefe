"""HPKE (RFC 9180, base mode): the two suites by which a message is sealed to one recipient."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shanhai.exchange.algorithms import key_id
from shanhai.exchange.failures import Refused
from shanhai.exchange.secret import Secret

X25519 = "x25519"
X_WING = "x-wing"
SEALING = (X_WING, X25519)

HYBRID = "x-wing/hkdf-sha256/aes-256-gcm"
CLASSIC = "x25519/hkdf-sha256/aes-256-gcm"
SUITES = {HYBRID: X_WING, CLASSIC: X25519}
"""The algorithm of the key that each suite seals to; the stronger suite first."""

_ML_KEM_BYTES = 1184
_PUBLIC_BYTES = {X25519: 32, X_WING: _ML_KEM_BYTES + 32}
_KEMS = {X25519: hpke.KEM.X25519, X_WING: hpke.KEM.MLKEM768_X25519}


@dataclass(frozen=True)
class SealKey:
    """A public key that messages are sealed to: 32 bytes for x25519, ML-KEM-768 ‖ X25519 for x-wing.

    Raises:
        Refused: public-key-wrong, sig-small-order-key.
    """

    alg: str
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != _PUBLIC_BYTES.get(self.alg, -1):
            raise Refused("public-key-wrong")
        try:
            if self.alg == X_WING:
                MLKEM768PublicKey.from_public_bytes(self.public[:_ML_KEM_BYTES])
        except ValueError:
            raise Refused("public-key-wrong") from None
        _check_order(self.x25519)

    @property
    def kid(self) -> str:
        """Key id: hex SHA-256(alg ‖ 00 ‖ public key)."""
        return key_id(self.alg, self.public)

    @property
    def x25519(self) -> bytes:
        """The X25519 half, which for the classic suite is the whole."""
        return self.public[-32:]

    def seal(self, plaintext: bytes, *, info: bytes) -> bytes:
        """enc ‖ ciphertext; no additional data: `info` binds the context."""
        classic = X25519PublicKey.from_public_bytes(self.x25519)
        if self.alg == X25519:
            return _suite(self.alg).encrypt(plaintext, classic, info)
        lattice = MLKEM768PublicKey.from_public_bytes(self.public[:_ML_KEM_BYTES])
        return _suite(self.alg).encrypt(plaintext, hpke.MLKEM768X25519PublicKey(lattice, classic), info)


@dataclass(frozen=True)
class OpenKey:
    """A private key that opens what was sealed to it: the algorithm and 32 bytes.

    For x25519 they are the private key, for x-wing the seed (draft-connolly-cfrg-xwing-kem, section 5.2).
    """

    alg: str
    seed: Secret

    @classmethod
    def generate(cls, alg: str) -> Self:
        """A new key; `alg` is one of `SEALING`."""
        if alg not in SEALING:
            raise ValueError(f"not an algorithm to seal with: {alg}")
        return cls(alg, Secret.random(32))

    @property
    def public(self) -> SealKey:
        """The public half."""
        if self.alg == X25519:
            return SealKey(self.alg, self._classic().public_key().public_bytes_raw())
        lattice, classic = self._halves()
        return SealKey(
            self.alg, lattice.public_key().public_bytes_raw() + classic.public_key().public_bytes_raw()
        )

    @property
    def kid(self) -> str:
        """Key id of the public half."""
        return self.public.kid

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """What was sealed to this key under the same `info`.

        Raises:
            Refused: hpke-not-opened.
        """
        try:
            if self.alg == X25519:
                return _suite(self.alg).decrypt(sealed, self._classic(), info)
            return _suite(self.alg).decrypt(sealed, hpke.MLKEM768X25519PrivateKey(*self._halves()), info)
        except (InvalidTag, ValueError):
            raise Refused("hpke-not-opened") from None

    def _classic(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.seed.bytes)

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        # cryptography has no form of this key in bytes; the draft expands the seed with SHAKE256.
        expanded = hashlib.shake_256(self.seed.bytes).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )


def strongest(suites: Collection[str]) -> tuple[str, ...]:
    """Those of the suites that are known, the strongest first."""
    return tuple(suite for suite in SUITES if suite in suites)


def _suite(alg: str) -> hpke.Suite:
    return hpke.Suite(_KEMS[alg], hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def _check_order(public: bytes) -> None:
    # A second encoding of a key would have another id: the top bit is not read, and u is taken modulo p.
    if int.from_bytes(public, "little") >= 2**255 - 19:
        raise Refused("sig-small-order-key")
    # A point of small order gives zeros with every private key, since those are multiples of 8.
    try:
        X25519PrivateKey.from_private_bytes(bytes([8]) * 32).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:
        raise Refused("sig-small-order-key") from None
