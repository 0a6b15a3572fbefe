"""Every write below a home: who makes it, where, and the function whose call and return stand around it.

docs/reference/faults.md tells the same list with what is true before and after each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watched_home import Act

_PLACE = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Write:
    """One kind of write. Paths are relative to the home; `<…>` stands for any part of a name.

    Args:
        name: as the document calls it.
        tasks: in which it happens; the first is where a test kills.
        function: `module:qualified.name`; no name has it yet when it is called, and all have it on return.
        about: a text in one of the function's variables, where it writes several things.
        within: the function that calls it, where others do as well.
        makes: files that appear, by their own name or by a move.
        replaces: files that are written whole beside their name, and moved to it.
        removes: files that go.
    """

    name: str
    tasks: tuple[str, ...]
    function: str
    about: str = ""
    makes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    within: str = ""

    def covers(self, act: Act, path: str) -> bool:
        """Whether it explains what was seen of a name."""
        if act in ("appears", "moves here"):
            made = _any(path, (*self.makes, *self.replaces))
            return made or (act == "appears" and self._is_beside(path))
        return _any(path, self.removes) or (act == "moves away" and self._is_beside(path))

    def _is_beside(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        beside = re.fullmatch(r"\.(.+)\.\w+", name)
        return beside is not None and _any(f"{folder}/{beside[1]}", self.replaces)


def _any(path: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(_expression(pattern), path) for pattern in patterns)


def _expression(pattern: str) -> str:
    """A place that a name begins with is none of `_system` or a hidden one."""
    escaped = re.escape(pattern).replace(r"\*\*", ".+")
    return _PLACE.sub("[^/]+", re.sub(r"(^|/)<[^>]+>", r"\1[^/_.][^/]*", escaped))


_TABLE = "lake/<district>/<dataset>"
_LOG = "_delta_log/<version>.json"
_LEDGER, _QUARANTINE = "lake/_system/ledger", "lake/_system/quarantine"
_PUBLICATIONS, _MART = "lake/_system/publications", "marts/<mart>"


def _log(table: str) -> dict[str, tuple[str, ...]]:
    """A commit: delta-rs writes the log entry beside its name, gives it the name, and removes the other."""
    return {"makes": (f"{table}/{_LOG}", f"{table}/{_LOG}#1"), "removes": (f"{table}/{_LOG}#1",)}


def _written(table: str) -> dict[str, tuple[str, ...]]:
    """A commit with a data file that delta-rs writes itself."""
    log, data = _log(table), f"{table}/part-<id>.parquet"
    return {
        "makes": (*log["makes"], data, f"{data}#1"),
        "removes": (*log["removes"], f"{data}#1"),
    }


def _checkpoint(table: str) -> tuple[str, ...]:
    """Of every hundredth commit: what the table was by then, and that readers may begin there."""
    return (f"{table}/_delta_log/<version>.checkpoint.parquet", f"{table}/_delta_log/_last_checkpoint")


_TABLES = (_TABLE, _LEDGER, _QUARANTINE, _PUBLICATIONS, _MART)
_CHECKPOINTS = tuple(path for table in _TABLES for path in _checkpoint(table))
_COMMIT = "shanhai.warehouse.lake:LakeTable.commit"
_MOVE = "pathlib:Path.replace"
_WHOLE = "shanhai.ingest.files:write_whole"

WRITES: tuple[Write, ...] = (
    Write(
        "incoming",
        ("pull",),
        "shanhai.storage.incoming:IncomingFile.finish",
        makes=("snapshots/.incoming/<id>",),
        removes=("snapshots/.incoming/<id>",),
    ),
    Write(
        "body",
        ("pull",),
        "shanhai.storage.local:LocalStore._name",
        "sha256/",
        makes=("snapshots/sha256/<xx>/<sha256>",),
    ),
    Write(
        "sidecar",
        ("pull",),
        "shanhai.storage.local:LocalStore._name",
        "deliveries/",
        makes=("snapshots/deliveries/<district>/<dataset>/<delivery>.json",),
    ),
    Write(
        "table",
        ("stage", "build", "publish", "decide"),
        "shanhai.warehouse.lake:LakeTable.create",
        makes=tuple(path for table in _TABLES for path in _log(table)["makes"]),
        removes=tuple(path for table in _TABLES for path in _log(table)["removes"]),
    ),
    Write(
        "kept contract",
        ("stage", "decide"),
        _WHOLE,
        ".odcs.yml",
        replaces=("contracts/<digest>.odcs.yml",),
    ),
    Write(
        "scratch of staging",
        ("stage", "check", "decide"),
        "shanhai.ingest.parting:part",
        makes=(
            "staged/<delivery>/<staging>/staged.<part>",
            "staged/<delivery>/<staging>/parting-<id>/<part>",
            "staged/<delivery>/<staging>/look-<id>/<part>",
        ),
        removes=(
            "staged/<delivery>/<staging>/staged.<part>",
            "staged/<delivery>/<staging>/parting-<id>/<part>",
            "staged/<delivery>/<staging>/look-<id>/<part>",
            "staged/<delivery>/<staging>/good.parquet",
            "staged/<delivery>/<staging>/validation.json",
        ),
    ),
    Write(
        "quarantine file",
        ("stage", "decide"),
        "shanhai.ingest.stage:place_quarantine",
        makes=("quarantine/<delivery>-<staging>-<digest>.parquet",),
        within="_put_in_place",
    ),
    Write(
        "good file",
        ("stage", "decide"),
        _MOVE,
        "good.parquet",
        makes=("staged/<delivery>/<staging>/good.parquet",),
    ),
    Write(
        "staging record",
        ("stage", "decide"),
        _WHOLE,
        "staging.json",
        replaces=("staged/<delivery>/<staging>/staging.json",),
    ),
    Write(
        "validation record",
        ("check", "decide"),
        _WHOLE,
        "validation.json",
        replaces=("staged/<delivery>/<staging>/validation.json",),
    ),
    Write(
        "scratch of staging goes",
        ("check", "decide"),
        "shanhai.ingest.stage:forget_staged_rows",
        removes=("staged/<delivery>/<staging>/staged.<part>",),
        within="_check_anew",
    ),
    Write(
        "good rows in the table's folder",
        ("load", "decide"),
        "shanhai.ingest.settlement:register",
        makes=(f"{_TABLE}/<delivery>-<number>-<random>.parquet",),
    ),
    Write(
        "rows that win or stay",
        ("load", "decide"),
        "shanhai.ingest.settlement:write_rows",
        makes=(
            f"{_TABLE}/<delivery>-<number>-<random>.parquet",
            f"{_TABLE}/<delivery>-<number>-<random>-rest.parquet",
        ),
        removes=(f"{_TABLE}/<delivery>-<number>-<random>-rest.parquet",),
    ),
    Write("commit of a delivery", ("load", "decide", "purge"), _COMMIT, **_log(_TABLE)),
    Write(
        "checkpoint",
        ("hundredth commit",),
        _COMMIT,
        makes=(*_CHECKPOINTS, *(f"{path}#1" for path in _CHECKPOINTS)),
        removes=tuple(f"{path}#1" for path in _CHECKPOINTS),
    ),
    Write(
        "rows after a withdrawal or a replay",
        ("decide",),
        "shanhai.ingest.rebuild:_written",
        makes=(f"{_TABLE}/<delivery>-<number>-<random>.parquet",),
    ),
    Write(
        "lines of the ledger",
        ("build", "purge"),
        "shanhai.ingest.projections:ledger_change",
        makes=(f"{_LEDGER}/<dataset>-<version>-<random>.parquet",),
    ),
    Write("commit of the ledger", ("build", "purge"), _COMMIT, _LEDGER, **_log(_LEDGER)),
    Write(
        "scratch of a staging aside",
        ("mending build", "mending purge"),
        "shanhai.ingest.stage:stage",
        makes=("scratch/recount/**",),
        removes=("scratch/recount/**",),
        within="staged_aside",
    ),
    Write(
        "quarantine file that was lost",
        ("mending build", "mending purge"),
        "shanhai.ingest.stage:place_quarantine",
        makes=("quarantine/<delivery>-<staging>-<digest>.parquet",),
        within="_make_again",
    ),
    Write(
        "rows in the quarantine's folder",
        ("build", "purge"),
        "shanhai.ingest.projections:_placed",
        replaces=(f"{_QUARANTINE}/<delivery>-<staging>-<digest>.parquet",),
    ),
    Write("commit of the quarantine", ("build", "purge"), _COMMIT, _QUARANTINE, **_log(_QUARANTINE)),
    Write(
        "scratch of a build",
        ("build",),
        "shanhai.warehouse.runner:invoke",
        makes=(
            "scratch/build.lock",
            "scratch/build.duckdb",
            "scratch/build.duckdb.wal",
            "scratch/dbt/**",
            "scratch/spill/**",
            "logs/dbt/dbt.log",
        ),
        removes=("scratch/build.duckdb", "scratch/build.duckdb.wal", "scratch/dbt/**", "scratch/spill/**"),
    ),
    Write(
        "record of a build",
        ("build",),
        "shanhai.warehouse.last_build:keep_build",
        makes=("scratch/build.json", "scratch/build.<pid>"),
        removes=("scratch/build.<pid>",),
    ),
    Write(
        "versions of a failed build",
        ("failing build",),
        "shanhai.warehouse.failed_build:keep_failed",
        makes=("scratch/failed.json", "scratch/failed.<pid>"),
        removes=("scratch/failed.<pid>",),
    ),
    Write("version of a mart", ("publish",), "shanhai.warehouse.publish:_write", "marts/", **_written(_MART)),
    Write(
        "publication",
        ("publish",),
        "shanhai.warehouse.publish:_write",
        _PUBLICATIONS,
        **_written(_PUBLICATIONS),
    ),
    Write(
        "lineage",
        ("report",),
        _WHOLE,
        "lineage",
        replaces=("lineage/<district>/<dataset>/<delivery>.ndjson", "lineage/publications/<number>.ndjson"),
    ),
    Write(
        "page of the report",
        ("report",),
        "shanhai.report.write:_replace",
        ".html",
        replaces=("report/<page>.html", "report/**/<page>.html", "report/figures.json", "report/figures.csv"),
        removes=("report/**/<page>.html",),
    ),
    Write(
        "manifest of the report",
        ("report",),
        "shanhai.report.write:_replace",
        "manifest.json",
        replaces=("report/manifest.json",),
    ),
    Write(
        "told verdicts",
        ("load",),
        _WHOLE,
        "notified/verdicts",
        replaces=("notified/verdicts/<dataset>.json",),
    ),
    Write(
        "quarantine file without texts",
        ("purge",),
        "shanhai.ingest.redact:redacted",
        makes=(
            "quarantine/<delivery>-<staging>-<digest>.parquet",
            "quarantine/<delivery>-<staging>-<random>.part",
        ),
        removes=("quarantine/<delivery>-<staging>-<random>.part",),
    ),
    Write(
        "what a purge lets go",
        ("purge",),
        "shanhai.ingest.erase:erase",
        removes=(
            "quarantine/<delivery>-<staging>-<digest>.parquet",
            f"{_QUARANTINE}/<delivery>-<staging>-<digest>.parquet",
            "staged/<delivery>/<staging>/good.parquet",
        ),
    ),
    Write(
        "bodies that a purge lets go",
        ("purge",),
        "shanhai.ingest.erase:erase_bodies",
        removes=("snapshots/sha256/<xx>/<sha256>",),
    ),
    Write("told windows", ("late",), _WHOLE, "late.json", replaces=("notified/late.json",)),
)


IN_A_BUCKET: tuple[Write, ...] = (
    Write(
        "bytes on the way to a bucket, or from it",
        ("pull into a bucket", "stage from a bucket"),
        "shanhai.storage.incoming:IncomingFile.finish",
        makes=("scratch/objects/.incoming/<id>", "scratch/objects/<random>/<sha256>"),
        removes=("scratch/objects/.incoming/<id>", "scratch/objects/<random>/<sha256>"),
    ),
    Write(
        "body in a bucket",
        ("pull into a bucket",),
        "shanhai.storage.s3:S3Store._upload",
        "sha256/",
        makes=("s3://<bucket>/<prefix>/sha256/<xx>/<sha256>",),
    ),
    Write(
        "sidecar in a bucket",
        ("pull into a bucket",),
        "shanhai.storage.s3:S3Store._upload",
        "deliveries/",
        makes=("s3://<bucket>/<prefix>/deliveries/<district>/<dataset>/<delivery>.json",),
    ),
)
"""What stands for incoming, body and sidecar where snapshots lie in a bucket."""

_RARE = ("failing build", "mending build", "hundredth commit")
UNDER_AIRFLOW = tuple(write for write in WRITES if write.tasks[0] not in _RARE)
"""What happens without a mart that is wrong, a file that is lost and a table of a hundred commits."""

OF_A_REPLAY = tuple(write for write in WRITES if "decide" in write.tasks)
"""What the task that carries out a person's decision writes when a delivery is judged by another contract."""

OF_A_RELEASE = tuple(write for write in OF_A_REPLAY if write.name not in ("table", "kept contract"))
"""The same when the contract is still the one that the delivery was judged by."""

OF_A_WITHDRAWAL = tuple(
    write for write in OF_A_RELEASE if "withdrawal" in write.name or write.name == "commit of a delivery"
)
"""The same when a delivery is taken back: nothing is staged."""

OF_AN_APPROVAL = tuple(
    write for write in OF_A_RELEASE if write.name in ("rows that win or stay", "commit of a delivery")
)
"""The same when rows compete that were staged already."""

OF_A_NOTE = tuple(write for write in OF_A_RELEASE if write.name == "commit of a delivery")
"""The same when no row moves: a refusal, or that refused rows are closed or open again."""

OF_A_PURGE = tuple(write for write in WRITES if "purge" in write.tasks)


def unexplained(seen: Iterable[tuple[Act, str]], writes: Iterable[Write] = WRITES) -> list[str]:
    """What was seen of names that no write of the list explains."""
    known = tuple(writes)
    return sorted(f"{act}: {path}" for act, path in seen if not any(one.covers(act, path) for one in known))
