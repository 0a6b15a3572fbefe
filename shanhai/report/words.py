"""The words of the pages: one catalogue a language, and how numbers, shares and times are written."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import yaml
from markupsafe import Markup

LANGUAGES = ("zh", "en")
HTML_LANG = {"zh": "zh-Hans-CN", "en": "en"}
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Words:
    """One language. Called with a key it gives the words; an unknown key is a mistake of ours."""

    language: str
    strings: Mapping[str, str]

    def __call__(self, key: str, **facts: object) -> str:
        return self.strings[key].format(**facts)

    def named(self, family: str, value: object) -> str:
        """The word for a code, or the code itself when there is none for it."""
        return self.strings.get(f"{family}.{value}", str(value))

    @property
    def html_lang(self) -> str:
        return HTML_LANG[self.language]


@functools.cache
def words(language: str) -> Words:
    """The catalogue of one of `LANGUAGES`."""
    file = importlib.resources.files("shanhai.report") / "strings" / f"{language}.yml"
    return Words(language, yaml.safe_load(file.read_text(encoding="utf-8")))


def spoken(text: str) -> Markup:
    """Text that comes from the districts or from people, marked with the language that it is in."""
    language = "zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en"
    return Markup('<span lang="{}">{}</span>').format(HTML_LANG[language], text)


def number(value: int) -> str:
    """Digits in groups of three."""
    return f"{value:,}"


def share(value: float) -> str:
    """A share of 0 to 1 in per cent, never rounded to 0 or 100 unless it is exactly that."""
    per_cent = value * 100
    if 0 < per_cent < 0.01:
        return "<0.01%"
    if 99.99 < per_cent < 100:
        return ">99.99%"
    return f"{per_cent:.2f}".rstrip("0").rstrip(".") + "%"


def moment(value: datetime) -> str:
    """A moment in the districts' time, to the minute."""
    return value.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
