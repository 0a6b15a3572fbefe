"""The encoding of text that nobody stated, also where a line is damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shanhai.contracts.encodings import BY_USAGE, doubt_about, likeliest, likely_encodings, texts_beyond_ascii

_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Encoding:
    """An encoding, and what speaks for it."""

    name: str
    why: str


def find_encoding(sample: bytes) -> Encoding:
    """The encoding of the beginning of a text; its last character may be cut off."""
    if sample.isascii() and b"\0" not in sample:
        return Encoding("utf-8", "nothing beyond ASCII in the sample, so any would do")
    likely = likely_encodings(sample)
    if likely and (likely[0] not in BY_USAGE or likely == ("utf-8",)):
        return Encoding(likely[0], "every byte of the sample is read by it")
    lines = _lines(sample)
    read = {
        name: len(lines) if name in likely else sum(_reads(line, name) for line in lines) for name in BY_USAGE
    }
    able = [name for name in BY_USAGE if read[name] >= _NEARLY_ALL * len(lines)]
    texts = texts_beyond_ascii(sample)
    name = likeliest(texts, able) if able else max(BY_USAGE, key=lambda one: read[one])
    told = f"{read[name]:,} of {len(lines):,} lines beyond ASCII are read by it"
    if name in likely:
        told = "every byte of the sample is read by it"
    doubt = doubt_about(texts, able) if able else "the other lines are in none that is known"
    if doubt:
        return Encoding(name, f"{told}; doubtful: {doubt}, so look at the headings, and ask")
    return Encoding(name, f"{told}, as characters in usual use")


def _lines(sample: bytes) -> Sequence[bytes]:
    """The lines beyond ASCII; one that may be cut off counts only where it is the only one."""
    lines = sample.splitlines()
    whole = lines if sample.endswith((b"\n", b"\r")) else lines[:-1]
    return [line for line in whole if not line.isascii()] or [line for line in lines if not line.isascii()]


def _reads(line: bytes, name: str) -> bool:
    try:
        line.decode(name)
    except UnicodeDecodeError:
        return False
    return True
