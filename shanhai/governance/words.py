"""What a rule says, in English and Chinese: that it holds, what is wrong, and what would have to change."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

from shanhai.governance.findings import Finding, Rule

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_STRINGS = Path(__file__).parent / "strings"


def sentence(rule: Rule, finding: Finding | None, language: Language) -> str:
    """That the rule holds, or what it found; ends with a full stop."""
    strings = _read(language)
    if finding is None:
        return str(strings["holds"][rule])
    return str(strings["wrong"][finding.code]["says"]).format(**finding.values)


def change(finding: Finding, language: Language) -> str:
    """What would have to change; ends with a full stop."""
    return str(_read(language)["wrong"][finding.code]["change"]).format(**finding.values)


def title(rule: Rule, language: Language) -> str:
    """The name of a rule for people."""
    return str(_read(language)["rules"][rule])


@cache
def _read(language: Language) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load((_STRINGS / f"{language}.yml").read_text(encoding="utf-8"))
    return found
