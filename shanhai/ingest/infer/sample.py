"""The first rows of a source in one table of texts, read by the decoders that will read its deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from shanhai.contracts.formats import CsvFormat, Format, GeoJsonFormat, NdjsonFormat, ParquetFormat
from shanhai.contracts.model import Column, Contract, Source
from shanhai.errors import UnreadableError
from shanhai.ids import DatasetId
from shanhai.ingest.decode import BodyFile, decode
from shanhai.ingest.infer.bodies import Tell, look_at, not_read
from shanhai.ingest.infer.recognise import Recognised
from shanhai.ingest.infer.sources import Sources, sources_of

TABLE = "sample"
_MORE_LINES = 50
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Sample:
    """Rows of some bodies, as the table `sample` with a column of texts `c0`, `c1` … for each source.

    Attributes:
        reader: the contract that reads them: every column a text.
        rows: well-formed rows in the table.
        malformed: records that are none in the stated format.
        missing: sources that one of the bodies lacks.
        whole: whether the table has all rows of its bodies.
        why: what speaks for the format.
        bodies: the names of those that were read.
        notes: of each that was left out or looks otherwise, a line that names it.
        told: what was asked of its columns already: (SQL of a text, SQL of what is asked) → the answer.
    """

    con: duckdb.DuckDBPyConnection = field(repr=False)
    reader: Contract
    format: Format
    sources: Sources
    rows: int
    malformed: int
    missing: tuple[str, ...]
    whole: bool
    why: tuple[str, ...]
    bodies: tuple[str, ...]
    notes: tuple[str, ...]
    told: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)


def take_sample(
    con: duckdb.DuckDBPyConnection, bodies: tuple[BodyFile, ...], rows: int, work: Path, tell: Tell
) -> Sample:
    """Read the first `rows` rows of the bodies, about as many of each.

    Raises:
        UnreadableError: a body is nothing that a contract can state.
    """
    found = look_at(bodies, work, tell)
    told = found.told
    stated, sources, readable, notes = _sources(found.readable, told)
    share = max(1, rows // len(readable))
    reader = _reader(stated, sources)
    cut = [_cut(body, one, share, work / f"cut-{number}") for number, (body, one) in enumerate(readable)]
    decoded = decode(con, reader, [body for body, _ in cut], work)
    names = ", ".join((*reader.names, "_body"))
    con.execute(
        f"CREATE OR REPLACE TABLE {TABLE} AS SELECT {names} FROM raw WHERE _malformed IS NULL "
        f"QUALIFY row_number() OVER (PARTITION BY _body ORDER BY rowid) <= {share}"
    )
    kept = con.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    count = int(kept[0]) if kept else 0
    if not count:
        raise UnreadableError(
            "no row to draft a contract from",
            given=f"{decoded.rows} records, none of them well-formed",
            allowed="a row at least",
        )
    well_formed = decoded.rows - decoded.malformed
    con.execute("DROP TABLE raw")
    return Sample(
        con=con,
        reader=reader,
        format=stated,
        sources=sources,
        rows=count,
        malformed=decoded.malformed,
        missing=tuple(name for name in decoded.missing if name in sources.names),
        whole=count == well_formed and not any(is_cut for _, is_cut in cut),
        why=told.why,
        bodies=tuple(body.name for body, _ in readable),
        notes=(*found.notes, *notes),
    )


_Readable = tuple[tuple[BodyFile, Recognised], ...]


def _sources(readable: _Readable, told: Recognised) -> tuple[Format, Sources, _Readable, tuple[str, ...]]:
    """The sources of all bodies together, in the order in which they were met.

    Returns:
        the format, the sources, the bodies that have some, and a note of each that has none.

    Raises:
        UnreadableError: none of them has any.
    """
    names: dict[str, str] = {}
    stated, first = told.format, None
    kept: list[tuple[BodyFile, Recognised]] = []
    refused: dict[str, UnreadableError] = {}
    for body, one in readable:
        plain = BodyFile(body.name, one.plain)
        try:
            sources, form = sources_of(plain, told.format.model_copy(update=_UNPACKED), one.text)
        except UnreadableError as error:
            refused[not_read(body, error)] = error
            continue
        kept.append((body, one))
        stated = told.format.model_copy(update=_layout(form)) if form != told.format else stated
        first = first or sources
        for name, title in zip(sources.names, sources.titles, strict=True):
            names.setdefault(name, title)
    if first is None:
        raise next(iter(refused.values()))
    found = Sources(tuple(names), tuple(names.values()), first.nested, first.ignored)
    return stated, found, tuple(kept), tuple(refused)


_UNPACKED = {"compression": "none", "member": None}


def _layout(form: Format) -> dict[str, object]:
    return {"header": form.header, "skip_lines": form.skip_lines} if isinstance(form, CsvFormat) else {}


def _reader(stated: Format, sources: Sources) -> Contract:
    columns = tuple(
        Column(name=f"c{number}", source=source, type="string") for number, source in enumerate(sources.names)
    )
    return Contract(
        dataset=DatasetId("draft", "draft"),
        version="0.1.0",
        status="draft",
        title="draft",
        level="district",
        share_class="not_shared",
        columns=columns,
        source=Source(connector="files", endpoint="draft"),
        format=stated.model_copy(update=_UNPACKED),
        ignored=sources.ignored,
        path=Path("draft.odcs.yml"),
        digest="0" * 64,
    )


def _cut(body: BodyFile, one: Recognised, rows: int, target: Path) -> tuple[BodyFile, bool]:
    """The beginning of a body with at least so many rows, and whether it is less than the whole."""
    match one.format:
        case CsvFormat() | NdjsonFormat():
            lines = True
        case GeoJsonFormat() as stated:
            lines = stated.lines
        case ParquetFormat():
            return _cut_parquet(body, one.plain, rows, target)
        case _:
            lines = False
    if not lines or getattr(one.format, "encoding", "").startswith("utf-16"):
        return BodyFile(body.name, one.plain), False
    wanted = rows + _MORE_LINES
    with one.plain.open("rb") as given, target.open("wb") as taken:
        while wanted > 0 and (block := given.read(_BLOCK_BYTES)):
            block += given.readline()
            taken.write(block)
            wanted -= block.count(b"\n") or block.count(b"\r")
        is_cut = bool(given.read(1))
    return BodyFile(body.name, target), is_cut


def _cut_parquet(body: BodyFile, path: Path, rows: int, target: Path) -> tuple[BodyFile, bool]:
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows <= rows:
            return BodyFile(body.name, path), False
        with pq.ParquetWriter(target, file.schema_arrow) as writer:
            taken = 0
            for batch in file.iter_batches(min(rows, 20_000), use_threads=False):
                writer.write_batch(batch)
                taken += batch.num_rows
                if taken >= rows:
                    break
    return BodyFile(body.name, target), True
