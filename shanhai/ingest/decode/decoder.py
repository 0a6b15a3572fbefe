"""The one entry: bodies, unpacked and in UTF-8, go to the decoder of the format that the contract states."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from shanhai.contracts.model import (
    Contract,
    CsvFormat,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
    ParquetFormat,
    WorkbookFormat,
)
from shanhai.errors import DiskFullError, UnreadableError
from shanhai.ingest.decode.compression import room_for, unpack
from shanhai.ingest.decode.decoded import BodyCount, BodyFile, Decoded, Keep, Limits, beginning, total
from shanhai.ingest.decode.delimited import Delimited, decode_delimited, dialect_of
from shanhai.ingest.decode.encoding import check_stated, is_utf8, to_utf8
from shanhai.ingest.decode.geojson import decode_geojson
from shanhai.ingest.decode.json_paths import Shape
from shanhai.ingest.decode.ndjson import decode_ndjson
from shanhai.ingest.decode.parquet import decode_parquet
from shanhai.ingest.decode.raw_table import create_raw
from shanhai.ingest.decode.record_table import Records
from shanhai.ingest.decode.records import decode_records
from shanhai.ingest.decode.workbook import decode_workbook

log = logging.getLogger(__name__)


def decode(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    bodies: Sequence[BodyFile],
    work: Path,
    *,
    limits: Limits | None = None,
    keep: Keep = beginning,
) -> Decoded:
    """Fill the table `raw` with the records of all bodies, in their order, as texts.

    `raw` has one VARCHAR column per column of the contract, then `_body` (name of the body), `_malformed`
    (NULL, or one of `REASONS`; then all columns are NULL) and `_raw` (what is kept of the malformed
    record).
    rowid + 1 is the position of a record over all bodies. An empty cell of delimited text or of a sheet is
    NULL.

    Args:
        con: without an open transaction; an existing `raw` is replaced.
        work: an existing folder for files that are gone again afterwards.
        limits: what unpacking may yield.
        keep: makes of the text of a malformed record what stands for it in `_raw`.

    Raises:
        UnreadableError: a body is not what the contract states; `raw` is then of no use.
        ContractError: the format of the contract makes no sense.
        DiskFullError: no room in the work folder.
    """
    allowed = limits or Limits()
    create_raw(con, contract)
    try:
        counts = [_decode_body(con, contract, body, work, allowed, keep) for body in bodies]
    except duckdb.IOException as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise DiskFullError("no room to decode a snapshot", given=work.name) from error
        raise
    decoded = total(counts)
    log.info(
        "decode dataset=%s bodies=%d rows=%d malformed=%d",
        contract.dataset,
        len(bodies),
        decoded.rows,
        decoded.malformed,
    )
    return decoded


def _decode_body(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    body: BodyFile,
    work: Path,
    limits: Limits,
    keep: Keep,
) -> BodyCount:
    unpacked, text = work / "body.unpacked", work / "body.utf8"
    try:
        path = unpack(body, contract.format, unpacked, limits)
        match contract.format:
            case CsvFormat() as stated:
                dialect = dialect_of(contract, stated)
                path = in_utf8(contract, body.name, path, text, stated.encoding)
                return decode_delimited(
                    Delimited(con, contract, stated, dialect, body.name, path, work, keep)
                )
            case JsonFormat() | NdjsonFormat() | GeoJsonFormat() as stated:
                path = in_utf8(contract, body.name, path, text, stated.encoding)
                return _decode_json(
                    stated, Records(con, contract, stated.encoding, body.name, path, work, limits, keep)
                )
            case WorkbookFormat() as stated:
                return decode_workbook(con, contract, stated, BodyFile(body.name, path), limits, keep)
            case ParquetFormat():
                return decode_parquet(con, contract, BodyFile(body.name, path), limits)
    finally:
        unpacked.unlink(missing_ok=True)
        text.unlink(missing_ok=True)


def _decode_json(stated: JsonFormat | NdjsonFormat | GeoJsonFormat, task: Records) -> BodyCount:
    match stated:
        case JsonFormat():
            return decode_records(task, stated)
        case NdjsonFormat():
            return decode_ndjson(task, stated.max_line_bytes, Shape(), "json_type(json) = 'OBJECT'")
        case GeoJsonFormat():
            return decode_geojson(task, stated)


def in_utf8(contract: Contract, body: str, path: Path, target: Path, encoding: str) -> Path:
    """The file with a body's text in UTF-8: its own, or `target` with what it was converted to.

    Raises:
        UnreadableError: not text in the stated encoding.
        DiskFullError: no room beside `target`.
    """
    if is_utf8(contract):
        return path
    try:
        check_stated(path, encoding, body)
        with room_for(target, path.stat().st_size):
            to_utf8(path, target, encoding, body)
    except UnicodeError:
        # Not every codec carries what it cannot read: UTF-16 wants a byte order mark first.
        raise UnreadableError(
            f"{body}: not text in the stated encoding",
            allowed=encoding,
            hint="state the encoding that the source uses in the contract",
        ) from None
    return target
