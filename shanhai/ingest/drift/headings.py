"""Headings that are new, gone, or another name for a column of the contract."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shanhai.contracts.model import Column
from shanhai.contracts.proposals import DropColumn, RenameSource, TakeColumn
from shanhai.ingest.drift.look import Look
from shanhai.ingest.drift.trial import Trial, sample_of
from shanhai.quality.difference import Difference, differs
from shanhai.quality.rules import rules_for

_ALIKE = 0.6
_FITS = 0.95
_MOST_TRIED = 60
_NOT_SHOWN = re.compile(r"#\d+ \(\d+ characters, not shown\)")


@dataclass(frozen=True)
class _Pair:
    """A heading that is gone, and a new one that may stand for it."""

    column: Column
    heading: str
    likeness: float
    given: int
    fit: int
    tells: bool

    @property
    def weight(self) -> float:
        """How much speaks for it, 0 to 2; 0: not enough."""
        if self.given and self.fit < _FITS * self.given:
            return 0.0
        fits = 1.0 if self.tells and self.given else 0.0
        return self.likeness + fits if self.likeness >= _ALIKE or fits else 0.0


def heading_differences(look: Look) -> tuple[Difference, ...]:
    """What the headings of a delivery differ in; nothing where none is gone and none is new."""
    gone = [column for column in look.contract.columns if column.source in look.staging.missing]
    new = [heading for heading in look.staging.unknown if heading not in look.contract.ignored]
    if not gone and not new:
        return ()
    renamed = _renamed(look, gone, [heading for heading in new if not _NOT_SHOWN.fullmatch(heading)])
    found = [_told(pair) for pair in renamed.values()]
    taken = {pair.heading for pair in renamed.values()}
    found += [
        differs(
            "vanished_column",
            columns=(column.name,),
            allowed=column.source,
            proposal=DropColumn(column=column.name),
        )
        for column in gone
        if column.name not in renamed
    ]
    return (*found, *(_new(heading) for heading in new if heading not in taken))


def _new(heading: str) -> Difference:
    proposal = None if _NOT_SHOWN.fullmatch(heading) else TakeColumn(heading=heading)
    return differs("new_column", headings=(heading,), given=heading, proposal=proposal)


def _told(pair: _Pair) -> Difference:
    column = pair.column
    is_same = _plain(pair.heading) == _plain(column.source)
    by_values = pair.tells and pair.given > 0 and not is_same
    return differs(
        "renamed_column",
        "case" if is_same else "" if by_values else "by_name",
        columns=(column.name,),
        headings=(pair.heading,),
        given=pair.heading,
        allowed=column.source,
        rows=pair.fit if by_values else None,
        of_rows=pair.given if by_values else None,
        certainty="seen" if is_same else "guess",
        proposal=RenameSource(column=column.name, source=pair.heading),
    )


def _renamed(look: Look, gone: list[Column], new: list[str]) -> Mapping[str, _Pair]:
    """By column, the new heading that most speaks for; each heading stands for one source."""
    pairs = [pair for pair in _pairs(look, gone, new) if pair.weight]
    pairs.sort(key=lambda pair: -pair.weight)
    chosen: dict[str, _Pair] = {}
    for pair in pairs:
        rivals = [
            other
            for other in pairs
            if other.column == pair.column and other != pair and other.weight == pair.weight
        ]
        taken = {known.heading for known in chosen.values() if known.column.source != pair.column.source}
        if pair.column.name not in chosen and pair.heading not in taken and not rivals:
            chosen[pair.column.name] = pair
    return chosen


def _pairs(look: Look, gone: list[Column], new: list[str]) -> Iterator[_Pair]:
    tried = [(column, heading) for column in gone for heading in new][:_MOST_TRIED]
    trial = _trial(look, tried) if tried else None
    telling = {rule.column for rule in rules_for(look.contract) if rule.kind not in ("required", "length")}
    for number, (column, heading) in enumerate(tried):
        name = f"t{number}"
        yield _Pair(
            column,
            heading,
            difflib.SequenceMatcher(None, _plain(column.source), _plain(heading)).ratio(),
            trial.given[name] if trial else 0,
            trial.fit[name] if trial else 0,
            column.name in telling,
        )


def _trial(look: Look, tried: list[tuple[Column, str]]) -> Trial | None:
    """Every column that is gone, read from every heading that is new, at once."""
    columns = tuple(
        column.model_copy(update={"name": f"t{number}", "source": heading, "required": False})
        for number, (column, heading) in enumerate(tried)
    )
    contract = look.contract.model_copy(
        update={"columns": columns, "key": (), "queries": (), "ignored": tuple(look.sources)}
    )
    for body in look.bodies:
        trial = sample_of(look, body, contract)
        if trial is not None and not trial.missing:
            return trial
    return None


def _plain(heading: str) -> str:
    """A heading without case, blanks and punctuation."""
    return "".join(character for character in heading.casefold() if character.isalnum())
