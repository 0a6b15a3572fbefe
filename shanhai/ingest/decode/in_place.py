"""Delimited text that seems well-formed throughout is read where it lies: `raw` becomes a view over it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from shanhai.contracts.model import Contract, CsvFormat
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.texts import BLANKS
from shanhai.ingest.decode.compression import room_for, unpack
from shanhai.ingest.decode.decoded import BodyCount, BodyFile, Decoded, Limits, total
from shanhai.ingest.decode.decoder import in_utf8
from shanhai.ingest.decode.delimited import Delimited, PlainText, dialect_of, open_plain
from shanhai.ingest.decode.survey import survey
from shanhai.warehouse.batches import ROWS

_MOST_BODIES = 32
"""Each body is a scan of its own in the view, planned anew whenever it is read."""


@dataclass(frozen=True)
class InPlace:
    """What the view `raw` gives if the parser agrees: as many records as there are lines.

    Attributes:
        blanks: those of `BLANKS` that can occur in its texts.
        at_once: how many records that follow one another are not too long for a batch.
    """

    decoded: Decoded
    blanks: str
    at_once: int


def read_in_place(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    bodies: Sequence[BodyFile],
    folder: Path,
    *,
    limits: Limits | None = None,
) -> InPlace | None:
    """Make `raw` a view over all bodies, laid out as the table of `decode`; None: decode them instead.

    The text stays in `folder`, as `staged.<number>.text`, for as long as the view is to be read: another name
    of a body's own file where that is possible, else what was unpacked or converted.

    Whether every record is one physical line is for the caller to see: reading the view must raise nothing
    and give `decoded.rows` records. Only then rowid + 1 of an ordered copy is the position of a record.

    Raises:
        UnreadableError: a body is not what the contract states.
        ContractError: the format of the contract makes no sense.
        DiskFullError: no room in the folder.
    """
    if not isinstance(contract.format, CsvFormat) or len(bodies) > _MOST_BODIES:
        return None
    selects, counts, blanks, at_once = [], [], set[str](), ROWS
    for number, body in enumerate(bodies):
        plain = _standing(con, contract, contract.format, body, folder, number, limits or Limits())
        if plain is None:
            return None
        # The parser validates only the cells that it is asked for: invalid text in another one ends it in an
        # internal error, which takes the whole database with it.
        found = survey(plain.task.path, plain.opening.offset)
        if found.lines is None:
            return None
        selects.append(_select(contract, plain))
        counts.append(_count(plain, found.lines))
        blanks |= set(found.blanks)
        at_once = min(at_once, found.at_once)
    con.execute(f"CREATE OR REPLACE VIEW raw AS {' UNION ALL '.join(selects)}")
    return InPlace(total(counts), "".join(blank for blank in BLANKS if blank in blanks), at_once)


def _standing(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    stated: CsvFormat,
    body: BodyFile,
    folder: Path,
    number: int,
    limits: Limits,
) -> PlainText | None:
    """The body's text in UTF-8 in a file that stays, if it can be plain."""
    text, unpacked = folder / f"staged.{number}.text", folder / "body.unpacked"
    dialect = dialect_of(contract, stated)
    try:
        path = unpack(body, stated, unpacked, limits)
        path = in_utf8(contract, body.name, path, text, stated.encoding)
        if path == unpacked:
            unpacked.replace(text)
        elif path != text:
            _name_again(path, text)
        text.chmod(0o600)
    finally:
        unpacked.unlink(missing_ok=True)
    return open_plain(Delimited(con, contract, stated, dialect, body.name, text, folder))


def _name_again(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:
        with room_for(name, path.stat().st_size):
            shutil.copyfile(path, name)


def _select(contract: Contract, plain: PlainText) -> str:
    cells = ", ".join(
        f"{cell}::VARCHAR AS {quote_identifier(name)}"
        for cell, name in zip(plain.cells, contract.names, strict=True)
    )
    body = quote_literal(plain.task.body)
    return (
        f"SELECT {cells}, {body} AS _body, NULL::VARCHAR AS _malformed, NULL::VARCHAR AS _raw "
        f"FROM {plain.reader}"
    )


def _count(plain: PlainText, lines: int) -> BodyCount:
    placement = plain.placement
    return BodyCount(lines, 0, placement.missing, placement.unknown, lines + plain.opening.lines)
