"""Rows on the terminal: a table where it fits, one block a row where it does not, JSON when asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from shanhai.cli.session import Form

Row = Mapping[str, object]

_PIPED_WIDTH = 10_000
_STYLES = {
    "accepted": "green",
    "held": "yellow",
    "refused": "red",
    "withdrawn": "dim",
    "holds": "green",
    "BROKEN": "bold red",
}


@dataclass(frozen=True)
class Heading:
    """One column of a table: the key in the rows and the words above it."""

    key: str
    title: str
    number: bool = False


def show(
    rows: Sequence[Row],
    headings: Sequence[Heading],
    *,
    form: Form,
    empty: str,
    total: Row | None = None,
) -> None:
    """Print rows on standard output.

    Args:
        rows: what to print; in JSON with all their keys.
        headings: the columns of the table, in order.
        empty: what to say, on standard error, when there are no rows.
        total: a last line of the table; JSON leaves it out.
    """
    if form == "json":
        show_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    console = _console()
    table = _table(rows, headings, total)
    if console.measure(table, options=console.options.update(max_width=_PIPED_WIDTH)).maximum > console.width:
        _blocks(console, rows, headings, total)
    else:
        console.print(table)


def show_json(document: object) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def say(text: str) -> None:
    """One line for the person at the terminal, on standard error, so that pipes stay clean."""
    from rich.text import Text

    error_console().print(Text(text))


def fields(facts: Row) -> None:
    """Print facts as aligned `name  value` lines on standard output."""
    from rich.text import Text

    console = _console()
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:<{width}}  ", "dim"), _styled(cell(value))))


def section(title: str) -> None:
    """A heading between two tables on standard output."""
    from rich.text import Text

    console = _console()
    console.print()
    console.print(Text(title, "bold"))


def cell(value: object) -> str:
    """A value as people read it: digits in groups, a dash for nothing."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple():
            return ", ".join(cell(part) for part in value) or "–"
        case _:
            return str(value)


def error_console() -> Console:
    """Standard error, wrapping only where a person looks at it."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, width=_width(sys.stderr.isatty()))


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, width=_width(sys.stdout.isatty()))


def _width(terminal: bool) -> int | None:
    return None if terminal else _PIPED_WIDTH


def _table(rows: Sequence[Row], headings: Sequence[Heading], total: Row | None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=total is not None)
    for heading in headings:
        footer = "" if total is None or heading.key not in total else cell(total[heading.key])
        table.add_column(
            heading.title,
            footer=footer,
            justify="right" if heading.number else "left",
            no_wrap=True,
            header_style="bold",
            footer_style="bold",
        )
    for row in rows:
        table.add_row(*(_styled(cell(row.get(heading.key))) for heading in headings))
    return table


def _blocks(console: Console, rows: Sequence[Row], headings: Sequence[Heading], total: Row | None) -> None:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    width = max(cell_len(heading.title) for heading in headings)
    for row in [*rows, *([total] if total else [])]:
        for heading in headings:
            if heading.key in row:
                name = set_cell_size(heading.title, width)
                console.print(Text.assemble((f"{name}  ", "dim"), _styled(cell(row[heading.key]))))
        console.print()


def _styled(text: str) -> Text:
    from rich.text import Text

    return Text(text, _STYLES.get(text, ""))
