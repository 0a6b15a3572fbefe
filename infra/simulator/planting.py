"""Plant faults into clean rows and keep the account of them while doing so."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from infra.simulator.deliveries import SEED, Cell, Column, Fate, Row, Values

Change = Callable[[Cell], Cell]


class Field:
    """The rows of one delivery while faults are planted; no row is planted twice."""

    def __init__(self, dataset: str, name: str, columns: Sequence[Column], clean: Sequence[Values]) -> None:
        self._names = tuple(column.name for column in columns)
        self._rng = random.Random(f"{SEED}/{dataset}/{name}/faults")
        self._rows = [Row(values) for values in clean]
        self._added: list[Row] = []
        self._last: list[Row] = []
        self._free = list(range(len(self._rows)))
        self._rng.shuffle(self._free)

    def rows(self) -> tuple[Row, ...]:
        """All rows: the clean order, additions mixed in at places that depend on the seed alone."""
        rows = list(self._rows)
        for row in self._added:
            rows.insert(self._rng.randrange(len(rows) + 1), row)
        return (*rows, *self._last)

    def spoil(self, count: int, fault: str, column: str, rule: str, value: Cell | Change) -> None:
        """Give `count` rows a value that breaks `<column>.<rule>`."""
        for index in self._take(count):
            values = self.changed(self._rows[index].values, {column: value})
            self._rows[index] = Row(values, "bad", fault, (f"{column}.{rule}",))

    def spoil_both(self, count: int, fault: str, values: Mapping[str, Cell], breaks: tuple[str, ...]) -> None:
        """Give `count` rows several bad values at once: one quarantined row, several reasons."""
        for index in self._take(count):
            self._rows[index] = Row(self.changed(self._rows[index].values, values), "bad", fault, breaks)

    def disguise(self, count: int, fault: str, column: str, value: Cell | Change) -> None:
        """Write `count` rows in a way that looks odd and is allowed."""
        for index in self._take(count):
            row = self._rows[index]
            self._rows[index] = replace(row, values=self.changed(row.values, {column: value}), fault=fault)

    def mangle(self, count: int, fault: str, make: Callable[[Values], bytes]) -> None:
        """Replace `count` rows by lines that cannot be read as records."""
        for index in self._take(count):
            values = self._rows[index].values
            self._rows[index] = Row(values, "bad", fault, (), make(values))

    def end_with(self, fault: str, make: Callable[[Values], bytes]) -> None:
        """Append one unreadable line at the very end, where it can swallow nothing else."""
        values = self._rows[0].values
        self._last.append(Row(values, "bad", fault, (), make(values)))

    def repeat(self, count: int, fault: str = "exact duplicate") -> None:
        """Send `count` rows a second time in the same delivery."""
        for index in self._take(count):
            self._added.append(Row(self._rows[index].values, "duplicate", fault))

    def outdate(self, count: int, changes: Mapping[str, Cell | Change], *, loses: bool = True) -> None:
        """Add an older version of `count` rows.

        Args:
            loses: to the version that is there; otherwise both stay, as under the rule `history`.
        """
        fate: tuple[Fate, str] = (
            ("superseded", "conflicting versions") if loses else ("good", "earlier version")
        )
        for index in self._take(count):
            self._added.append(Row(self.changed(self._rows[index].values, changes), *fate))

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows that were made elsewhere: corrections, repetitions of another delivery, strays."""
        self._added.extend(rows)

    def reserve(self, count: int) -> list[Values]:
        """Values of `count` good rows that no other fault touches, for later deliveries to refer to."""
        return [self._rows[index].values for index in self._take(count)]

    def changed(self, values: Values, changes: Mapping[str, Cell | Change]) -> Values:
        """The values with some columns changed, by a new value or by a function of the old one."""
        cells = list(values)
        for name, change in changes.items():
            place = self._names.index(name)
            cells[place] = change(cells[place]) if callable(change) else change
        return tuple(cells)

    def _take(self, count: int) -> list[int]:
        if count > len(self._free):
            raise ValueError(f"{count} rows asked for, {len(self._free)} are left")
        taken, self._free = self._free[:count], self._free[count:]
        return taken
