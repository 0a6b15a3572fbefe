"""Which sheet of a workbook has the table, where its headings stand, and where its rows end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import python_calamine as calamine

from shanhai.contracts.formats import WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.ingest.decode.sheet import Cells, Merge, cell_text
from shanhai.ingest.decode.workbook_guard import check_workbook
from shanhai.ingest.infer.dialects import has_headings

_ROWS = 300


@dataclass(frozen=True)
class _Table:
    """One sheet as a table; `filled` is how many of the first rows are as wide as the table."""

    name: str
    header_row: int
    header_rows: int
    filled: int
    ends: bool


def find_table(path: Path, body: str, kind: str) -> tuple[WorkbookFormat, str]:
    """The format of a workbook, and what speaks for it.

    Raises:
        UnreadableError: no workbook, a bomb, encrypted, or without a table.
    """
    stated = WorkbookFormat(kind=kind)  # type: ignore[arg-type]
    check_workbook(BodyFile(body, path), stated.kind, Limits())
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            names = workbook.sheet_names
            tables = [table for name in names if (table := _table(workbook.get_sheet_by_name(name), name))]
    except calamine.CalamineError as error:
        raise UnreadableError(
            f"{body}: the workbook cannot be read",
            given="a damaged or encrypted workbook",
            allowed=f"an .{kind} file without a password",
        ) from error
    if not tables:
        raise UnreadableError(
            f"{body}: no table", given=f"{len(names)} sheets without rows", allowed="a table"
        )
    best = max(tables, key=lambda table: table.filled)
    settings: dict[str, object] = {"kind": kind}
    if len(names) > 1 or best.name not in ("Sheet1", "工作表1"):
        settings["sheet"] = best.name
    settings |= {"header_row": best.header_row} if best.header_row > 1 else {}
    settings |= {"header_rows": best.header_rows} if best.header_rows != 1 else {}
    settings |= {"ends": "blank_row"} if best.ends else {}
    why = (
        f"of {len(names)} sheets the one with most rows; the headings are the first row as wide as the table"
    )
    return WorkbookFormat.model_validate(settings), why


def _table(sheet: calamine.CalamineSheet, name: str) -> _Table | None:
    rows = [[cell_text(cell) for cell in row] for row in itertools.islice(sheet.iter_rows(), _ROWS)]
    counts = [sum(cell is not None for cell in row) for row in rows]
    wide = Counter(count for count in counts if count)
    if not wide:
        return None
    width = max(wide, key=lambda count: (wide[count] * count, count))
    first = next(
        place for place, count in enumerate(counts) if count >= width or count >= max(2, 0.8 * width)
    )
    first, header_rows = _headings(rows, first, sheet.merged_cell_ranges or ())
    filled = sum(count >= 0.5 * width for count in counts[first + header_rows :])
    return _Table(name, first + 1, header_rows, filled, _ends(counts[first + header_rows :], width))


def _headings(rows: list[Cells], first: int, merges: Sequence[Merge]) -> tuple[int, int]:
    """The row where headings begin, and how many rows they are: one above, merged across, belongs to them."""
    last = len(rows[first]) - 1
    if any(top == first - 1 and left < right < last for (top, left), (_, right) in merges):
        return first - 1, 2
    width = len(rows[first])
    if not has_headings(rows[first], [row[:width] for row in rows[first + 1 :]]):
        return first, 0
    return first, 1


def _ends(counts: list[int], width: int) -> bool:
    """Whether a blank row ends the table: what stands below it is no row of it."""
    if 0 not in counts:
        return False
    below = [count for count in counts[counts.index(0) :] if count]
    return bool(below) and all(count < 0.5 * width for count in below)
