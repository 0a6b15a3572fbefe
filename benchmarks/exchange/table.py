"""The table that is measured, as the lake and as a stream of Arrow batches has it, and its sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import ColumnType

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW_BYTES = 120
"""Of one row, decoded, about: a megabyte has 8,333 of them."""
BATCH_ROWS = 1 << 16
COLUMNS: Mapping[str, ColumnType] = {
    "area": "string",
    "status": "string",
    "amount": "number",
    "noted_at": "timestamp",
    "who": "string",
    "text": "string",
}
"""Name and type, as a contract names it."""
CHOSEN = ("area", "status", "amount", "noted_at", "text")
FILTER = "status <> 'withdrawn'"
"""What leaves where only a part does: nine rows in ten, five columns of six."""
_YEAR = 31_536_000
"""In seconds."""


@dataclass(frozen=True)
class Table:
    """Where everything about one table lies, in a folder of its own."""

    folder: Path

    @property
    def lake(self) -> Path:
        """The rows as Parquet."""
        return self.folder / "table.parquet"

    @property
    def stream(self) -> Path:
        """The same rows as an Arrow stream, so that no decoder is measured with what writes."""
        return self.folder / "table.arrows"

    @property
    def plain(self) -> Path:
        """What the plain write made of them."""
        return self.folder / "plain.parquet"

    @property
    def sealed(self) -> Path:
        """The folder of a set of all rows and columns."""
        return self.folder / "sealed"

    @property
    def parcel(self) -> Path:
        """The folder of a set of `CHOSEN` and `FILTER`, and of the relay where its files lie."""
        return self.folder / "parcel"

    @property
    def relation(self) -> str:
        """SQL of the rows."""
        return f"(FROM read_parquet('{self.lake.as_posix()}'))"


def generate(table: Table, rows: int, *, stream: bool) -> None:
    """Write the table: codes, a status, an amount, a moment, a pseudonym, a text in Chinese; always the same.

    Args:
        stream: whether the Arrow stream is wanted, too.
    """
    table.folder.mkdir(parents=True)
    words = "array_to_string(list_transform(range(5 + h % 20), k -> chr((19968 + (h >> k) % 2000)::INT)), '')"
    query = f"""
        SELECT (330801 + h % 13)::VARCHAR AS area,
            CASE WHEN h % 10 = 0 THEN 'withdrawn' WHEN h % 10 < 3 THEN 'open' ELSE 'closed' END AS status,
            round(exp(2 + (h % 5003) / 1000), 2) AS amount,
            TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * {_YEAR} // {rows}) SECOND AS noted_at,
            md5((h % {rows})::VARCHAR) AS who,
            {words} AS text
        FROM (SELECT range AS i, (hash(range) >> 2)::BIGINT AS h FROM range({rows}))
    """
    with _session(table.folder) as con:
        con.execute(f"COPY ({query}) TO '{table.lake.as_posix()}' (FORMAT parquet, COMPRESSION zstd)")
    if stream:
        _write_stream(table)


def _write_stream(table: Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        pq.ParquetFile(table.lake) as source,
        pa.OSFile(table.stream.as_posix(), "wb") as sink,
        pa.ipc.new_stream(sink, source.schema_arrow.remove_metadata()) as writer,
    ):
        for batch in source.iter_batches(BATCH_ROWS):
            writer.write_batch(batch)


def sums(relation: str, scratch: Path, *, names: Sequence[str] = tuple(COLUMNS)) -> dict[str, int]:
    """Rows and a sum over each column, in which the order of rows does not count."""
    with _session(scratch) as con:
        return _sums(con, relation, dict(zip(names, names, strict=True)))


def sums_of_batches(
    reader: pa.RecordBatchReader, scratch: Path, *, names: Sequence[str] = tuple(COLUMNS)
) -> dict[str, int]:
    """The same over Arrow batches, whatever their columns are called."""
    with _session(scratch) as con:
        con.register("batches", reader)
        return _sums(con, "batches", dict(zip(names, reader.schema.names, strict=True)))


def _sums(con: duckdb.DuckDBPyConnection, relation: str, columns: Mapping[str, str]) -> dict[str, int]:
    told = ", ".join(f'sum(hash("{column}"))' for column in columns.values())
    found = con.execute(f"SELECT count(*), {told} FROM {relation}").fetchone() or ()
    return {name: int(one or 0) for name, one in zip(("rows", *columns), found, strict=True)}


def _session(scratch: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    spill = (scratch / "spill").as_posix()
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": spill})
    con.execute("SET TimeZone = 'UTC'")
    return con
