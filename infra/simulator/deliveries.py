"""What a simulated district hands over, row by row, with the fate that each row must meet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Cell = str | int | float | bool | Decimal | dt.datetime | dt.date | None
Values = tuple[Cell, ...]
Fate = Literal["good", "bad", "duplicate", "superseded"]
Verdict = Literal["accepted", "held", "refused"]

WINDOWS = ("2024-03-01", "2024-03-02", "2024-03-03")
SEED = 330105


@dataclass(frozen=True)
class Column:
    """A column of the contract and where the source keeps it: a heading, or a dotted JSON path."""

    name: str
    source: str


@dataclass(frozen=True)
class Row:
    """One record and what must become of it.

    Attributes:
        values: the cells in the order of the columns; of a malformed record what it would have said.
        fate: what the contract's rules make of it inside its own delivery.
        fault: the kind of fault planted in it, `""` for none; some faults are legal and stay good.
        breaks: names of the rules it breaks, `<column>.<kind>`; empty for a malformed record.
        raw: the line as sent, without terminator, where it is malformed.
        supersedes: the delivery whose row of the same key gives way to this one.
    """

    values: Values
    fate: Fate = "good"
    fault: str = ""
    breaks: tuple[str, ...] = ()
    raw: bytes | None = None
    supersedes: str | None = None


@dataclass(frozen=True)
class Delivery:
    """The rows of one dataset for one partition, as they are sent.

    Attributes:
        name: unique among the dataset's deliveries: the window, or the window and `.r2`.
        replaces: the delivery whose rows all give way to this one (rule `replace`).
        notes: counts of things that are legal but worth knowing, for the tests of the marts.
    """

    dataset: str
    partition: str
    name: str
    rows: tuple[Row, ...]
    verdict: Verdict = "accepted"
    replaces: str | None = None
    notes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A dataset with its columns in the source's order and its deliveries in the order of their windows."""

    name: str
    columns: tuple[Column, ...]
    deliveries: tuple[Delivery, ...]

    def delivery(self, name: str) -> Delivery:
        """The delivery called `name`.

        Raises:
            KeyError: there is none.
        """
        for delivery in self.deliveries:
            if delivery.name == name:
                return delivery
        raise KeyError(name)
