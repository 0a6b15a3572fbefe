"""Who is measured, how each is used, what each checks and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.peers.truth import Form

LIMIT = "limit"
SHANHAI = "shanhai"
PANDAS_GX = "pandas-gx"
_SLING = "sling-linux-amd64"


@dataclass(frozen=True)
class Subject:
    """One line of the table.

    Attributes:
        name: on the command line.
        title: for people.
        module: run as `python -m`, with the file, a small file and a folder to make.
        environment: folder of its lock; None runs in the project's own.
        form, place: of its result, below the folder that it makes.
        zone: in which its result's instants have the clock times of the file.
        rows: which rows of the file the result must have.
        steps: those that count; all where empty.
        shows: packages whose version the page tells.
        used: how.
        checks, lacks: of what Shanhai does.
    """

    name: str
    title: str
    module: str
    environment: str | None
    form: Form
    place: Path
    used: str
    checks: str
    lacks: str
    rows: Literal["all", "typed", "good"] = "all"
    zone: str = "UTC"
    steps: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


_DLT_CHECKS = (
    "types; its schema contracts can refuse other columns and types, none is set here; books of its loads "
    "(`_dlt_loads`)"
)
_NO_RULES = "no rule on values, no quarantine, no duplicates found, no second count"
_ARROW = "a resource of Arrow batches (`pyarrow.csv.open_csv`), types given"
_OBJECTS = "a resource of pages of 5,000 Python dictionaries, files of 100,000 items, two workers"


def _dlt(path: str, into: Literal["duckdb", "delta"], used: str) -> Subject:
    place = Path("run", "events.duckdb") if into == "duckdb" else Path("run", "lake", "bench", "events")
    title = f"dlt, {'Arrow' if path == 'arrow' else 'Python objects'} into {into.replace('d', 'D', 1)}"
    loaded = "by Parquet files" if into == "duckdb" else 'as `table_format="delta"` of `filesystem`'
    return Subject(
        name=f"dlt-{path}-{into}",
        title=title.replace("Duckdb", "DuckDB"),
        module="benchmarks.peers.dlt.load",
        environment="dlt",
        form=into,
        place=place,
        arguments=(path, into),
        shows=("dlt", "deltalake" if into == "delta" else "duckdb"),
        used=f"{used}; loaded {loaded}",
        checks=_DLT_CHECKS,
        lacks=_NO_RULES,
    )


SUBJECTS = (
    Subject(
        name=LIMIT,
        title="the limit",
        module="benchmarks.peers.plain.limit",
        environment=None,
        form="parquet",
        place=Path("events.parquet"),
        rows="typed",
        used="DuckDB: `COPY (FROM read_csv(…))` with types to one zstd Parquet file, two threads, 1 GB",
        checks="types; drops a row with a value that has none",
        lacks="everything else",
    ),
    Subject(
        name=SHANHAI,
        title="Shanhai",
        module="benchmarks.peers.plain.shanhai",
        environment=None,
        form="delta",
        place=Path("home", "lake", "bench", "events"),
        rows="good",
        zone="Asia/Shanghai",
        steps=("stage", "check", "load"),
        used="stage, check and load of one delivery, two threads, 1 GB; the snapshot is a line of its own",
        checks="ten rules, each counted twice; refused rows kept whole with their reasons; duplicates within "
        "the delivery; digest of the bytes; verdict; one commit with the books in it",
        lacks="",
    ),
    _dlt("arrow", "duckdb", _ARROW),
    _dlt("arrow", "delta", _ARROW),
    _dlt("objects", "duckdb", _OBJECTS),
    _dlt("objects", "delta", _OBJECTS),
    Subject(
        name="delta-rs",
        title="delta-rs append",
        module="benchmarks.peers.delta_rs.load",
        environment="delta_rs",
        form="delta",
        place=Path("events"),
        shows=("deltalake", "pyarrow"),
        used="`write_deltalake` of an Arrow reader over the file (`pyarrow.csv.open_csv`), types given",
        checks="that the types are the table's",
        lacks=_NO_RULES,
    ),
    Subject(
        name="sling",
        title="Sling into DuckDB",
        module="benchmarks.peers.sling.load",
        environment="sling",
        form="duckdb",
        place=Path("events.duckdb"),
        shows=(_SLING, "duckdb-cli"),
        used="`sling run`, full refresh, `copy_method: csv_files`, which was faster than its default here",
        checks="types, found from a sample; it can check conditions on columns, none is given here",
        lacks=_NO_RULES,
    ),
    Subject(
        name="target-duckdb",
        title="Singer tap and target-duckdb",
        module="benchmarks.peers.singer_target.load",
        environment="singer_target",
        form="duckdb",
        place=Path("events.duckdb"),
        needs=("singer_tap",),
        shows=("target-duckdb", "duckdb"),
        used="a tap that writes by singer-python's `write_record` what `csv.DictReader` reads, piped into "
        "`target-duckdb` with its default batches of 100,000 rows",
        checks="nothing by default; it can validate records by JSON schema, at more cost",
        lacks=_NO_RULES,
    ),
    Subject(
        name=PANDAS_GX,
        title="pandas and Great Expectations",
        module="benchmarks.peers.pandas_gx.load",
        environment="pandas_gx",
        form="parquet",
        place=Path("events.parquet"),
        shows=("pandas", "great-expectations"),
        used='`read_csv(engine="pyarrow", dtype=str)`, one validation, types, one zstd Parquet file',
        checks="the same ten rules, each counted once; timestamps by pattern, without a calendar",
        lacks="tells how many rows break a rule and writes all of them; no duplicates found, no books; the "
        "whole file in memory",
    ),
)


def subjects(names: list[str] | None = None) -> tuple[Subject, ...]:
    """Those that are named, in the order of the table; all without names.

    Raises:
        ValueError: nobody has a name.
    """
    known = [subject.name for subject in SUBJECTS]
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise ValueError(f"nobody is called {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(subject for subject in SUBJECTS if names is None or subject.name in names)
