"""Damage: which file of a table is lost, cut off or altered, once something could not be read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.errors import DamagedError, DiskFullError, ShanhaiError, StoreError

if TYPE_CHECKING:
    from shanhai.warehouse.lake import LakeTable

_RESTORE = "restore the file from a copy of the home"
_FOLLOWS = ("ledger", "quarantine")
"""Tables of the books that follow from the commits of the others, and can be written anew."""
_DIGITS = 20


def unreadable(path: Path, error: Exception, version: int | None = None) -> ShanhaiError:
    """What to raise where a library could not open the table in `path`, at a version.

    Returns:
        DamagedError, with the file, where its log is lost or damaged; else StoreError, such as for a disk.
    """
    place = path if version is None else f"{path}, version {version}"
    try:
        found = _damage_of_log(path)
    except OSError as cause:
        return StoreError(
            "no readable table",
            given=f"{place}: {cause.strerror}",
            allowed="a folder that this user may read",
            hint="look who owns it, and whether its disk is there and whole",
        )
    if found is None:
        text = str(error) or type(error).__name__
        return StoreError(
            "no readable table",
            given=f"{place}: {text.splitlines()[0][:200]}",
            hint="look whether its disk is there and whole, then run it again",
        )
    file, expected = found
    return damaged("the log of a table is damaged", path, file, expected)


def damaged(message: str, path: Path, file: Path, expected: str) -> DamagedError:
    """The error about a file of the table in `path`, with what helps."""
    if path.parent.name == "_system" and path.name in _FOLLOWS:
        hint = f"it follows from the tables: remove the folder {path}, then: shanhai reconcile"
    elif file.name.endswith(".checkpoint.parquet"):
        hint = f"it only makes reading faster: remove it, and {file.parent / '_last_checkpoint'}"
    else:
        hint = f"{_RESTORE}; docs/guide/operate.md, damage in the home"
    return DamagedError(message, given=file, allowed=expected, hint=hint)


@contextlib.contextmanager
def told_if_damaged(*tables: LakeTable) -> Iterator[None]:
    """Tell of an error of the block which file of the tables it comes from, where one is damaged.

    Nothing is looked at as long as nothing fails; then every file is hashed.

    Raises:
        DamagedError: a file is gone, cut off, or another one than was committed.
    """
    import duckdb

    try:
        yield
    except DiskFullError:
        raise
    except (duckdb.Error, StoreError) as error:
        for table in tables:
            if (name := table.damaged_file()) is not None:
                raise damaged(
                    "a file of a table is damaged",
                    table.path,
                    table.path / name,
                    "the bytes that were committed",
                ) from error
        raise


def _damage_of_log(path: Path) -> tuple[Path, str] | None:
    """The first file of a log that is not as one is, and what it had to be."""
    folder = path / "_delta_log"
    versions = sorted(
        int(file.stem)
        for file in folder.iterdir()
        if file.suffix == ".json" and len(file.stem) == _DIGITS and file.stem.isdigit()
    )
    # A folder without a commit is no table yet, as a full disk may leave it.
    for version in range(versions[-1] + 1 if versions else 0):
        file = folder / f"{version:0{_DIGITS}}.json"
        if not file.is_file():
            return file, f"commits 0 to {versions[-1]}, none of them missing"
        if (expected := _amiss(file, first=version == 0)) is not None:
            return file, expected
    for file in sorted(folder.glob("*.checkpoint.parquet")):
        if not _is_parquet(file):
            return file, "a checkpoint, which is Parquet"
    return None


def _amiss(file: Path, *, first: bool) -> str | None:
    """What a commit had to be; None where it is."""
    allowed = "a commit: lines of JSON, each one action"
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    except ValueError:
        return allowed
    if not lines or not all(isinstance(line, dict) for line in lines):
        return allowed
    kinds = {kind for line in lines for kind in line}
    return (
        "the first commit, with protocol and metaData"
        if first and not kinds >= {"protocol", "metaData"}
        else None
    )


def _is_parquet(file: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_table(file)
    except (OSError, pa.ArrowException):
        return False
    return True
