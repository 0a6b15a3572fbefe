"""What the values of a column are about: people, identifiers, measures."""

from __future__ import annotations

from collections.abc import Iterator

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.model import Validator
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.infer.code_lists import guess_codes
from shanhai.ingest.infer.looked import Looked, Texts
from shanhai.ingest.infer.signs import FEWEST_PEOPLE, IDENTIFIERS, MOSTLY, NAMES, SHAPES
from shanhai.quality.identifiers import (
    REGISTER_TABLE,
    area_code,
    gb28181_id,
    resident_id,
    social_credit_code,
)

PEOPLE = {what: f"regexp_full_match(t, {quote_literal(shape)})" for what, shape in SHAPES}
"""What of people a text `t` can look like → SQL of whether it does."""
_LENGTHS = {"resident_id": 18, "social_credit_code": 18, "gb28181_id": 20, "area_code": 0}
"""The shortest that the longest text is, where texts are such identifiers; areas have codes of any."""
_PHONE_DIGITS = 11
_REGISTERED = ("gb28181_id", "area_code")
"""Those that are looked up in the register of areas."""


def guess_meaning(looked: Looked, guess: Guess, texts: Texts) -> Guess:
    """The guess of a type, with what its values mean: validators, codes, a unit, or people."""
    if guess.column.type in ("integer", "number"):
        what = _people(looked, texts) if texts.longest >= _PHONE_DIGITS else ""
        return _private(guess, what) if what else _measured(looked, guess)
    if guess.column.type != "string" or not texts.filled:
        return _private(guess) if looked.reading.is_personal else guess
    for validator, many in _validated(looked, texts):
        told = f"guess: {many:,} of {texts.filled:,} sampled values pass {validator}"
        guess = guess.but(told, validators=(validator,))
        return _private(guess, "resident ids") if validator == "resident_id" else guess
    if looked.reading.is_personal:
        return _private(guess)
    what = _people(looked, texts)
    return _private(guess, what) if what else guess_codes(looked, guess, texts)


def _people(looked: Looked, texts: Texts) -> str:
    """What of people the values look like; empty: like nothing that is known."""
    for what, is_shaped in PEOPLE.items():
        if what == NAMES and texts.distinct < FEWEST_PEOPLE:
            continue  # two words that begin as names do: codes
        if looked.matching(is_shaped) >= MOSTLY * texts.filled:
            return what
    return ""


def _validated(looked: Looked, texts: Texts) -> Iterator[tuple[Validator, int]]:
    tests: dict[Validator, str] = {
        "resident_id": resident_id("t"),
        "social_credit_code": social_credit_code("t"),
        "gb28181_id": gb28181_id("t"),
        "area_code": f"(length(t) IN (6, 9, 12) AND {area_code('t')})",
    }
    for validator, test in tests.items():
        if texts.longest < _LENGTHS[validator]:
            continue
        if validator in _REGISTERED and not _has_register(looked):
            continue
        many = looked.matching(test)
        if many >= IDENTIFIERS * texts.filled:
            yield validator, many


def _has_register(looked: Looked) -> bool:
    found = looked.sample.con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REGISTER_TABLE]
    ).fetchone()
    return bool(found and found[0])


def _private(guess: Guess, what: str = "") -> Guess:
    told = f"guess: looks like {what}" if what else "guess: its heading speaks of people"
    return guess.but(f"{told}, so that it is personal", personal=True, classification="important")


def _measured(looked: Looked, guess: Guess) -> Guess:
    unit = looked.reading.unit
    if looked.reading.axis is not None:
        return guess
    if looked.reading.is_personal:
        guess = _private(guess)
    else:
        low, high = looked.ask(f"min({looked.value()})", f"max({looked.value()})")
        guess = guess.but(f"range seen: logicalTypeOptions: {{minimum: {low:.12g}, maximum: {high:.12g}}}")
    return guess.but(f"guess: the heading names the unit {unit}", unit=unit) if unit else guess
