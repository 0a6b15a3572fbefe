"""Delimited text: one parallel pass where a body is well-formed throughout, line by line where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from shanhai.contracts.model import Contract, CsvFormat
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ContractError, UnreadableError
from shanhai.ingest.decode.compression import room_for
from shanhai.ingest.decode.decoded import BodyCount, Keep, beginning
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.decode.headings import Placement, place, place_by_position
from shanhai.ingest.decode.lines import Sieve, Sieved
from shanhai.ingest.decode.opening import Opening, read_opening
from shanhai.ingest.decode.raw_table import insert_raw, one_file
from shanhai.ingest.decode.survey import survey

_BUFFER_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Delimited:
    """One body of delimited text, in UTF-8 and unpacked."""

    con: duckdb.DuckDBPyConnection
    contract: Contract
    stated: CsvFormat
    dialect: Dialect
    body: str
    path: Path
    work: Path
    keep: Keep = beginning


@dataclass(frozen=True)
class PlainText:
    """Delimited text that the parser can take whole, with where its cells go."""

    task: Delimited
    opening: Opening
    placement: Placement

    @property
    def cells(self) -> list[str]:
        """One SQL expression over `reader` per column of the contract, in its order."""
        return _cells(self.placement)

    @property
    def reader(self) -> str:
        """The table function that reads it."""
        return _read_csv(self.task, self.task.path, self.placement.width, self.opening.headings is not None)


def open_plain(task: Delimited) -> PlainText | None:
    """The body, if its dialect and its opening are such that the parser can take it whole; else None.

    Raises:
        UnreadableError: empty, HTML, without readable headings, or with a heading twice.
    """
    opening, placement = _open(task)
    return PlainText(task, opening, placement) if _is_plain(task, opening) else None


def decode_delimited(task: Delimited) -> BodyCount:
    """Append the records of one body to `raw`.

    Raises:
        UnreadableError: empty, HTML, without readable headings, or with a heading twice.
        ContractError: the dialect is none.
    """
    opening, placement = _open(task)
    read = _fast(PlainText(task, opening, placement)) if _is_plain(task, opening) else None
    if read is not None:
        return BodyCount(read.records, 0, placement.missing, placement.unknown, read.lines + opening.lines)
    sieved = _slow(task, placement, opening)
    return BodyCount(
        sieved.records,
        sieved.malformed,
        placement.missing,
        placement.unknown,
        sieved.lines + opening.lines,
    )


def _open(task: Delimited) -> tuple[Opening, Placement]:
    opening = read_opening(task.path, task.stated, task.dialect, task.body)
    if opening.headings is None:
        return opening, place_by_position(task.contract)
    return opening, place(task.contract, opening.headings, task.body)


def _is_plain(task: Delimited, opening: Opening) -> bool:
    # With a longer delimiter the parser lets pass, garbled, what comes between a quote and half a delimiter.
    return opening.is_plain and len(task.dialect.delimiter) == 1


def dialect_of(contract: Contract, stated: CsvFormat) -> Dialect:
    """The dialect that the contract states.

    Raises:
        ContractError: the fast parser has no such dialect.
    """
    dialect = Dialect.of(stated)
    for what, text, most in (
        ("delimiter", dialect.delimiter, 4),
        ("quote", dialect.quote, 1),
        ("escape", dialect.escape, 1),
    ):
        if len(text) > most or b"\n" in text or b"\r" in text:
            raise ContractError(
                f"no {what} of delimited text",
                file=str(contract.path),
                given=repr(text.decode()),
                allowed=f"at most {most} bytes of UTF-8, no line end",
            )
    return dialect


def _fast(plain: PlainText) -> Sieved | None:
    """The whole body in one pass; None: it is not well-formed throughout, and nothing was appended.

    The parser's count of records, and of line feeds in their cells, must equal a count of lines made beside
    it: there are files that it ends early without an error.
    """
    task = plain.task
    # Looked at first: invalid text in a column that nobody wants ends the parser in an internal error, which
    # takes the whole database with it.
    lines = survey(task.path, plain.opening.offset).lines
    if lines is None:
        return None
    task.con.execute("BEGIN")
    try:
        rows = insert_raw(task.con, plain.cells, task.body, f"NULL, NULL FROM {plain.reader}")
        agreed = rows == lines or (_takes_each_once(plain) and rows + _line_feeds(task, rows) == lines)
    except (duckdb.InvalidInputException, duckdb.NotImplementedException):
        agreed = False  # the second is the parser's word for a line longer than its buffer
    except BaseException:
        task.con.execute("ROLLBACK")
        raise
    task.con.execute("COMMIT" if agreed else "ROLLBACK")
    return Sieved(rows, 0, lines) if agreed else None


def _takes_each_once(plain: PlainText) -> bool:
    return plain.placement.takes_all and len(plain.placement.positions) == plain.placement.width


def _line_feeds(task: Delimited, rows: int) -> int:
    """Line feeds in the cells of the last records of `raw`."""
    columns = ", ".join(quote_identifier(name) for name in task.contract.names)
    found = task.con.execute(
        f"SELECT sum(length(text) - length(replace(text, chr(10), ''))) FROM "
        f"(SELECT concat({columns}) AS text FROM raw WHERE rowid >= (SELECT count(*) FROM raw) - {rows})"
    ).fetchone()
    return int(found[0] or 0) if found else 0


def _slow(task: Delimited, placement: Placement, opening: Opening) -> Sieved:
    orderly = task.work / "orderly.csv"
    try:
        with (
            room_for(orderly, task.path.stat().st_size),
            task.path.open("rb") as stream,
            orderly.open("wb") as out,
        ):
            stream.seek(opening.offset)
            longest = task.stated.max_line_bytes
            sieved = Sieve(stream, out, task.dialect, placement.width, longest, task.keep).run()
        rest = "c0, decode(unhex(c1)) FROM " + _read_csv(task, orderly, placement.width + 2, has_header=False)
        cells = _cells(placement, first=2)
        rows = insert_raw(task.con, cells, task.body, rest) if sieved.records else 0
    except duckdb.InvalidInputException:
        rows = -1
    finally:
        orderly.unlink(missing_ok=True)
    if rows != sieved.records:
        raise UnreadableError(
            f"{task.body}: cannot be read in the stated dialect",
            given=f"{sieved.records} records by lines, {'none' if rows < 0 else rows} by cells",
        )
    return sieved


def _cells(placement: Placement, first: int = 0) -> list[str]:
    return ["NULL" if position is None else f"c{first + position}" for position in placement.positions]


def _read_csv(task: Delimited, path: Path, width: int, has_header: bool) -> str:
    """The table function over one file; every option stated, nothing guessed."""
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(width))
    # The parser counts the first line of a file up to two bytes longer than others: it may be stricter here,
    # the sieve decides. The orderly copy adds a reason and raw text.
    longest = task.stated.max_line_bytes - 1 if path == task.path else 2 * task.stated.max_line_bytes + 65536
    # Left alone, the parser takes the first line end for the file's, even one inside quotes. Stating CRLF
    # makes it misread such cells silently, so that only LF is stated.
    line_end = "new_line = '\\n', " if path != task.path else ""
    return (
        f"read_csv({one_file(path)}, auto_detect = false, strict_mode = true, "
        f"columns = {{{columns}}}, header = {has_header}, "
        f"delim = {quote_literal(task.dialect.delimiter.decode())}, "
        f"quote = {quote_literal(task.dialect.quote.decode())}, "
        f"escape = {quote_literal(task.dialect.escape.decode())}, {line_end}"
        f"encoding = 'utf-8', compression = 'none', null_padding = false, ignore_errors = false, "
        f"max_line_size = {longest}, buffer_size = {max(_BUFFER_BYTES, 2 * longest)})"
    )
