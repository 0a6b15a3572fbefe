"""Each alert has a runbook, whose first words say whether to clear, to run, or neither."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from shanhai.notify import Event

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
ANSWERS = ("**Neither", "**Nothing", "**Clear", "**A run", "**Run again")


def _section(file: str, heading: str) -> str:
    text = (GUIDE / file).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]


def test_each_event_that_is_told_has_a_runbook():
    """`notify` takes these alone: the type checker refuses another one."""
    told = set(
        re.findall(
            r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", _section("operate.md", "Notifications"), re.M))
        )
    )
    text = (GUIDE / "runbooks.md").read_text(encoding="utf-8")
    assert told - {"event"} == {*get_args(Event)}
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) - {"event"} == {*get_args(Event)}


def test_each_runbook_begins_with_what_to_do():
    sections = (GUIDE / "runbooks.md").read_text(encoding="utf-8").split("\n## ")[1:]
    heads = {part.splitlines()[0]: part.split("\n\n", 1)[1] for part in sections}
    assert len(heads) > 15
    assert {head for head, text in heads.items() if not text.startswith(ANSWERS)} == set()
