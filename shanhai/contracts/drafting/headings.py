"""What a heading says by itself: a name for the column, a unit, an axis, and whether it tells of a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from shanhai.contracts.drafting.glossary import AXES, PERSONAL, PERSONAL_WORDS, WORDS
from shanhai.contracts.drafting.units import read_unit, unit_at_the_end

_BRACKETS = re.compile(r"[(\[]([^()\[\]]*(?:\([^()]*\))?)[)\]]\s*$")
_ONE_FORM = str.maketrans("【〔〖{】〕〗}", "(" * 4 + ")" * 4)
"""Brackets that NFKC leaves as they are."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^0-9A-Za-z]+")
_LONGEST_WORD = max(map(len, WORDS))
_LONGEST_NAME = 60
_RESERVED = ("rowid", "file_row_number", "filename")


@dataclass(frozen=True)
class Reading:
    """What one heading says.

    Attributes:
        name: for the column, by the grammar of names; None: no word of it is known.
        words: of the heading, in small letters.
        unit: as a contract spells it.
        axis: `longitude` or `latitude`.
    """

    name: str | None
    words: tuple[str, ...]
    unit: str | None
    axis: str | None
    is_personal: bool


def read_heading(heading: str, *, nested: bool = False) -> Reading:
    """What a heading says.

    Args:
        nested: it is a dotted path in a JSON record, whose last part counts.
    """
    leaf = heading.rpartition(".")[2] if nested else heading
    # Full-width letters, digits and brackets mean what the usual ones do; 亮度（ｌｕｘ） is 亮度(lux).
    leaf = unicodedata.normalize("NFKC", leaf).translate(_ONE_FORM)
    bracket = _BRACKETS.search(leaf)
    bare = leaf[: bracket.start()].rstrip("/ ") if bracket else leaf
    words = _words(bare)
    unit = read_unit(bracket[1]) if bracket else None
    if unit is None and not _HAN.search(bare):
        unit = unit_at_the_end(words)
    axis = AXES.get(words[-1]) if words else None
    latin = {*words, "".join(words)} if not _HAN.search(bare) else set()
    personal = any(part in bare for part in PERSONAL) or bool(PERSONAL_WORDS & latin)
    return Reading(_name(words), tuple(words), unit, axis, personal)


def unique_names(wanted: Iterable[str]) -> list[str]:
    """A name for each column, every one once."""
    names: list[str] = []
    for name in wanted:
        if name in _RESERVED or name.endswith("__value"):
            name = f"source_{name.removesuffix('__value')}"
        candidate, again = name, 2
        while candidate in names:
            # The last word tells an axis and a kind, so that the number goes before it.
            first, _, last = name.rpartition("_")
            candidate = f"{first}_{again}_{last}" if first else f"{last}_{again}"
            candidate = f"other_{again}_{last}" if not first and last in AXES else candidate
            again += 1
        names.append(candidate)
    return names


def _words(text: str) -> list[str]:
    if not _HAN.search(text):
        spaced = _CAMEL.sub(" ", text)
        return [word.lower() for word in _NO_WORD.split(spaced) if word]
    words: list[str] = []
    position = 0
    while position < len(text):
        for length in range(min(_LONGEST_WORD, len(text) - position), 0, -1):
            word = WORDS.get(text[position : position + length])
            if word is not None:
                words += word.split("_") if word else []
                position += length
                break
        else:
            latin = re.match(r"[A-Za-z0-9]+", text[position:])
            words.append(latin.group().lower() if latin else "")
            position += len(latin.group()) if latin else 1
    return words


def _name(words: list[str]) -> str | None:
    """The words from the last unknown one on; None: the last is unknown itself."""
    known = words[len(words) - words[::-1].index("") :] if "" in words else words
    known = [AXES.get(word, word) if word == words[-1] else word for word in known]
    name = re.sub(r"_+", "_", "_".join(dict.fromkeys(known)))[:_LONGEST_NAME].strip("_")
    if name and not name[0].isalpha():
        name = f"n_{name}"
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else None
