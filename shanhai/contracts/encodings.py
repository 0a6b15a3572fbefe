"""In which encodings some bytes may be text, the likelier first."""

from __future__ import annotations

import codecs

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


def likely_encodings(sample: bytes) -> tuple[str, ...]:
    """Encodings that read a sample without a fault, as Python calls them, the likelier first.

    A mark decides. Without one: UTF-8 if it is valid, since text of another encoding hardly ever is; UTF-16
    by its zeros; GB 18030 or Big5 if nearly all of what it gives beyond ASCII are characters in usual use
    (GB 2312 level, or any of Big5); Windows-1252 last, which reads nearly everything.

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
    found = [
        name for name, among in (("gb18030", "gb2312"), ("big5", "big5")) if _is_usual(sample, name, among)
    ]
    return (*found, _LATIN) if _decoded(sample, _LATIN) is not None else tuple(found)


def _wide(sample: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark, told by its zeros, which stand at every other place if anywhere."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < _LEAST_ZEROS * len(sample) or min(even, odd) * 10 > max(even, odd):
        return ()
    return ("utf-16-le",) if odd > even else ("utf-16-be",)


def _is_usual(sample: bytes, name: str, among: str) -> bool:
    text = _decoded(sample, name)
    beyond = [character for character in text or "" if not character.isascii()]
    usual = sum(bool(character.encode(among, "ignore")) for character in beyond)
    return bool(beyond) and usual >= _USUAL * len(beyond)


def _decoded(sample: bytes, name: str) -> str | None:
    """The text; None where a byte fits nowhere. What is cut off at the end is left out."""
    try:
        return codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return None
