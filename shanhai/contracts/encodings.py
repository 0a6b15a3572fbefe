"""In which encodings some bytes may be text, the likelier first."""

from __future__ import annotations

import codecs
from collections import Counter

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_USUAL = 0.9
_LEAST_ZEROS = 0.02
_LATIN = "cp1252"
_CHINESE = {"gb18030": ("gb2312", range(0xB0, 0xD8)), "big5": ("big5", range(0xA4, 0xC7))}
"""Encoding → among which characters those of a text are in usual use, and how the frequent ones begin."""
_HARDLY_LESS = 0.1


def likely_encodings(sample: bytes) -> tuple[str, ...]:
    """Encodings that read a sample without a fault, as Python calls them, the likelier first.

    A mark decides. Without one: UTF-8 if it is valid, since text of another encoding hardly ever is; UTF-16
    by its zeros; GB 18030 or Big5 if nearly all of what it gives beyond ASCII are characters in usual use
    (of GB 2312, or any of Big5), first the one that gives more of its frequent ones (level 1 of either);
    Windows-1252 last, which reads nearly everything.

    Args:
        sample: the beginning of a body; a character may be cut off at its end.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return (name,)
    if sample.isascii() and b"\0" not in sample:
        return ("utf-8",)
    found = [name for name in (*_wide(sample), "utf-8") if _decoded(sample, name) is not None]
    if found:
        return tuple(found)
    found = sorted(
        (name for name in _CHINESE if _is_usual(sample, name)), key=lambda name: -_frequent(sample, name)
    )
    return (*found, _LATIN) if _decoded(sample, _LATIN) is not None else tuple(found)


def is_doubtful(sample: bytes) -> bool:
    """Whether GB 18030 and Big5 read a sample nearly alike, so that its bytes do not tell which it is."""
    likely = [name for name in likely_encodings(sample) if name in _CHINESE]
    shares = [_frequent(sample, name) for name in likely]
    return len(shares) > 1 and shares[0] - shares[1] < _HARDLY_LESS


def _wide(sample: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark, told by its zeros, which stand at every other place if anywhere."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < _LEAST_ZEROS * len(sample) or min(even, odd) * 10 > max(even, odd):
        return ()
    return ("utf-16-le",) if odd > even else ("utf-16-be",)


def _is_usual(sample: bytes, name: str) -> bool:
    beyond, (among, _) = _beyond(sample, name), _CHINESE[name]
    usual = sum(many for one, many in beyond.items() if one.encode(among, "ignore"))
    return bool(beyond) and usual >= _USUAL * beyond.total()


def _frequent(sample: bytes, name: str) -> float:
    """The share of frequent characters in what an encoding that is usual gives beyond ASCII."""
    beyond, (among, first) = _beyond(sample, name), _CHINESE[name]
    encoded = ((one.encode(among, "ignore"), many) for one, many in beyond.items())
    return sum(many for text, many in encoded if len(text) == 2 and text[0] in first) / beyond.total()


def _beyond(sample: bytes, name: str) -> Counter[str]:
    """How often each character beyond ASCII stands in what an encoding gives."""
    counted = Counter(_decoded(sample, name) or "")
    return Counter({one: many for one, many in counted.items() if not one.isascii()})


def _decoded(sample: bytes, name: str) -> str | None:
    """The text; None where a byte fits nowhere. What is cut off at the end is left out."""
    try:
        return codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return None
