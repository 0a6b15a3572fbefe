"""The words of the pages: one catalogue a language, and how numbers, shares and times are written."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import yaml
from markupsafe import Markup, escape

from shanhai.ingest.records import FindingRecord, ReasonRecord
from shanhai.quality.difference import Difference
from shanhai.report.statements import Statement

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

    def rich(self, key: str, **facts: object) -> Markup:
        """The words with links in them; what stands between backticks is typed, as on this page."""
        parts = enumerate(self.strings[key].split("`"))
        marked = (Markup("<code>{}</code>").format(one) if place % 2 else escape(one) for place, one in parts)
        return Markup("").join(marked).format(**facts)

    def named(self, family: str, value: object) -> str:
        """The word for a code, or the code itself when there is none for it."""
        return self.strings.get(f"{family}.{value}", str(value))

    def titled(self, statement: Statement) -> str:
        """What a statement counts."""
        kind, *about = statement.title
        return self.strings[f"how.{kind}"].format(*(self.named("dimension", one) for one in about))

    def reason(self, reason: ReasonRecord) -> str:
        """Why a delivery was held or refused; in English where there are no words for it yet."""
        key = f"why.{reason.code}"
        if key not in self.strings:
            return reason.text
        if reason.code == "implausible":
            return self(key, finding=self._finding(reason.args))
        if reason.code == "difference":
            return self(key, told=self._difference(reason.args))
        return self(key, **reason.args)

    def finding(self, finding: FindingRecord) -> str:
        """What about a delivery is not plausible."""
        return self._finding(
            {"name": finding.name, "given": finding.given, "allowed": finding.allowed} | finding.args
        )

    def difference(self, difference: Difference) -> str:
        """What a delivery differs in."""
        return self._difference({"code": difference.code, **difference.facts})

    def _difference(self, facts: Mapping[str, str]) -> str:
        if self.language != "en" and facts["code"].startswith("retyped_column."):
            # In English the page says what the books say, in the words of the contract.
            kind, space, formats = facts["allowed"].partition(" ")
            facts = {**facts, "allowed": self.named("type", kind) + space + formats}
        return self(f"difference.{facts['code']}", **facts)

    def _finding(self, facts: Mapping[str, str]) -> str:
        kind, _, column = facts["name"].partition(".")
        if kind == "fill":
            facts = {**facts, **_shares(facts)}
        exact = f"finding.{facts['name']}"
        if exact in self.strings and (exact != "finding.rows.vs_median" or "median" in facts):
            return self(exact, **facts)
        return self.strings.get(f"finding.{kind}", self.strings["finding.other"]).format(
            column=column, **facts
        )

    @property
    def html_lang(self) -> str:
        return HTML_LANG[self.language]


def _shares(facts: Mapping[str, str]) -> dict[str, str]:
    """How full a column is and must be, in per cent; as they are where they are no numbers."""
    try:
        least = float(facts["allowed"].removeprefix(">= "))
        return {"given": share(float(facts["given"])), "allowed": f"≥ {limit(least)}"}
    except ValueError:
        return {}


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


def signed(value: int) -> str:
    """A difference with its sign: +3, −1,200, 0."""
    return f"{value:+,}".replace("-", "−") if value else "0"


def share(value: float) -> str:
    """A share of 0 to 1 in per cent with two decimals; 0 and 100 only where it is exactly that."""
    per_cent = value * 100
    if 0 < per_cent < 0.01:
        return "<0.01%"
    if 99.99 < per_cent < 100:
        return ">99.99%"
    return f"{per_cent:.2f}%"


def limit(value: float) -> str:
    """A limit of 0 to 1 as a person states it: 5%, 0.5%."""
    return f"{value * 100:.6g}%"


def moment(value: datetime) -> str:
    """A moment in the districts' time, to the minute, with its offset from UTC."""
    return f"{value.astimezone(ZONE):%Y-%m-%d %H:%M} UTC+8"


def spelled(name: str) -> str:
    """A name of the code as English words: `water_meters` is Water meters."""
    return name.replace("_", " ").capitalize()
