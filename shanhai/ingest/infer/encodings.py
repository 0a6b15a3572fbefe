"""The encoding of text that nobody stated, also where a line is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shanhai.contracts.encodings import is_doubtful, likely_encodings

_FALLBACK = "cp1252"
_BY_LINES = ("utf-8", "gb18030", "big5")
_NEARLY_ALL = 0.95
_DOUBT = "doubtful: GB 18030 and Big5 read it nearly alike, so look at the headings, and ask"


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
        doubt = f"; {_DOUBT}" if is_doubtful(sample) else ""
        return Encoding(
            likely[0], f"every byte of the sample is read by it, as characters in usual use{doubt}"
        )
    return _by_lines([line for line in sample.splitlines() if not line.isascii()])


def _by_lines(lines: Sequence[bytes]) -> Encoding:
    """What reads nearly all lines that are beyond ASCII, and most of them best."""
    found = [likely_encodings(line) for line in lines]
    read = Counter(name for names in found for name in names if name in _BY_LINES)
    best = Counter(names[0] for names in found if names)
    able = [name for name in _BY_LINES if lines and read[name] >= _NEARLY_ALL * len(lines)]
    if not able:
        return Encoding(_FALLBACK, "neither UTF-8 nor Chinese, and western European is the usual rest")
    name = max(able, key=lambda one: best[one])
    doubt = f"; {_DOUBT}" if len(able) > 1 and best[name] < _NEARLY_ALL * len(lines) else ""
    return Encoding(name, f"{read[name]:,} of {len(lines):,} lines beyond ASCII are read by it{doubt}")
