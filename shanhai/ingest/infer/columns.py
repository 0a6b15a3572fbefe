"""What each column of a sample is: type, formats, words for missing, codes, and whether it is personal."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.asking import at_once
from shanhai.ingest.infer.bodies import Tell
from shanhai.ingest.infer.looked import COUNTS, Looked, Texts, among, ask_about, matching
from shanhai.ingest.infer.meanings import PEOPLE, guess_meaning
from shanhai.ingest.infer.sample import Sample
from shanhai.ingest.infer.signs import ALMOST_ALL, MISSING, MISSING_WORDS, WIDE
from shanhai.ingest.infer.types import DIGITS, FILLED, FOREIGN, TRUE_OR_FALSE, guess_type

_PROGRESS = "columns looked at"
_IS_WIDE = f"regexp_matches(t, {quote_literal(WIDE)})"
_MISSING = (*MISSING, *MISSING_WORDS)


def guess_columns(
    sample: Sample, readings: Sequence[Reading], names: Sequence[str], tell: Tell
) -> list[Guess]:
    """A guess for each column of a sample, in its order."""
    looks = [
        Looked(sample, reading, column)
        for column, reading in zip(sample.reader.columns, readings, strict=True)
    ]
    found: list[Guess] = []
    for part in at_once(len(looks), sample.rows):
        _ask_about(sample, looks[part.start : part.stop])
        for place in part:
            tell(_PROGRESS, place, len(looks))
            found.append(_guess(looks[place], names[place]))
    tell(_PROGRESS, len(looks), len(looks))
    return found


def _ask_about(sample: Sample, looks: Sequence[Looked]) -> None:
    """Ask of some columns together what is asked of nearly each: the answers are at hand then."""
    ask_about(sample, looks, [matching(_IS_WIDE), among(_MISSING)])
    read = [_without_missing(_in_half_width(one)[0])[0] for one in looks]
    conditions = [matching(one) for one in (FILLED, TRUE_OR_FALSE, DIGITS)]
    whole, number = (read[0].but(type=kind).value() for kind in ("integer", "number"))
    numbers = [f"{aggregate}({value})" for value in (whole, number) for aggregate in ("count", "min", "max")]
    ask_about(sample, read, [*COUNTS, *conditions, *numbers])
    others = [one for one in read if one.but(type="number").fits() < one.matching(FILLED)]
    ask_about(sample, others, [matching(one) for one in (*PEOPLE.values(), *FOREIGN.values())])


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
    many = looked.matching(_IS_WIDE)
    half = looked.but(full_width=True)
    for kind in ("integer", "number"):
        if many and half.but(type=kind).fits() > looked.but(type=kind).fits():
            return half, f"{many:,} values have full-width digits"
    return looked, ""


def _without_missing(looked: Looked) -> tuple[Looked, tuple[str, ...]]:
    """The column without what surely means missing, and the words in it that may mean so."""
    tokens = looked.present(_MISSING)
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
