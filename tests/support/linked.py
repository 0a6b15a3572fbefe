"""Finds the numbers on a page of the report that nobody could count again: no way leads to their SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

NO_FIGURES = (
    ("head", "names the page"),
    ("pre", "is SQL or a command"),
    ("code", "is a name or a command"),
    (".how", "has the statements themselves"),
    (".hash", "is a digest, by which bytes are checked"),
    (".mono", "is the name of a dataset or a delivery"),
    (".name", "is the name of a partition, a file, a version or a publication"),
    (".promised", "is what the contract states, named with its version and digest"),
    ("[lang]", "is what districts or people wrote"),
    ("time", "is when the report was made"),
    ("footer", "names the versions that were read"),
    (".unit", "is a unit"),
)
"""What is exempt, and why."""
STANDARDS = re.compile(
    r"GB/T [\d-]+|SHA-256|sha256|UTC\+8|\bS\d+\b|\b\d{4}-\d\d-\d\d( \d\d:\d\d)?\b|\bUTF-(8|16)\b"
)
"""Names and moments, which nobody counts."""
_BLOCKS = frozenset(
    ("p", "li", "td", "th", "dd", "dt", "figure", "h1", "h2", "h3", "summary", "caption", "title")
)
_VOID = frozenset(("meta", "link", "line", "path", "rect", "br", "circle", "input"))


@dataclass
class _Element:
    """One open element: whether it is exempt, whether it links to a statement, and its numbers."""

    tag: str
    exempt: bool
    linked: bool = False
    numbers: list[str] = field(default_factory=list)


@dataclass
class _Reader(HTMLParser):
    """Walks a page; a block with numbers and without a link to a statement is kept."""

    open: list[_Element] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        self._statement(tag, facts)
        if tag in _VOID:
            return
        inherited = bool(self.open) and self.open[-1].exempt
        self.open.append(_Element(tag, inherited or self._exempt(tag, facts)))
        for name in ("title", "aria-label"):
            self.handle_data(facts.get(name, ""))

    def _statement(self, tag: str, facts: dict[str, str]) -> None:
        if tag == "a" and re.search(r"#S\d+$", facts.get("href", "")):
            for element in reversed(self.open):
                element.linked = True
                if element.tag in _BLOCKS:
                    break

    def _exempt(self, tag: str, facts: dict[str, str]) -> bool:
        marks = {tag, *(f".{name}" for name in facts.get("class", "").split())}
        quoted = "lang" in facts and tag == "span"
        page = tag == "a" and re.search(r"(deliveries|datasets|marts)/", facts.get("href", ""))
        return bool(marks & {name for name, _ in NO_FIGURES}) or quoted or bool(page) or "data-f" in facts

    def handle_data(self, data: str) -> None:
        if self.open and not self.open[-1].exempt and re.search(r"\d", STANDARDS.sub("", data)):
            self.open[-1].numbers.append(" ".join(data.split()))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        element = self.open.pop()
        if element.linked or not element.numbers:
            if element.tag not in _BLOCKS and self.open:
                self.open[-1].linked |= element.linked
            return
        if element.tag in _BLOCKS and not (element.tag == "title" and self._in("svg")):
            self.found += element.numbers
        elif self.open:
            self.open[-1].numbers += element.numbers

    def _in(self, tag: str) -> bool:
        return any(element.tag == tag for element in self.open)


def unlinked(html: str) -> list[str]:
    """The numbers of a page that stand in no block with a link to a statement."""
    reader = _Reader()
    reader.feed(html)
    return reader.found
