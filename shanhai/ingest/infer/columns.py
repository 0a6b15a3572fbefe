"""What each column of a sample is: type, formats, words for missing, codes, and whether it is personal."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.looked import Looked, Texts
from shanhai.ingest.infer.meanings import guess_meaning
from shanhai.ingest.infer.sample import Sample
from shanhai.ingest.infer.signs import ALMOST_ALL, MISSING, MISSING_WORDS, WIDE
from shanhai.ingest.infer.types import guess_type


def guess_columns(sample: Sample, readings: Sequence[Reading], names: Sequence[str]) -> list[Guess]:
    """A guess for each column of a sample, in its order."""
    return [
        _guess(Looked(sample, reading, column), name)
        for column, reading, name in zip(sample.reader.columns, readings, names, strict=True)
    ]


def _guess(looked: Looked, name: str) -> Guess:
    sources = looked.sample.sources
    title = sources.titles[int(looked.column.name[1:])]
    looked, told = _in_half_width(looked)
    looked, words = _without_missing(looked)
    texts = looked.count()
    looked, guess = guess_type(looked, texts, words=words, told=told)
    guess = guess_meaning(looked, guess, texts)
    guess = _required(guess, looked.count() if guess.column.null_tokens else texts)
    shown = title.rpartition(".")[2] if sources.nested else title
    return guess.but(name=name, title=shown if not shown.startswith("#") else "")


def _in_half_width(looked: Looked) -> tuple[Looked, str]:
    """The column with full-width digits read as the usual ones, if more of them are numbers then."""
    many = looked.matching(f"regexp_matches(t, {quote_literal(WIDE)})")
    half = looked.but(full_width=True)
    for kind in ("integer", "number"):
        if many and half.but(type=kind).fits() > looked.but(type=kind).fits():
            return half, f"{many:,} values have full-width digits"
    return looked, ""


def _without_missing(looked: Looked) -> tuple[Looked, tuple[str, ...]]:
    """The column without what surely means missing, and the words in it that may mean so."""
    tokens = looked.present((*MISSING, *MISSING_WORDS))
    usual = tuple(word for word in tokens if word in MISSING)
    read = looked.but(null_tokens=usual) if usual else looked
    return read, tuple(word for word in tokens if word in MISSING_WORDS)


def _required(guess: Guess, texts: Texts) -> Guess:
    empty = texts.rows - texts.filled
    if not empty:
        return guess.but(required=True)
    told = f"{empty:,} of {texts.rows:,} sampled rows have no value"
    if texts.filled >= ALMOST_ALL * texts.rows:
        return guess.but(f"guess: required, though {told}", required=True)
    return guess.but(told)
