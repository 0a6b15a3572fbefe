"""Every figure of the report is written down with its statement, and links to it on its page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from shanhai.quality.scorecard import Ratio
from shanhai.report.statements import Statement
from shanhai.report.words import moment, number, share, signed

FORMS = ("number", "signed", "share", "text", "moment")


@dataclass(frozen=True)
class Figure:
    """One cell, or a share made of two cells, of the result of a statement.

    Args:
        statement: its name.
        row: the values of the statement's key columns, as texts.
        columns: one column, or the columns A and B of a share.
        form: how the value is written.
        shown: as it stands on the page.
    """

    statement: str
    row: tuple[str, ...]
    columns: tuple[str, ...]
    form: str
    shown: str


@dataclass
class Figures:
    """The figures of a report and the statements behind them, each once however often it is shown."""

    statements: dict[str, Statement] = field(default_factory=dict)
    numbers: dict[tuple[str, tuple[str, ...], tuple[str, ...], str], int] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)

    def add(self, statement: Statement, figure: Figure) -> int:
        """The number of a figure, by which a page names it.

        Raises:
            ValueError: it was shown with another value, or its statement has two texts.
        """
        if self.statements.setdefault(statement.name, statement) != statement:
            raise ValueError(f"two statements are called {statement.name}")
        place = (figure.statement, figure.row, figure.columns, figure.form)
        found = self.numbers.setdefault(place, len(self.figures))
        if found == len(self.figures):
            self.figures.append(figure)
        elif self.figures[found] != figure:
            raise ValueError(f"a figure has two values: {figure} and {self.figures[found]}")
        return found

    def document(self) -> dict[str, Any]:
        """Statements and figures as JSON; a figure's number is its place in the list."""
        return {
            "statements": {
                one.name: {"sql": one.sql, "key": list(one.key)} for one in self.statements.values()
            },
            "figures": [
                [one.statement, list(one.row), list(one.columns), one.form, one.shown] for one in self.figures
            ],
        }

    def table(self) -> str:
        """The figures as CSV for spreadsheets: statement, key of its row, columns, and as it is shown."""
        text = io.StringIO("")
        writer = csv.writer(text)
        writer.writerow(("statement", "row", "columns", "shown"))
        for one in self.figures:
            writer.writerow((one.statement, " · ".join(one.row), " / ".join(one.columns), one.shown))
        return "\ufeff" + text.getvalue()


@dataclass
class Page:
    """The statements of one page, numbered in the order in which the page first needs them.

    `stands` is the page that has the blocks, where it is another one that numbers them alike.
    """

    figures: Figures
    used: dict[str, tuple[str, Statement]] = field(default_factory=dict)
    stands: str = ""

    def anchor(self, statement: Statement) -> str:
        """What the block of a statement is called on this page: S1, S2 …"""
        label, _ = self.used.setdefault(statement.name, (f"S{len(self.used) + 1}", statement))
        return label

    def ref(self, statement: Statement) -> Markup:
        """A link to the block of a statement."""
        label = self.anchor(statement)
        return Markup('<a class="ref" href="{0}#{1}">{1}</a>').format(self.stands, label)

    def n(self, statement: Statement, column: str, value: int, *row: object) -> Markup:
        """A number that links to its statement."""
        return self._link(statement, (column,), "number", number(value), row)

    def signed(self, statement: Statement, column: str, value: int, *row: object) -> Markup:
        """A difference, with its sign, that links to its statement."""
        return self._link(statement, (column,), "signed", signed(value), row)

    def text(self, statement: Statement, column: str, value: object, *row: object) -> Markup:
        """A text, such as a digest or a verdict, that links to its statement."""
        return self._link(statement, (column,), "text", str(value), row)

    def at(self, statement: Statement, column: str, value: datetime, *row: object) -> Markup:
        """A moment that links to its statement."""
        return self._link(statement, (column,), "moment", moment(value), row)

    def share(self, statement: Statement, columns: tuple[str, str], ratio: Ratio, *row: object) -> Markup:
        """A share A/B that links to its statement; a dash where B is nothing."""
        return self._link(statement, columns, "share", _share(ratio), row)

    def note(self, statement: Statement, columns: tuple[str, str], ratio: Ratio, *row: object) -> None:
        """Write a share A/B down that a picture shows and no text does."""
        self._add(statement, columns, "share", _share(ratio), row)

    @property
    def blocks(self) -> Iterable[tuple[str, Statement]]:
        """The statements with their labels, in order."""
        return self.used.values()

    def _link(
        self, statement: Statement, columns: tuple[str, ...], form: str, shown: str, row: tuple[object, ...]
    ) -> Markup:
        place = self._add(statement, columns, form, shown, row)
        return Markup('<a class="f" data-f="{}" href="{}#{}">{}</a>').format(
            place, self.stands, self.anchor(statement), shown
        )

    def _add(
        self, statement: Statement, columns: tuple[str, ...], form: str, shown: str, row: tuple[object, ...]
    ) -> int:
        names = tuple(str(value) for value in row)
        return self.figures.add(statement, Figure(statement.name, names, columns, form, shown))


def _share(ratio: Ratio) -> str:
    return share(ratio.good / ratio.total) if ratio.total else "–"


def written(form: str, values: Mapping[str, Any], columns: Iterable[str]) -> str:
    """How a figure is written, from the row of its statement's result."""
    cells = [values[column] for column in columns]
    match form:
        case "number":
            return number(int(cells[0] or 0))
        case "signed":
            return signed(int(cells[0] or 0))
        case "share":
            return share(int(cells[0] or 0) / int(cells[1])) if cells[1] else "–"
        case "moment":
            return moment(cells[0])
        case _:
            return str(cells[0])
