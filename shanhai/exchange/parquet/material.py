"""Key material of a file: which key wraps the data key of a footer or a column, and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.profile import KEY_ID, WRAPPED_BYTES

_WRAPPED = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_ALWAYS = {"keyMaterialType", "internalStorage", "isFooterKey", "masterKeyID", "wrappedDEK", "doubleWrapping"}
_FOOTER = {"kmsInstanceID", "kmsInstanceURL"}


@dataclass(frozen=True)
class Material:
    """A wrapped data key.

    Attributes:
        key_id: `<set>.f` or `<set>.<n>`.
        wrapped: base64 of nonce, data key and tag.
    """

    key_id: str
    wrapped: str = field(repr=False)

    @property
    def set_id(self) -> str:
        """The set that the key belongs to."""
        return self.key_id.partition(".")[0]


def read_material(data: bytes, *, of_footer: bool) -> Material:
    """The material as Parquet's key tools write it (`PKMT1`), of which the profile allows one form.

    Needs no key, and the length of a wrap tells the length of the data key, so of a footer anybody can check
    this.

    Raises:
        Refused: `external-key-material`, `double-wrapped`, `key-not-256-bits`, `key-id-wrong`,
            `file-malformed`.
    """
    try:
        told = json.loads(data.decode("ascii"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Refused("file-malformed") from None
    if not isinstance(told, dict) or told.get("keyMaterialType") != "PKMT1":
        raise Refused("file-malformed")
    if told.get("internalStorage") is not True:
        raise Refused("external-key-material")
    if told.get("doubleWrapping") is not False:
        raise Refused("double-wrapped")
    if set(told) != (_ALWAYS | _FOOTER if of_footer else _ALWAYS) or told["isFooterKey"] is not of_footer:
        raise Refused("file-malformed")
    if of_footer and (told["kmsInstanceID"], told["kmsInstanceURL"]) != ("DEFAULT", "DEFAULT"):
        raise Refused("file-malformed")
    return Material(_key_id(told["masterKeyID"]), _wrapped(told["wrappedDEK"]))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _key_id(value: object) -> str:
    if not isinstance(value, str) or not KEY_ID.fullmatch(value):
        raise Refused("key-id-wrong")
    return value


def _wrapped(value: object) -> str:
    if not isinstance(value, str) or not _WRAPPED.fullmatch(value):
        raise Refused("file-malformed")
    if len(value) != 4 * ((WRAPPED_BYTES + 2) // 3):
        raise Refused("key-not-256-bits")
    return value
