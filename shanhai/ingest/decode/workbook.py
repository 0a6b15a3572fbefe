"""One table of a workbook: headings of one row or several, and a record for every row that has a cell.

A row with a cell that no heading stands above is malformed (`ragged`). Rows and columns outside a stated
range belong to other tables and are not read; but if the row below a range that the contract closes has
cells, the table may have grown, and that row is reported like an unknown heading.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from shanhai.contracts.model import Contract, WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import RAGGED, BodyCount, BodyFile, Keep, Limits, beginning
from shanhai.ingest.decode.headings import Placement, place, place_by_position
from shanhai.ingest.decode.raw_table import insert_raw
from shanhai.ingest.decode.sheet import Cells, Filled, Merge, Sheet, bearable, opened
from shanhai.ingest.decode.workbook_guard import check_workbook

_BATCH_ROWS = 10_000
BATCH_CHARACTERS = 8 * 2**20
_BATCH_NAME = "_sheet_batch"


def decode_workbook(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    stated: WorkbookFormat,
    body: BodyFile,
    limits: Limits,
    keep: Keep = beginning,
) -> BodyCount:
    """Append the rows of one table to `raw`.

    Raises:
        UnreadableError: no workbook, of another kind, encrypted, a bomb, no such sheet or table, no row of
            headings, a heading twice.
        ContractError: without headings a source is no position.
    """
    check_workbook(body, stated.kind, limits, loads_tables=stated.table is not None)
    with opened(body, stated) as sheet:
        table = _Table(contract, stated, body, sheet, limits)
        rows = malformed = 0
        for batch in _batches(table.records):
            rows += _append(con, table.placement, body.name, batch, keep)
            malformed += sum(_is_ragged(row, table.placement.width) for row in batch)
        placement = table.placement
    return BodyCount(rows, malformed, placement.missing, (*placement.unknown, *table.below))


class _Table:
    """The headings and records of one table; `below` is complete when the records have been read."""

    def __init__(
        self, contract: Contract, stated: WorkbookFormat, body: BodyFile, sheet: Sheet, limits: Limits
    ) -> None:
        self._stated, self._area = stated, sheet.area
        self._ignored = contract.ignored
        self.below: tuple[str, ...] = ()
        rows = sheet.rows
        if stated.fill_merged:
            rows = iter(Filled(rows, bearable(sheet.merges or (), body, limits)))
        self._rows = itertools.islice(rows, sheet.area.top, None)
        self._number = sheet.area.top
        self.placement = self._placement(contract, body, sheet)
        self.records = self._records()

    def _placement(self, contract: Contract, body: BodyFile, sheet: Sheet) -> Placement:
        if sheet.headings is not None:
            return place(contract, sheet.headings, body.name)
        before = list(itertools.islice(self._rows, self._stated.header_row - 1))
        self._number += len(before)
        if not self._stated.header_rows:
            return place_by_position(contract)
        first = self._number
        parts = list(itertools.islice(self._rows, self._stated.header_rows))
        self._number += len(parts)
        headings = [
            part or "" for part in joined_headings(parts, first, sheet.merges, self._stated.separator)
        ]
        headings = self._cut(headings)
        if not any(headings):
            row = self._stated.header_row
            raise UnreadableError(
                f"{body.name}: empty", given=f"nothing in row {row}", allowed="a row of headings"
            )
        return place(contract, headings, body.name)

    def _cut(self, headings: list[str]) -> list[str]:
        """The headings within the area; of one that is open to the right, up to the last or the first gap."""
        headings = headings[self._area.left : None if self._area.right is None else self._area.right + 1]
        if self._stated.range is not None and self._area.right is None and "" in headings:
            headings = headings[: headings.index("")]
        if self._area.right is not None:
            return headings + [""] * (self._area.right + 1 - self._area.left - len(headings))
        while headings and not headings[-1]:
            headings.pop()
        return headings

    def _records(self) -> Iterator[Cells]:
        bounded = self._stated.range is not None or self._stated.table is not None
        left, bottom = self._area.left, self._area.bottom
        right = left + self.placement.width if bounded else None
        for number, row in enumerate(self._rows, start=self._number):
            record = row[left:right]
            is_blank = all(cell is None for cell in record)
            if bottom is not None and number > bottom:
                self._see_below(number, is_blank)
                return
            if is_blank and self._stated.ends == "blank_row":
                return
            if not is_blank:
                yield record

    def _see_below(self, number: int, is_blank: bool) -> None:
        name = f"row {number + 1}"
        if not is_blank and self._stated.table is None and name not in self._ignored:
            self.below = (name,)


def joined_headings(
    parts: list[Cells], first: int, merges: Sequence[Merge] | None, separator: str
) -> list[str | None]:
    """The heading of each column: its parts from above, each merged area counted once.

    Where a format does not tell of merged areas, an upper part goes on to the right over empty cells.
    """
    width = max((len(row) for row in parts), default=0)
    grid = [row + [None] * (width - len(row)) for row in parts]
    if merges is None:
        for row in grid[:-1]:
            for column in range(1, width):
                row[column] = row[column] or row[column - 1]
    for (top, left), (bottom, right) in merges or ():
        if first <= top < first + len(grid) and left < len(parts[top - first]):
            across = slice(left, min(right + 1, width))
            for row in grid[top - first : bottom - first + 1]:
                row[across] = [None] * (across.stop - left)
            grid[top - first][across] = [parts[top - first][left]] * (across.stop - left)
    columns = (
        [part.strip() for part in column if part and part.strip()] for column in zip(*grid, strict=True)
    )
    return [separator.join(parts) or None for parts in columns]


def _batches(records: Iterator[Cells]) -> Iterator[list[Cells]]:
    """Records, many at a time but of bounded length, however long the texts of their cells are."""
    batch, size = [], 0
    for record in records:
        batch.append(record)
        size += sum(map(len, filter(None, record)))
        if len(batch) == _BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _append(
    con: duckdb.DuckDBPyConnection, placement: Placement, body: str, rows: Sequence[Cells], keep: Keep
) -> int:
    columns = {
        f"c{position}": pa.array([_cell(row, position) for row in rows], pa.string())
        for position in range(placement.width)
    }
    columns["raw"] = pa.array([_raw(row, placement.width, keep) for row in rows], pa.string())
    con.register(_BATCH_NAME, pa.table(columns))
    try:
        cells = [
            "NULL" if position is None else f"CASE WHEN raw IS NULL THEN c{position} END"
            for position in placement.positions
        ]
        fault = f"CASE WHEN raw IS NOT NULL THEN '{RAGGED}' END"
        return insert_raw(con, cells, body, f"{fault}, raw FROM {_BATCH_NAME}")
    finally:
        con.unregister(_BATCH_NAME)


def _cell(row: Cells, position: int) -> str | None:
    return row[position] if position < len(row) else None


def _is_ragged(row: Cells, width: int) -> bool:
    return any(cell is not None for cell in row[width:])


def _raw(row: Cells, width: int, keep: Keep) -> str | None:
    if not _is_ragged(row, width):
        return None
    return keep(json.dumps(row, ensure_ascii=False))
