"""Whether a delivery as a whole can be true: its rows, its fill and its freshness against what is usual."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shanhai.contracts.incremental import cursor_column
from shanhai.contracts.model import MOST_HOURS, Contract
from shanhai.contracts.refusals import WrongValueError, refusal
from shanhai.contracts.yamlfile import YamlFile, read_yaml
from shanhai.errors import ContractError

MINIMUM_HISTORY = 2
"""Accepted deliveries needed before the number of rows is compared with their median."""


class _Stated(BaseModel):
    """What every rule says about itself: why it is there, and from which day on it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reason: str = Field(min_length=1)
    since: date


class RowsRule(_Stated):
    """How many rows a delivery has. Without a file: at least one, 0.3 to 3 times the median.

    Without a file, and once the median is 20 rows, 0.6 to 1.8 times: half a delivery, or a double one, is
    none of usual size. Without a file, and from a source with a cursor: at least one.
    """

    min: int | None = Field(default=1, ge=0)
    max: int | None = Field(default=None, ge=0)
    vs_median: tuple[float, float] | None = (0.3, 3.0)

    @model_validator(mode="after")
    def _ordered(self) -> RowsRule:
        for low, high in ((self.min, self.max), self.vs_median or (None, None)):
            if low is not None and high is not None and low > high:
                raise WrongValueError("the lower limit exceeds the upper one", allowed="the lower one first")
        return self


class FillRule(_Stated):
    """The least share of rows in which a column has a value, 0 to 1."""

    min: float = Field(ge=0, le=1)


class FreshnessRule(_Stated):
    """The newest value of a timestamp column lies at most `within_hours` after the partition's start."""

    column: str
    within_hours: float = Field(gt=0, le=MOST_HOURS)


ENOUGH_ROWS = 20
"""Of fewer rows, half or twice as many is chance."""
_OF_ROWS = "rows."
_NEITHER_HALF_NOR_DOUBLE = (0.6, 1.8)

USUAL_ROWS = RowsRule(reason="usual limits", since=date.min)


class Plausibility(BaseModel):
    """One file of expectations/plausibility, written by hand; without a file, the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: RowsRule = USUAL_ROWS
    fill: dict[str, FillRule] = Field(default_factory=dict)
    freshness: FreshnessRule | None = None


@dataclass(frozen=True)
class Finding:
    """One thing about a delivery that is not plausible.

    `args` are the limits behind `allowed`, where that is a sentence.
    """

    name: str
    given: str
    allowed: str
    reason: str = ""
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_rows(self) -> bool:
        """Whether it is about the number of rows."""
        return self.name.startswith(_OF_ROWS)


@dataclass(frozen=True)
class DeliveryFigures:
    """What plausibility looks at.

    Attributes:
        rows: rows that came in.
        filled: by column, how many of them have a value.
        history: rows of earlier accepted deliveries of the dataset, in any order.
        newest: the greatest value of the column that `freshness` names; None: no value.
        start: when the partition's window starts, timezone-aware; None: the dataset has no windows.
        not_yet: columns that the source gives only since later, so that nothing is to be expected of them.
    """

    rows: int
    filled: Mapping[str, int] = field(default_factory=dict)
    history: Sequence[int] = ()
    newest: datetime | None = None
    start: datetime | None = None
    not_yet: frozenset[str] = frozenset()


_OF_WHAT_IS_NEW = Plausibility(rows=USUAL_ROWS.model_copy(update={"vs_median": None}))
"""Without a file, of a source with a cursor: what is new is as much as happened since the last pull."""


def plausibility_path(contract: Contract) -> Path:
    """Where the rules of a dataset lie within the federation."""
    return Path("expectations", "plausibility", contract.dataset.district, f"{contract.dataset.name}.yml")


def read_plausibility(root: Path, contract: Contract) -> Plausibility:
    """The rules of a dataset; the defaults when it has no file.

    Args:
        root: the federation's folder.

    Raises:
        ContractError: the file is wrong, or names a column that the contract lacks.
    """
    path = root / plausibility_path(contract)
    if not path.is_file():
        return Plausibility() if cursor_column(contract) is None else _OF_WHAT_IS_NEW
    file = read_yaml(path)
    try:
        rules = Plausibility.model_validate(file.data or {})
    except ValidationError as error:
        refused = refusal(Plausibility, error)
        told = f"{'.'.join(map(str, refused.path))}: {refused.problem}"
        raise _wrong(
            contract, file, told, list(refused.path), given=refused.given, allowed=refused.allowed
        ) from error
    for column in rules.fill:
        if column not in contract.names:
            raise _wrong(
                contract, file, "no such column", ["fill", column], given=column, allowed=contract.names
            )
    timestamps = [
        column.name for column in contract.columns if column.type == "timestamp" and not column.personal
    ]
    if rules.freshness is not None and rules.freshness.column not in timestamps:
        raise _wrong(
            contract,
            file,
            "freshness needs a timestamp column that is not personal",
            ["freshness", "column"],
            given=rules.freshness.column,
            allowed=timestamps,
        )
    return rules


def find_implausible(rules: Plausibility, figures: DeliveryFigures) -> tuple[Finding, ...]:
    """Every rule that a delivery breaks. A rule holds for windows that start on its `since` or later."""
    fill = {column: rule for column, rule in rules.fill.items() if column not in figures.not_yet}
    fresh = rules.freshness if rules.freshness and rules.freshness.column not in figures.not_yet else None
    return (*_rows(rules.rows, figures), *_fill(fill, figures), *_freshness(fresh, figures))


def _rows(rule: RowsRule, figures: DeliveryFigures) -> Iterator[Finding]:
    if not _in_force(rule, figures):
        return
    if rule.min is not None and figures.rows < rule.min:
        yield Finding(f"{_OF_ROWS}min", str(figures.rows), f">= {rule.min}", rule.reason)
    if rule.max is not None and figures.rows > rule.max:
        yield Finding(f"{_OF_ROWS}max", str(figures.rows), f"<= {rule.max}", rule.reason)
    if rule.vs_median is not None and len(figures.history) >= MINIMUM_HISTORY:
        median = statistics.median(figures.history)
        is_usual = rule == USUAL_ROWS and median >= ENOUGH_ROWS
        low, high = (factor * median for factor in (_NEITHER_HALF_NOR_DOUBLE if is_usual else rule.vs_median))
        if not low <= figures.rows <= high:
            allowed = f"{low:.0f} to {high:.0f}, median {median:.0f} of {len(figures.history)} deliveries"
            limits = {"low": f"{low:.0f}", "high": f"{high:.0f}", "median": f"{median:.0f}"}
            known = {**limits, "deliveries": str(len(figures.history))}
            yield Finding(f"{_OF_ROWS}vs_median", str(figures.rows), allowed, rule.reason, known)


def _fill(rules: Mapping[str, FillRule], figures: DeliveryFigures) -> Iterator[Finding]:
    for column, rule in rules.items():
        share = figures.filled.get(column, 0) / figures.rows if figures.rows else 1.0
        if _in_force(rule, figures) and share < rule.min:
            yield Finding(f"fill.{column}", f"{share:.4f}", f">= {rule.min}", rule.reason)


def _freshness(rule: FreshnessRule | None, figures: DeliveryFigures) -> Iterator[Finding]:
    if rule is None or figures.start is None or not figures.rows or not _in_force(rule, figures):
        return
    last = figures.start + timedelta(hours=rule.within_hours)
    if figures.newest is None or not figures.start <= figures.newest <= last:
        given = "no value" if figures.newest is None else figures.newest.isoformat()
        allowed = f"{figures.start.isoformat()} to {last.isoformat()}"
        yield Finding(f"freshness.{rule.column}", given, allowed, rule.reason)


def _in_force(rule: _Stated, figures: DeliveryFigures) -> bool:
    return figures.start is None or figures.start.date() >= rule.since


def _wrong(
    contract: Contract, file: YamlFile, message: str, path: list[str | int], **facts: Any
) -> ContractError:
    shown = plausibility_path(contract).as_posix()
    return ContractError(message, file=shown, line=file.line(path), **facts)
