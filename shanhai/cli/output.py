"""Rows on the terminal: a table where it fits, two lines a row where it does not, JSON when asked.

A stream may have no sign for a part of a text, such as one in GBK for `ñ`. What people read is shown with
escapes then, in a file as on a terminal: one strange name must not take the list of all others away. What a
program reads says what it did: JSON by escapes of its own, other documents whole or not at all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from shanhai.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from shanhai.cli.session import Form
    from shanhai.errors import ShanhaiError

Row = Mapping[str, object]

_PIPED_WIDTH = 10_000
_NARROWEST = 18
_REASONS = 3
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
    """One column of a table: the key in the rows and the words above it.

    Where the table is wider than the terminal, columns that `wraps` give way first.
    """

    key: str
    title: str
    number: bool = False
    wraps: bool = False


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
    for wrapped in (False, True):
        if _width_needed(console, rows, headings, total, wrapped=wrapped) <= console.width:
            console.print(_table(rows, headings, total, wrapped=wrapped))
            return
    _blocks(console, rows, headings, total)


def show_json(document: object) -> None:
    """Print one JSON document on standard output."""
    click.echo(json_text(document, indent=2))


def json_text(document: object, *, indent: int | None = None) -> str:
    """A document as JSON, with what would control a terminal or turn the direction of writing as escapes.

    So is what standard output or standard error has no sign for. JSON itself escapes what is below U+0020
    alone. Whoever reads it back has every text as it was.
    """
    text = json.dumps(document, ensure_ascii=False, indent=indent, default=_as_text)
    return "\n".join(line if _is_harmless(line) else _escaped(line) for line in text.split("\n"))


def _escaped(line: str) -> str:
    return "".join(one if _is_harmless(one) else json.dumps(one)[1:-1] for one in line)


def _is_harmless(text: str) -> bool:
    return text.isprintable() and all(_without_sign(text, out) is None for out in (sys.stdout, sys.stderr))


def show_document(text: str, *, instead: str) -> None:
    """Print on standard output what is to be kept or read by a program: as it is, or nothing of it.

    A person at a terminal is shown it with escapes.

    Args:
        instead: the option that writes it into a file, as `--output FILE`.

    Raises:
        ConfigurationError: the output is a file or a pipe, and its encoding has no sign for a part of it.
    """
    place = None if sys.stdout.isatty() else _without_sign(text, sys.stdout)
    if place is not None:
        line = text.count("\n", 0, place) + 1
        raise ConfigurationError(
            "standard output: its encoding has no sign for a part of the document",
            given=f"U+{ord(text[place]):04X} in line {line}, {sys.stdout.encoding}",
            allowed="an encoding with a sign for all of it",
            hint=f"write it into a file by {instead}, or set PYTHONIOENCODING=utf-8",
        )
    click.echo(text, nl=False)


def _without_sign(text: str, stream: TextIO) -> int | None:
    """The place of the first character that a stream has no sign for."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def say(text: str) -> None:
    """One line for the person at the terminal, on standard error, so that pipes stay clean."""
    from rich.text import Text

    from shanhai.cli.progress import aside

    with aside():
        error_console().print(Text(text))


def raise_last(left_out: Iterable[ShanhaiError]) -> None:
    """Tell of everything that is left out, each once, the last as the error that this call ends with.

    Raises:
        ShanhaiError: it.
    """
    told = list({str(error): error for error in left_out}.values())
    for error in told[:-1]:
        say(f"left out: {error}")
    for error in told[-1:]:
        raise error


def say_already(error: ShanhaiError) -> None:
    """That somebody had decided so before: it is as it was asked for, and no failure."""
    say(f"{error.message}. Nothing was changed.")


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


def brief(reasons: str) -> str:
    """The first of many reasons, for a list; the rest, and the hint of an error, are told of the delivery."""
    each = reasons.partition("; hint: ")[0].split("; ")
    return (
        "; ".join(each)
        if len(each) <= _REASONS
        else "; ".join([*each[:_REASONS], f"and {len(each) - _REASONS} more"])
    )


def cell(value: object) -> str:
    """A value as people read it: digits in groups, a dash for nothing."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
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


def _table(
    rows: Sequence[Row], headings: Sequence[Heading], total: Row | None, *, wrapped: bool = False
) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        show_footer=total is not None,
    )
    for heading in headings:
        footer = "" if total is None or heading.key not in total else cell(total[heading.key])
        table.add_column(
            heading.title,
            footer=footer,
            justify="right" if heading.number else "left",
            no_wrap=not (wrapped and heading.wraps),
            min_width=_NARROWEST if wrapped and heading.wraps else None,
            overflow="fold",
            header_style="bold",
            footer_style="bold",
        )
    for row in rows:
        table.add_row(*(_styled(cell(row.get(heading.key))) for heading in headings))
    return table


def _width_needed(
    console: Console, rows: Sequence[Row], headings: Sequence[Heading], total: Row | None, *, wrapped: bool
) -> int:
    """Characters from edge to edge when columns that wrap are as narrow as may be."""
    rigid = [heading for heading in headings if not (wrapped and heading.wraps)]
    limitless = console.options.update(max_width=_PIPED_WIDTH)
    measured = console.measure(_table(rows, rigid, total), options=limitless).maximum
    return measured + (len(headings) - len(rigid)) * (_NARROWEST + 2)


def _blocks(console: Console, rows: Sequence[Row], headings: Sequence[Heading], total: Row | None) -> None:
    """Each row as its first value on one line and the others, named, below it; what is empty is left out."""
    from rich.padding import Padding
    from rich.text import Text

    first, *others = headings
    for row in [*rows, *([total] if total else [])]:
        console.print(Text(cell(row.get(first.key)), "bold"))
        named = [
            Text.assemble((f"{heading.title} ", "dim"), _styled(cell(row[heading.key])))
            for heading in others
            if row.get(heading.key) not in (None, "", 0)
        ]
        console.print(Padding(Text("  ").join(named), (0, 0, 0, 2)))


def _styled(text: str) -> Text:
    from rich.text import Text

    return Text(text, _STYLES.get(text, ""))
