"""Whether a text that would name something in a draft tells of a person, wherever in it that stands."""

from __future__ import annotations

import re
import unicodedata

from shanhai.ingest.infer.signs import NAMES, RESIDENT, SHAPES

_WHOLE = tuple(re.compile(shape) for shape in (RESIDENT, *(shape for what, shape in SHAPES if what != NAMES)))
_WITHIN = re.compile(
    r"(?<![0-9])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9])"
    rf"|(?<![0-9]){RESIDENT}(?![0-9A-Za-z])"
    r"|[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}"
)
"""Phone and resident numbers and addresses of e-mail beside other words; names and plates are like words."""


def is_of_people(text: str) -> bool:
    """Whether a text is, or holds, what is known of a person; digits may be full-width."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return any(kind.fullmatch(plain) for kind in _WHOLE) or _WITHIN.search(plain) is not None
