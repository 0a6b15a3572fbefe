"""Words that nobody may find, in every spelling in which they could lie in a file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import TypeVar

Word = TypeVar("Word", str, bytes)

SHORTEST = 8
"""Characters of base64 that chance does not write: 48 bits, looked for in some hundred thousand places."""


def spellings(word: str | bytes) -> Iterator[bytes]:
    """A text in UTF-8, GB18030 and UTF-16, or bytes: as they are, in hex, and in base64 in each alignment.

    Raises:
        ValueError: if the word is so short that it may be found where nobody wrote it.
    """
    if isinstance(word, bytes):
        yield from _spelled(word)
        return
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        yield from _spelled(word.encode(encoding))


def _spelled(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        # The first and last characters also depend on what lies beside the word.
        inner = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        spelled = inner[4 if shift else 0 : -1]
        if len(spelled) < SHORTEST:
            raise ValueError(f"a word of {len(raw)} bytes may be found by chance; take a longer one")
        yield spelled


def found(content: bytes, words: Iterable[Word]) -> list[Word]:
    """Which of the words are in there."""
    return [word for word in words if any(one in content for one in spellings(word))]
