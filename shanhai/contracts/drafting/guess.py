"""Guesses about a source as values: a column, or the contract around them, with what speaks for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shanhai.contracts.formats import Format
from shanhai.contracts.model import Column, Partition, Versions
from shanhai.ids import DatasetId


@dataclass(frozen=True)
class Guess:
    """One column as it is guessed to be.

    Attributes:
        notes: what speaks for it, a line each; without any value of a column that is personal.
    """

    column: Column
    notes: tuple[str, ...] = ()

    def but(self, *notes: str, **changed: Any) -> Guess:
        """The guess with some fields of its column changed, and more notes."""
        return replace(self, column=self.column.model_copy(update=changed), notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Draft:
    """A whole contract as it is guessed to be.

    Attributes:
        format_notes, key_notes, partition_notes, zone_notes, endpoint_notes: what speaks for each part.
        sampled: which rows were looked at, in words.
        seen: which bodies were read and what became of the others, a line each.
    """

    dataset: DatasetId
    title: str
    columns: tuple[Guess, ...]
    key: tuple[str, ...]
    key_notes: tuple[str, ...]
    format: Format
    format_notes: tuple[str, ...]
    partition: Partition
    partition_notes: tuple[str, ...]
    per: str
    versions: Versions
    duplicates: str
    time_zone: str
    zone_notes: tuple[str, ...]
    connector: str
    endpoint: str
    endpoint_notes: tuple[str, ...]
    options: Mapping[str, Any]
    ignored: tuple[str, ...]
    sampled: str
    seen: tuple[str, ...] = ()
