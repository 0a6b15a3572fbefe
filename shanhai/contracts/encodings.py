"""In which encodings some bytes may be text, the likelier first, and whether they tell for sure."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Mapping, Sequence

from shanhai.contracts.characters import is_unusual, surprise

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_LEAST_ZEROS = 0.02
_HANDICAPS: Mapping[str, float] = {"utf-8": 0.0, "gb18030": 3.0, "cp1252": 5.0, "big5": 7.0}
"""Encodings without a mark → bits by which what they give has to be more usual: how rare they are here."""
BY_USAGE = tuple(_HANDICAPS)
"""Encodings without a mark, told apart by how usual the characters are that they give."""
_HARDLY_LESS, _HARDLY_LESS_THAN_UTF8 = 20.0, 8.0
"""So many bits between two readings do not tell them apart: two or three characters, or one of UTF-8, which
is valid by luck less often."""
_APART = re.compile(rb"[\x00-\x2f:;<=>?]+")
"""Between texts; no byte of it is the second of a character, in any of the encodings."""
_TEXTS = 20_000
_THREE_BYTES = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2}")
_SURELY = 8
_CALLED = {"utf-8": "UTF-8", "gb18030": "GB 18030", "cp1252": "Windows-1252", "big5": "Big5"}


def likely_encodings(sample: bytes) -> tuple[str, ...]:
    """Encodings that read a sample without a fault, as Python calls them, the likelier first.

    A mark decides. Without one: UTF-16 by its zeros; UTF-8 if it is valid, since text of another encoding
    hardly ever is; of GB 18030, Windows-1252 and Big5 first the one that gives the more usual characters.

    Args:
        sample: the beginning of a body; a character may be cut off at its end.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return (name,)
    if sample.isascii() and b"\0" not in sample:
        return ("utf-8",)
    if wide := [name for name in _wide(sample) if _has_lines(sample, name)]:
        return tuple(wide)
    if _is_surely_utf8(sample):
        return ("utf-8",)
    able = [name for name in BY_USAGE if _decoded(sample, name) is not None]
    return tuple(name for name, _ in _ranked(texts_beyond_ascii(sample), able))


def likeliest(texts: Sequence[bytes], able: Sequence[str]) -> str:
    """Of some encodings without a mark the one in which texts are the most usual; each fault counts.

    Args:
        texts: as `texts_beyond_ascii` gives them.
        able: one at least.
    """
    return _ranked(texts, able)[0][0]


def doubt_about(texts: Sequence[bytes], able: Sequence[str]) -> str:
    """Why texts do not tell for sure which of some encodings they are in; empty: they do."""
    ranked = _ranked(texts, able)
    if not texts or not ranked:
        return ""
    best, bits = ranked[0]
    least = _HARDLY_LESS_THAN_UTF8 if best == "utf-8" else _HARDLY_LESS
    for rival, more in ranked[1:]:
        if more - bits < least:
            return f"{_CALLED[best]} and {_CALLED[rival]} read it nearly alike"
    if is_unusual([_decoded(text, best, final=True) for text in texts], best):
        return f"{_CALLED[best]} reads it, but as characters that hardly any text has"
    return ""


def is_doubtful(sample: bytes) -> bool:
    """Whether a sample does not tell for sure in which of its likely encodings it is."""
    likely = [name for name in likely_encodings(sample) if name in BY_USAGE]
    return len(likely) > 1 and bool(doubt_about(texts_beyond_ascii(sample), likely))


def texts_beyond_ascii(sample: bytes) -> list[bytes]:
    """The different texts of a sample that have more than ASCII: one that comes again tells nothing more."""
    *texts, last = _APART.split(sample)
    found = dict.fromkeys(text for text in texts if not text.isascii())
    if not found and not last.isascii():
        return [last]  # elsewhere the last is left out: it may be cut off
    return list(itertools.islice(found, _TEXTS))


def _ranked(texts: Sequence[bytes], able: Sequence[str]) -> list[tuple[str, float]]:
    """The encodings with the bits that each takes, the likelier first."""
    whole = len(texts) > 1  # a single one may be cut off
    bits = {
        name: _HANDICAPS[name] + surprise([_decoded(text, name, final=whole) for text in texts], name)
        for name in able
    }
    return sorted(bits.items(), key=lambda one: one[1])


def _is_surely_utf8(sample: bytes) -> bool:
    """Whether it is valid, and has a character of three bytes or many of two, which is no luck then."""
    text = _decoded(sample, "utf-8")
    return text is not None and (
        _THREE_BYTES.search(sample) is not None or len(text) - sum(map(str.isascii, text)) >= _SURELY
    )


def _wide(sample: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark, told by its zeros, which stand at every other place if anywhere."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < _LEAST_ZEROS * len(sample) or min(even, odd) * 10 > max(even, odd):
        return ()
    return ("utf-16-le",) if odd > even else ("utf-16-be",)


def _has_lines(sample: bytes, name: str) -> bool:
    """Whether it is read, and the ends of its lines are some still: else zeros stand in it by themselves."""
    text = _decoded(sample, name)
    return text is not None and ("\n" in text or "\r" in text or not re.search(rb"[\r\n]", sample))


def _decoded(sample: bytes, name: str, *, final: bool = False) -> str | None:
    """The text; None where a byte fits nowhere. What is cut off at the end is left out, unless `final`."""
    try:
        return codecs.getincrementaldecoder(name)().decode(sample, final)
    except UnicodeDecodeError:
        return None
