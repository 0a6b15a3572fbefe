"""The encoding of text that nobody stated, also where a line is damaged."""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.contracts.encodings import likely_encodings

_FALLBACK = "cp1252"
_BY_LINES = ("utf-8", "gb18030", "big5")
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Encoding:
    """An encoding, and what speaks for it."""

    name: str
    why: str


def find_encoding(sample: bytes) -> Encoding:
    """The encoding of the beginning of a text; its last character may be cut off."""
    likely = likely_encodings(sample)
    if likely and likely[0] != _FALLBACK:
        if sample.isascii() and likely[0] == "utf-8":
            return Encoding("utf-8", "nothing beyond ASCII in the sample, so any would do")
        return Encoding(likely[0], "every byte of the sample is read by it, as characters in usual use")
    lines = [line for line in sample.splitlines() if not line.isascii()]
    for name in _BY_LINES:
        read = sum(name in likely_encodings(line) for line in lines)
        if lines and read >= _NEARLY_ALL * len(lines):
            return Encoding(name, f"{read:,} of {len(lines):,} lines beyond ASCII are read by it")
    return Encoding(_FALLBACK, "neither UTF-8 nor Chinese, and western European is the usual rest")
