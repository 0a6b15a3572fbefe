"""Texts that are a list of codes, or all of one shape."""

from __future__ import annotations

import itertools
import re

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.looked import Looked, Texts
from shanhai.ingest.infer.signs import (
    CODE_LENGTH,
    FREE,
    ISSUED,
    MOST_CODES,
    RARE_CODES,
    ROWS_PER_CODE,
    WIDE,
)

_SHAPED_TEXTS = 2000


def guess_codes(looked: Looked, guess: Guess, texts: Texts) -> Guess:
    """The guess of a text, with its codes where few texts stand in many rows, else with its shape."""
    if (
        not 1 < texts.distinct <= MOST_CODES
        or texts.longest > CODE_LENGTH
        or texts.filled < ROWS_PER_CODE * texts.distinct
        or FREE & looked.words
    ):
        return _shaped(looked, guess, texts)
    counted = looked.counted()
    if _tells_bodies_apart(looked, len(counted)):
        return guess
    if sum(len(re.findall("[0-9]", code)) > 1 for code in counted) > len(counted) / 2:
        return _shaped(looked, guess, texts)  # names of things that are numbered
    codes = tuple(code for code, many in counted.items() if many >= RARE_CODES * texts.filled)
    codes = codes if len(codes) > 1 else tuple(counted)
    rare = [f"{code} ({many:,})" for code, many in counted.items() if code not in codes]
    told = f"; so rare that they are left out: {', '.join(rare)}" if rare else ""
    return guess.but(f"guess: the sampled values are a list of {len(codes)} codes{told}", codes=codes)


def _tells_bodies_apart(looked: Looked, distinct: int) -> bool:
    """Whether each body has one value throughout, so that the other bodies have others."""
    bodies, pairs = looked.one(f"count(DISTINCT _body), count(DISTINCT (_body, {looked.text()}))")
    return 1 < int(bodies) == int(pairs) and distinct > 1


def _shaped(looked: Looked, guess: Guess, texts: Texts) -> Guess:
    """A pattern as a comment: whether later values keep to it, a sample does not tell."""
    issued = bool(ISSUED & looked.words)
    digits = looked.matching(f"regexp_matches(t, {quote_literal(WIDE)})")
    if digits and issued:
        told = f"guess: {digits:,} values have full-width digits, read as half-width"
        guess = guess.but(told, full_width=True)
    if texts.distinct < 5 or not issued or texts.wide:
        return guess
    pattern = _pattern(looked.some(f"LIMIT {_SHAPED_TEXTS}"))
    return guess.but(f"shape seen: logicalTypeOptions: {{pattern: '{pattern}'}}") if pattern else guess


def _pattern(texts: list[str]) -> str:
    """Of texts that differ in letters and digits alone, with the letters that all begin by; else empty."""
    shapes = {re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "9", text)) for text in texts}
    if len(shapes) != 1:
        return ""
    alike = itertools.takewhile(lambda two: two[0] == two[1], zip(min(texts), max(texts), strict=True))
    letters = re.match(r"[A-Za-z]*", "".join(one for one, _ in alike))
    fixed = letters.group() if letters else ""
    rest = re.sub(r"9+", lambda run: rf"\d{{{len(run.group())}}}", shapes.pop()[len(fixed) :])
    rest = re.sub(r"A+", lambda run: rf"[A-Z]{{{len(run.group())}}}", rest)
    return f"^{fixed}{rest}$"
