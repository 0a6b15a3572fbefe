"""The private keys of a node as they are locked into files, and which of them does what."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shanhai.errors import ConfigurationError
from shanhai.exchange.algorithms import ED25519, SIGNING, SigningKey
from shanhai.exchange.keysets import LOG, SIGN, Keyset
from shanhai.exchange.secret import Secret
from shanhai.exchange.strict import from_base64, to_base64
from shanhai.exchange.suites import SEALING, OpenKey
from shanhai.keyring.failures import DamagedKeyFileError

PrivateKey = SigningKey | OpenKey


@dataclass(frozen=True)
class Roots:
    """The root keys of a node: they sign keysets and nothing else."""

    keys: tuple[SigningKey, ...]

    def document(self) -> Secret:
        """What is locked into `root.age`."""
        return _document({"keys": [_written(key) for key in self.keys]})

    @classmethod
    def read(cls, document: Secret) -> Roots:
        """The root keys of an unlocked `root.age`."""
        keys = [_read(one) for one in _fields(document)["keys"]]
        return cls(tuple(key for key in keys if isinstance(key, SigningKey)))


@dataclass(frozen=True)
class Holdings:
    """What a node works with: its private keys, and the age identity that its own files are locked to."""

    identity: Secret
    keys: tuple[PrivateKey, ...]

    def document(self) -> Secret:
        """What is locked into `node.age`."""
        return _document(
            {"identity": self.identity.bytes.decode(), "keys": [_written(key) for key in self.keys]}
        )

    @classmethod
    def read(cls, document: Secret) -> Holdings:
        """The keys of an unlocked `node.age`."""
        fields = _fields(document)
        return cls(Secret(fields["identity"].encode()), tuple(_read(one) for one in fields["keys"]))

    def signers(self, keyset: Keyset, now: datetime) -> tuple[SigningKey, ...]:
        """The keys that sign what the node says now: the newest of every algorithm that its keyset requires.

        Raises:
            ConfigurationError: one is not held, or not valid any more.
        """
        return tuple(self._newest(keyset, SIGN, alg, now) for alg in keyset.require)

    def log_signer(self, keyset: Keyset, now: datetime) -> SigningKey:
        """The key that signs checkpoints now.

        Raises:
            ConfigurationError: it is not held, or not valid any more.
        """
        return self._newest(keyset, LOG, ED25519, now)

    def opener(self, kid: str) -> OpenKey | None:
        """The key that opens what was sealed to a key id; None when it was deleted or is of another."""
        return next((key for key in self.keys if isinstance(key, OpenKey) and key.kid == kid), None)

    def without(self, kids: Iterable[str]) -> Holdings:
        """The same without some keys."""
        gone = set(kids)
        return Holdings(self.identity, tuple(key for key in self.keys if key.kid not in gone))

    def _newest(self, keyset: Keyset, use: str, alg: str, now: datetime) -> SigningKey:
        held = {key.kid: key for key in self.keys if isinstance(key, SigningKey)}
        valid = [
            one
            for one in keyset.of_use(use)
            if one.key.alg == alg and one.kid in held and keyset.is_usable(one, now)
        ]
        if not valid:
            raise ConfigurationError(
                "no valid key of the node", given=f"{use}, {alg}", hint="make new ones: shanhai keys rotate"
            )
        return held[max(valid, key=lambda one: (one.not_before, one.not_after)).kid]


def _document(fields: dict[str, Any]) -> Secret:
    return Secret(json.dumps({"v": 1, **fields}, indent=1).encode())


def _fields(document: Secret) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(document.bytes)
    except ValueError:
        # The error of json holds the text.
        raise DamagedKeyFileError("a key file does not hold keys") from None
    return fields


def _written(key: PrivateKey) -> dict[str, str]:
    return {"kid": key.kid, "alg": key.alg, "seed": to_base64(key.seed.bytes)}


def _read(fields: dict[str, str]) -> PrivateKey:
    seed = Secret(from_base64(fields["seed"]))
    match fields["alg"]:
        case alg if alg in SIGNING:
            return SigningKey(alg, seed)
        case alg if alg in SEALING:
            return OpenKey(alg, seed)
        case alg:
            raise ConfigurationError("a key of an unknown algorithm", given=alg, allowed=[*SIGNING, *SEALING])
