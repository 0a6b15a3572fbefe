"""Both languages say everything, and nothing is said that no page uses."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

import shanhai.report
from shanhai.contracts.kinds import DIMENSIONS, Kind
from shanhai.ingest.books import Kind as EntryKind
from shanhai.ingest.decode.decoded import REASONS
from shanhai.ingest.records import FindingRecord, State
from shanhai.quality import scorecard
from shanhai.quality.sentences import FORMS
from shanhai.report.words import LANGUAGES, moment, number, share, spoken, words

ROOT = Path(shanhai.report.__file__).parent
TEMPLATES = "".join(file.read_text() for file in sorted((ROOT / "templates").glob("*.j2")))
CODE = "".join(file.read_text() for file in sorted(ROOT.glob("*.py")))
SAID = re.compile(r"""\b(?:t|other|zh|en|language)(?:\.rich)?\(\s*["']([a-z_.]+)["']""")
CODED = re.compile(r"""f["'](why|finding|difference|how)\.\{""")
NAMED = re.compile(r"""\bnamed\(\s*["']([a-z_]+)["']""")


def _used() -> tuple[set[str], set[str]]:
    """Keys that stand in the sources, and the families `x.` whose last part is a code."""
    said = set(SAID.findall(TEMPLATES + CODE))
    families = {key for key in said if key.endswith(".")} | {f"{name}." for name in NAMED.findall(TEMPLATES)}
    families |= {f"{name}." for name in CODED.findall(CODE)}
    return {key for key in said if not key.endswith(".")}, families


def test_languages_have_the_same_keys() -> None:
    first, *others = (set(words(language).strings) for language in LANGUAGES)
    for other in others:
        assert first == other


def test_languages_ask_for_the_same_facts() -> None:
    def facts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    zh, en = (words(language).strings for language in LANGUAGES)
    assert {key: facts(text) for key, text in zh.items()} == {key: facts(text) for key, text in en.items()}


def test_every_key_is_used_and_every_used_key_exists() -> None:
    said, families = _used()
    known = set(words("en").strings)
    assert said <= known
    assert {key for key in known - said if not key.startswith(tuple(families))} == set()
    assert {family for family in families if not any(key.startswith(family) for key in known)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("family", "codes"),
    [
        ("verdict", get_args(State)),
        ("entry", get_args(EntryKind)),
        ("rule", (*get_args(Kind), *REASONS)),
        ("dimension", (*DIMENSIONS.values(), *scorecard.DIMENSIONS)),
        ("indicator", tuple(scorecard.INDICATORS)),
        ("a", tuple(scorecard.INDICATORS)),
        ("b", tuple(scorecard.INDICATORS)),
        ("difference", tuple(FORMS)),
    ],
)
def test_every_code_has_its_word(language: str, family: str, codes: tuple[str, ...]) -> None:
    assert {code for code in codes if f"{family}.{code}" not in words(language).strings} == set()


def test_the_report_says_in_english_what_the_books_say() -> None:
    strings = words("en").strings
    assert {code: strings[f"difference.{code}"] for code in FORMS} == dict(FORMS)


def test_chinese_is_chinese() -> None:
    for key, text in words("zh").strings.items():
        assert re.search(r"[\u4e00-\u9fff（]", text), key


def test_a_code_without_a_word_stands_for_itself() -> None:
    assert words("en").named("rule", "brand_new") == "brand_new"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00%"),
        (1, "100.00%"),
        (0.5, "50.00%"),
        (0.12345, "12.35%"),
        (0.00001, "<0.01%"),
        (0.99999, ">99.99%"),
        (0.007, "0.70%"),
    ],
)
def test_share_never_hides_a_row(value: float, text: str) -> None:
    assert share(value) == text


def test_numbers_and_moments() -> None:
    assert number(1234567) == "1,234,567"
    assert moment(datetime(2024, 2, 29, 18, 5, tzinfo=UTC)) == "2024-03-01 02:05 UTC+8"


def test_words_of_others_carry_their_language_and_are_escaped() -> None:
    assert spoken("龙游<b>") == '<span lang="zh-Hans-CN">龙游&lt;b&gt;</span>'
    assert spoken("noise") == '<span lang="en">noise</span>'


def test_how_full_a_column_is_is_told_in_per_cent() -> None:
    found = FindingRecord(name="fill.holder", given="0.4000", allowed=">= 0.9", reason="")
    assert words("en").finding(found) == "holder is filled in 40.00% of the rows, expected ≥ 90%"
    assert "40.00%" in words("zh").finding(found)
