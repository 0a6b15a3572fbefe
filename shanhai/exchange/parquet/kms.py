"""The keys of a set in memory, behind the interface by which pyarrow asks for them."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.profile import DEK_BYTES, WRAPPED_BYTES

if TYPE_CHECKING:
    from pyarrow.parquet.encryption import CryptoFactory, KmsConnectionConfig

    from shanhai.exchange.secret import Secret


class KeyHolder:
    """Key-encrypting keys (KEK, 32 bytes) by key id. They wrap the data keys (DEK) that lie in the files.

    Attributes:
        asked: ids of the keys that were asked for, in order, granted or not: what a reader really touched.
    """

    def __init__(self, keks: Mapping[str, Secret]) -> None:
        self._keks = dict(keks)
        self.asked: list[str] = []

    def __repr__(self) -> str:
        return f"<holder of {len(self._keks)} keys>"

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keks

    def wrap(self, dek: bytes, key_id: str) -> str:
        """base64(nonce ‖ AES-256-GCM(KEK, DEK, aad = key id)), with a nonce of 12 random bytes.

        Raises:
            Refused: `key-not-held`.
        """
        kek = self._kek(key_id)
        nonce = os.urandom(12)
        return base64.b64encode(nonce + AESGCM(kek.bytes).encrypt(nonce, dek, key_id.encode("ascii"))).decode(
            "ascii"
        )

    def unwrap(self, wrapped: str, key_id: str) -> bytes:
        """The DEK of 32 bytes. The key id is authenticated, so a wrap cannot move to another column or set.

        Raises:
            Refused: `key-not-held`, or `dek-wrong` if it was not wrapped by this key for this place.
        """
        kek = self._kek(key_id)
        try:
            raw = base64.b64decode(wrapped.encode("ascii"), validate=True)
            if len(raw) != WRAPPED_BYTES:
                raise Refused("key-not-256-bits")
            dek = AESGCM(kek.bytes).decrypt(raw[:12], raw[12:], key_id.encode("ascii"))
        except (InvalidTag, UnicodeEncodeError, binascii.Error):
            raise Refused("dek-wrong") from None
        if len(dek) != DEK_BYTES:
            raise Refused("key-not-256-bits")
        return dek

    def _kek(self, key_id: str) -> Secret:
        self.asked.append(key_id)
        if key_id not in self._keks:
            raise Refused("key-not-held")
        return self._keks[key_id]


def crypto_factory(holder: KeyHolder) -> tuple[CryptoFactory, KmsConnectionConfig]:
    """pyarrow's factory of encryption and decryption properties over `holder`; make one for each file.

    A factory caches clients and keys for ten minutes; with a new one nothing outlives the file, and `asked`
    is whole.
    """
    from pyarrow.parquet.encryption import CryptoFactory, KmsClient, KmsConnectionConfig

    class Client(KmsClient):  # type: ignore[misc]
        def __init__(self, _: Any) -> None:
            super().__init__()

        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
            return holder.wrap(key_bytes, master_key_identifier)

        def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
            return holder.unwrap(wrapped_key, master_key_identifier)

    return CryptoFactory(Client), KmsConnectionConfig()
