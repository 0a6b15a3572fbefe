"""The dialect of delimited text that nobody stated: in it, lines have equally many and sensible cells."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shanhai.contracts.formats import CsvFormat
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.infer.people import is_of_people

_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01")
_LINES = 300
_SENSIBLE = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?|\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?(?:[ T].*)?|[^,;\t|^~\x01\"]*", re.DOTALL
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?%?")
_AGAIN = 2
_MOMENT = re.compile(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?(?:[ T].*)?")


@dataclass(frozen=True)
class Layout:
    """How a delimited text is laid out: dialect, lines before the headings, and whether it has some.

    `why` is what speaks for it, `left_out` what of the text no row is made of; empty: nothing. `lines` are
    those that were looked at, and `filled` tells in how many columns any of them has something.
    """

    delimiter: str
    quote: str
    escape: str
    comment: str
    skip_lines: int
    header: bool
    width: int
    why: str
    left_out: str = ""
    filled: int = 1
    lines: tuple[str, ...] = ()

    def stated(self, encoding: str) -> CsvFormat:
        """The layout as a contract states it."""
        return CsvFormat(
            encoding=encoding,
            delimiter=self.delimiter,
            quote=self.quote,
            escape=self.escape,
            header=self.header,
            skip_lines=self.skip_lines,
            comment=self.comment,
        )


def find_layout(text: str) -> Layout:
    """The layout of the beginning of a text, whose last line may be cut off."""
    lines = re.split(r"\r\n|\n|\r", text)[:_LINES]
    if len(lines) > 1:
        lines = lines[:-1]
    comment = (
        "#" if lines and lines[0].startswith("#") and not all(one.startswith("#") for one in lines) else ""
    )
    kept = [line for line in lines if line and not (comment and line.startswith(comment))]
    delimiter, quote, escape, records = _best(kept, text)
    width = _width(records)
    first = next((place for place, record in enumerate(records) if len(record) == width), 0)
    skipped = _skipped(lines, kept[first], comment) if kept and first else 0
    body = records[first:]
    return Layout(
        delimiter,
        quote,
        escape,
        comment,
        skipped,
        has_headings(body[0], body[1:]),
        width,
        f"{sum(len(record) == width for record in body):,} of the first {len(body):,} have {width} cells",
        _left_out(records[:first], width),
        _filled(body, width),
        tuple(line for line in lines if line.strip()),
    )


def _filled(records: Sequence[Sequence[str]], width: int) -> int:
    """In how many columns there is something: by tabs indented lines have one, by semicolons statements."""
    cells = [record for record in records if len(record) == width]
    return sum(any(record[place].strip() for record in cells) for place in range(width))


def _best(kept: Sequence[str], text: str) -> tuple[str, str, str, list[list[str]]]:
    """Delimiter, quote and escape that read some lines most like a table, and the records then."""
    tried = [
        (_score(records), delimiter, quote, escape, records)
        for delimiter, (quote, escape) in itertools.product(_DELIMITERS, _quotes(text))
        if (records := _records(kept, delimiter, quote, escape))
    ]
    if not tried or max(tried, key=lambda one: one[0])[0] <= 0:
        return ",", '"', '"', _records(kept, ",", '"', '"') or [[""]]
    _, delimiter, quote, escape, records = max(tried, key=lambda one: one[0])
    return delimiter, quote, escape, records


def _left_out(records: Sequence[Sequence[str]], width: int) -> str:
    """What is said of the lines before the first record that is as wide as most; a title is one cell."""
    if not records:
        return ""
    widest = max(map(len, records))
    told = f"{len(records):,} line{'s' * (len(records) > 1)} before the first with {width} cells left out"
    if widest == 1:
        return told
    return f"doubtful: {told}, one with {widest} cells: perhaps headings, over rows that lack cells"


def has_headings(first: Sequence[str | None], others: Sequence[Sequence[str | None]]) -> bool:
    """Whether the first record of a table is its headings: unlike the others, and no value twice.

    Where it is not, taking it for headings would write a row of the data into the draft.
    """
    if any(is_of_people(cell) for cell in first if cell):
        return False
    for place, cell in enumerate(first):
        below = [record[place] for record in others[:100] if place < len(record) and record[place]]
        if not cell or not below:
            continue
        alike = [kind.fullmatch(cell.strip()) is not None for kind in (_NUMBER, _MOMENT)]
        typed = [
            sum(kind.fullmatch((one or "").strip()) is not None for one in below)
            for kind in (_NUMBER, _MOMENT)
        ]
        for is_alike, many in zip(alike, typed, strict=True):
            if many > 0.9 * len(below):
                return not is_alike
    if _comes_again(first, others):
        return False
    named = [cell for cell in first if cell]
    return len(set(named)) == len(named) and not any(_NUMBER.fullmatch(cell.strip()) for cell in named)


def _comes_again(first: Sequence[str | None], others: Sequence[Sequence[str | None]]) -> bool:
    """Whether a text of the first record is one of its column, as no heading is; of headings that were
    written again all are.

    One column is enough: of rows without headings often only one column has few values, while the others
    tell of people. Columns by position are easily given their names; a row in the draft is not taken back.
    """
    below = [record for record in others if list(record) != list(first)]
    counted = (
        sum(place < len(record) and record[place] == cell for record in below)
        for place, cell in enumerate(first)
        if cell
    )
    return any(many >= _AGAIN for many in counted)


def _quotes(text: str) -> list[tuple[str, str]]:
    """Quotes and escapes that are worth trying, the usual one first."""
    found = [('"', '"')]
    if '\\"' in text and '""' not in text:
        found.insert(0, ('"', "\\"))
    if re.search(r"(?:^|[,;\t|])'[^']*'(?:[,;\t|]|$)", text, re.MULTILINE) and '"' not in text:
        found.append(("'", "'"))
    if '"' in text:
        found.append(("", ""))
    return found


def _records(lines: Sequence[str], delimiter: str, quote: str, escape: str) -> list[list[str]]:
    """The records of some lines; one that goes over several lines is joined."""
    dialect = Dialect.of(CsvFormat(delimiter=delimiter, quote=quote, escape=escape))
    records: list[list[str]] = []
    waiting = b""
    for line in lines:
        text = (waiting + b"\n" if waiting else b"") + line.encode("utf-8", "surrogatepass")
        cells = dialect.split(text)
        if cells is None and dialect.is_open(text) and len(text) < 1 << 16:
            waiting = text
            continue
        waiting = b""
        records.append([cell.decode("utf-8", "replace") for cell in cells or [text]])
    return records


def _width(records: Sequence[Sequence[str]]) -> int:
    return Counter(map(len, records)).most_common(1)[0][0]


def _score(records: Sequence[Sequence[str]]) -> float:
    """How much like a table: many records of one width, of cells without other delimiters."""
    width = _width(records)
    if width < 2:
        return 0.0
    equal = [record for record in records if len(record) == width]
    cells = [cell for record in equal for cell in record]
    sensible = sum(_SENSIBLE.fullmatch(cell.strip()) is not None for cell in cells) / len(cells)
    headed = 1.0 if len(records[0]) == width else 0.7
    return (len(equal) / len(records)) * sensible * headed * (1 - 1 / (2 * width))


def _skipped(lines: Sequence[str], first: str, comment: str) -> int:
    """Physical lines before the headings; remarks right before them are read as remarks."""
    count = lines.index(first)
    while count and comment and lines[count - 1].startswith(comment):
        count -= 1
    return count
