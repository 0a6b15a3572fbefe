"""The file that people carry between two nodes that pair: a signed document, a keyset, a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shanhai.errors import ConfigurationError
from shanhai.exchange.dsse import KEYSET, MOST_BYTES, PAIRING
from shanhai.exchange.failures import Stage
from shanhai.exchange.messages import ID
from shanhai.exchange.strict import Fields, canonical, parse, to_base64

Kind = Literal["offer", "acceptance", "pairing"]
"""What is offered; what the other node signed first; what both signed."""

_KINDS: tuple[Kind, ...] = ("offer", "acceptance", "pairing")

MOST_FILE_BYTES = 2 * (MOST_BYTES[KEYSET] + MOST_BYTES[PAIRING])
"""Base64 takes a third more than what it carries."""


@dataclass(frozen=True)
class Carried:
    """What such a file holds. Nothing of it is verified, and `folder` is signed by nobody.

    Attributes:
        kind: what the document is.
        document: the envelope of an offer, or of a pairing.
        keyset: the envelope of the keyset of the node that wrote the file.
        folder: of the pairing at the relay: 32 random digits of hex. Another one hides messages, no more.
    """

    kind: Kind
    document: bytes = field(repr=False)
    keyset: bytes = field(repr=False)
    folder: str


def write_carried(carried: Carried) -> bytes:
    """The bytes of the file: one line of JSON."""
    return (
        canonical(
            {
                "v": 1,
                "kind": carried.kind,
                "document": to_base64(carried.document),
                "keyset": to_base64(carried.keyset),
                "folder": carried.folder,
            }
        )
        + b"\n"
    )


def read_carried(data: bytes, *wanted: Kind) -> Carried:
    """What a file holds.

    Args:
        wanted: the kinds that it may be of.

    Raises:
        Refused: the json codes, at stage envelope.
        ConfigurationError: it is of another kind.
    """
    value = parse(data, most_bytes=MOST_FILE_BYTES, stage=Stage.ENVELOPE)
    whole = Fields(value, "kind document keyset folder", stage=Stage.ENVELOPE, version=1)
    told = whole.one_of("kind", _KINDS)
    kind = next(one for one in _KINDS if one == told)
    if kind not in wanted:
        raise ConfigurationError(
            "this file of a pairing is not the one that is wanted now", given=kind, allowed=wanted
        )
    return Carried(
        kind,
        whole.raw("document", least=2, most=MOST_BYTES[PAIRING]),
        whole.raw("keyset", least=2, most=MOST_BYTES[KEYSET]),
        whole.text("folder", ID),
    )
