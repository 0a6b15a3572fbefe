"""Headings against the contract: which position fills which column, what is missing or unknown.

A file that lost its headings has a record in their place, and what is said of headings goes into the ledger,
the report and notifications. So a text that the contract does not know is shown only where it cannot well be
data: see `shown` and `shown_unknown`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shanhai.contracts.model import Column, Contract
from shanhai.errors import ContractError, UnreadableError

_LONGEST_SHOWN = 40
_MANY_DIGITS = re.compile(r"\d{6}")


@dataclass(frozen=True)
class Placement:
    """Where the cells of a record go.

    Attributes:
        width: cells in a well-formed record.
        positions: per column of the contract the 0-based position of its cell; None: the heading is missing.
        missing, unknown: headings, as `Decoded` reports them.
    """

    width: int
    positions: tuple[int | None, ...]
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def takes_all(self) -> bool:
        """Whether every cell fills some column."""
        return len({position for position in self.positions if position is not None}) == self.width


def place(contract: Contract, headings: Sequence[str], body: str) -> Placement:
    """Match the headings of one body.

    Blanks around a heading do not count; an empty one is called `#<position>`.

    Raises:
        UnreadableError: a heading occurs twice, or two fill the same column, so that nobody can tell which
            one is meant.
    """
    named = [text.strip() or f"#{number}" for number, text in enumerate(headings, start=1)]
    twice = [name for name, times in Counter(named).items() if times > 1]
    filled = {source.strip(): column for column in contract.columns for source in column.sources}
    known = {*filled, *(text.strip() for text in contract.ignored)}
    twice += _filling_the_same(named, filled)
    if twice:
        raise UnreadableError(
            f"{body}: headings occur more than once",
            given=", ".join(shown_unknown(named, known, only=twice)),
            allowed="each heading once",
            hint="ask the source which column is meant",
        )
    where = {name: position for position, name in enumerate(named)}
    return Placement(
        width=len(named),
        positions=tuple(
            next((where[source.strip()] for source in column.sources if source.strip() in where), None)
            for column in contract.columns
        ),
        missing=tuple(
            dict.fromkeys(
                column.source
                for column in contract.columns
                if not any(source.strip() in where for source in column.sources)
            )
        ),
        unknown=shown_unknown(named, known, only=[name for name in named if name not in known]),
    )


def _filling_the_same(named: Sequence[str], filled: Mapping[str, Column]) -> list[str]:
    """Headings of which another one fills the same column: a source and its alias."""
    columns = Counter(filled[name].name for name in set(named) if name in filled)
    return [name for name in dict.fromkeys(named) if name in filled and columns[filled[name].name] > 1]


def shown(text: str, number: int) -> str:
    """A heading or key as people may see it: itself if it looks like one, else its place and its length.

    It looks like one if it has at most 40 printable characters, begins with a letter (of any script) or an
    underscore, and has no six digits in a row.

    Args:
        number: its place, from 1.
    """
    looks_like_one = (
        len(text) <= _LONGEST_SHOWN
        and text.isprintable()
        and (text[:1].isalpha() or text.startswith("_") or text == f"#{number}")
        and not _MANY_DIGITS.search(text)
    )
    return text if looks_like_one else _hidden(text, number)


def shown_unknown(named: Sequence[str], known: Collection[str], *, only: Collection[str]) -> tuple[str, ...]:
    """The headings in `only` as people may see them.

    Where not one heading is known, the file has probably lost them, and a name or an address looks like a
    heading: then only places and lengths are shown.

    Args:
        named: all headings of a body, in its order.
        known: those of the contract.
    """
    show = shown if any(name in known for name in named) else _hidden
    numbers = {name: number for number, name in reversed(list(enumerate(named, start=1)))}
    return tuple(name if name in known else show(name, numbers[name]) for name in only)


def _hidden(text: str, number: int) -> str:
    return f"#{number} ({len(text)} characters, not shown)"


def place_by_position(contract: Contract) -> Placement:
    """The cells of a body without headings: sources and ignored are positions, counted from 1, without a gap.

    Raises:
        ContractError: a source is no position, or some position is neither mapped nor ignored.
    """
    sources = [column.source for column in contract.columns]
    stated = [*sources, *contract.ignored]
    wrong = [text for text in stated if not (text.isascii() and text.isdigit() and int(text) > 0)]
    if wrong:
        raise ContractError(
            "without headings a source is a position",
            file=str(contract.path),
            given=", ".join(wrong),
            allowed="1, 2, 3 …",
        )
    taken = {int(text) for text in stated}
    gaps = sorted(set(range(1, max(taken) + 1)) - taken)
    if gaps:
        raise ContractError(
            "positions are neither mapped nor ignored",
            file=str(contract.path),
            given=", ".join(map(str, gaps)),
            allowed=f"all of 1 to {max(taken)}",
            hint="add them to `ignored`",
        )
    return Placement(width=max(taken), positions=tuple(int(text) - 1 for text in sources))
