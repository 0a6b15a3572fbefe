"""What must come out of the file, said by plain DuckDB: counts, and checksums of every column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    import duckdb

Form = Literal["parquet", "duckdb", "delta"]

_RULES = {
    "event_id.required": "event_id IS NULL",
    "event_id.length": "length(event_id) > 20",
    "area_code.pattern": "NOT regexp_full_match(area_code, '[0-9]{12}')",
    "channel.codes": "channel NOT IN ('sensor', 'platform', 'grid_staff', 'public')",
    "reported_at.type": "TRY_CAST(reported_at AS TIMESTAMP) IS NULL",
    "solved_at.type": "TRY_CAST(solved_at AS TIMESTAMP) IS NULL",
    "minutes.type": "TRY_CAST(minutes AS BIGINT) IS NULL",
    "minutes.range": "TRY_CAST(minutes AS BIGINT) < 0",
    "level_db.required": "level_db IS NULL",
    "level_db.type": "level_db IS NOT NULL AND TRY_CAST(level_db AS DOUBLE) IS NULL",
}
_SUMS = {
    "rows": "count(*)",
    **{
        name: f"sum(hash({name}::VARCHAR)::HUGEINT)" for name in ("event_id", "area_code", "channel", "place")
    },
    **{name: f"sum(epoch_us(TRY_CAST({name} AS TIMESTAMP)))" for name in ("reported_at", "solved_at")},
    "minutes": "sum(TRY_CAST(minutes AS BIGINT)::HUGEINT)",
    "level_db": "sum(round(TRY_CAST(level_db AS DOUBLE) * 100)::BIGINT::HUGEINT)",
    "levels": "count(level_db)",
}


@dataclass(frozen=True)
class Truth:
    """Of one file: sums over all rows, over those that the limit keeps and over good ones; rules broken."""

    all: dict[str, int]
    typed: dict[str, int]
    good: dict[str, int]
    counts: dict[str, int]
    quarantined: int
    duplicates: int


def truth_of(source: Path, scratch: Path) -> Truth:
    """Reads the file as text and judges it by conditions that are written here by hand.

    Good rows are those that break no rule, each once.
    """
    with _session(scratch) as con:
        read = (
            f"read_csv('{source.as_posix()}', header = true, all_varchar = true, delim = ',', quote = '\"')"
        )
        con.execute(f"CREATE VIEW texts AS FROM {read}")
        broken = " OR ".join(f"({condition})" for condition in _RULES.values())
        counts = ", ".join(f"count_if({condition})" for condition in _RULES.values())
        (bad, *found) = con.execute(f"SELECT count_if({broken}), {counts} FROM texts").fetchone() or ()
        con.execute(f"CREATE VIEW good AS SELECT DISTINCT * FROM texts WHERE NOT ({broken})")
        con.execute("CREATE VIEW typed AS FROM texts WHERE TRY_CAST(reported_at AS TIMESTAMP) IS NOT NULL")
        every, good = _sums(con, "texts"), _sums(con, "good")
        return Truth(
            all=every,
            typed=_sums(con, "typed"),
            good=good,
            counts=dict(zip(_RULES, found, strict=True)),
            quarantined=bad,
            duplicates=every["rows"] - bad - good["rows"],
        )


def sums_of(form: Form, place: Path, scratch: Path, *, zone: str) -> dict[str, int]:
    """The same sums over what a peer left: a Parquet file, a DuckDB file's table `events`, a Delta table."""
    with _session(scratch) as con:
        con.execute(f"SET TimeZone = '{zone}'")
        if form == "duckdb":
            con.execute(f"ATTACH '{place.as_posix()}' AS peer (READ_ONLY)")
            ((schema,),) = con.execute(
                "SELECT schema_name FROM duckdb_tables() "
                "WHERE database_name = 'peer' AND table_name = 'events'"
            ).fetchall()
            return _sums(con, f"peer.{schema}.events")
        files = delta_files(place) if form == "delta" else [place]
        return _sums(con, f"read_parquet({[file.as_posix() for file in files]})")


def delta_files(table: Path) -> list[Path]:
    """The files of a table's newest version, by its log; it must be too young for a checkpoint."""
    files: set[str] = set()
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            files |= {action["add"]["path"]} if "add" in action else set()
            files -= {action["remove"]["path"]} if "remove" in action else set()
    return [table / unquote(file) for file in sorted(files)]


def count_parquet(files: list[Path], scratch: Path) -> int:
    """How many rows Parquet files have."""
    with _session(scratch) as con:
        names = [file.as_posix() for file in files]
        ((rows,),) = con.execute(f"SELECT count(*) FROM read_parquet({names})").fetchall()
        return int(rows)


def _sums(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, int]:
    found = con.execute(f"SELECT {', '.join(_SUMS.values())} FROM {relation}").fetchone() or ()
    return {name: int(total or 0) for name, total in zip(_SUMS, found, strict=True)}


def _session(scratch: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    spill = (scratch / "spill").as_posix()
    return duckdb.connect(config={"threads": 2, "memory_limit": "6GB", "temp_directory": spill})
