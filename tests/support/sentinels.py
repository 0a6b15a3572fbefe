"""Words that nobody may find, in every spelling in which they could lie in a file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator


def spellings(word: str) -> Iterator[bytes]:
    """UTF-8, GB18030 and UTF-16, each as it is, in hex, and in base64 in each of its three alignments."""
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        raw = word.encode(encoding)
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            # The first and last characters also depend on what lies beside the word.
            inner = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
            yield inner[4 if shift else 0 : -1]


def found(content: bytes, words: Iterable[str]) -> list[str]:
    """Which of the words are in there."""
    return [word for word in words if any(one in content for one in spellings(word))]
