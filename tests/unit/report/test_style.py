"""Colours keep their contrast, by day and by night (WCAG 2.2: 4.5 for text, 3 for marks)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import shanhai.report

STYLE = (Path(shanhai.report.__file__).parent / "templates" / "style.css").read_text()
DAY, NIGHT = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", half))
    for half in re.split(r"@media screen and \(prefers-color-scheme: dark\)|@media print", STYLE)[:2]
)
TEXT = [
    ("ink", "paper"),
    ("ink", "card"),
    ("ink", "faint"),
    ("soft", "paper"),
    ("soft", "card"),
    ("soft", "faint"),
    ("sea", "paper"),
    ("sea", "card"),
    ("sea", "faint"),
    ("good", "good-bg"),
    ("wait", "wait-bg"),
    ("bad", "bad-bg"),
    ("gone", "gone-bg"),
    ("good", "paper"),
    ("bad", "card"),
]
MARKS = ["loaded", "quarantined", "duplicates", "superseded", "withheld"]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(colours: dict[str, str], text: str, ground: str) -> None:
    assert _contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("colours", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("mark", MARKS)
def test_marks_can_be_seen(colours: dict[str, str], mark: str) -> None:
    limit = 2.5 if mark == "withheld" else 3
    assert _contrast(colours[mark], colours["card"]) >= limit
