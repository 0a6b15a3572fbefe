"""Build: dbt over pinned versions of the lake, in a scratch file that can be thrown away."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from shanhai.contracts.federation import Federation
from shanhai.contracts.sql import quote_literal
from shanhai.errors import BusyError
from shanhai.settings import Settings
from shanhai.storage.disk import disk_error, disk_errors
from shanhai.warehouse.failed_build import keep_failed
from shanhai.warehouse.last_build import BuildResult, keep_build
from shanhai.warehouse.project import assemble
from shanhai.warehouse.runner import BuildFailedError, invoke, require_sound
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import LAKE_SCHEMA, Pins, create_views, pin

log = logging.getLogger(__name__)


def build(
    settings: Settings,
    federation: Federation,
    *,
    pins: Pins | None = None,
    reconcile: Callable[[], object] | None = None,
) -> BuildResult:
    """Build and test every model; a dataset without a table counts as an empty one.

    The record of it is kept for `publish` before another build may begin: what it says of the scratch file is
    true of no other one.

    Args:
        settings: tells the home, the dbt project and the limits.
        federation: its contracts and generated models.
        pins: versions to read; by default the present ones.
        reconcile: brings the ledger up to the tables' commits, called between pinning the two.

    Raises:
        BuildFailedError: a model or a test failed; it is named. Nothing was published.
        BusyError: another build is under way in this home.
        ConfigurationError: there is no dbt project, or the models were not generated.
        StoreError: a table cannot be read, or the disk failed.
    """
    started = time.monotonic()
    with one_at_a_time(settings), disk_errors(settings.home):
        versions = dict(pins) if pins is not None else pin(settings, federation, reconcile)
        project = assemble(settings, federation)
        identity = secrets.token_hex(8)
        _fresh_database(settings, federation, versions, project.database, identity)
        results = invoke(project, ["build", "--exclude-resource-type", "unit_test"])
        try:
            require_sound(project, results)
        except BuildFailedError:
            keep_failed(settings, versions)
            raise
        seconds = round(time.monotonic() - started, 3)
        result = BuildResult(identity, versions, results, project.database, seconds)
        keep_build(settings, result)
    log.info("build identity=%s nodes=%d seconds=%s", identity, len(results), seconds)
    return result


@contextlib.contextmanager
def one_at_a_time(settings: Settings) -> Iterator[None]:
    """Hold the home's scratch database; freed when the process ends, however it ends.

    Raises:
        BusyError: another process or thread holds it.
        StoreError: the home cannot be written.
    """
    file = settings.home / "scratch" / "build.lock"
    with _opened(file) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                "another build is under way", given=settings.home, hint="try again when it is done"
            ) from error
        yield


def _opened(file: Path) -> IO[str]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise disk_error(error, file.parent) from error


def identity_of(database: Path, settings: Settings) -> str | None:
    """The identity of the build in a scratch file; None when there is none."""
    if not database.is_file():
        return None
    with duckdb_session(settings, database, read_only=True) as con:
        found = con.execute(f"SELECT identity FROM {LAKE_SCHEMA}.build").fetchone()
    return str(found[0]) if found else None


def _fresh_database(
    settings: Settings, federation: Federation, pins: Pins, database: Path, identity: str
) -> None:
    for leftover in (database, database.with_name(database.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with duckdb_session(settings, database) as con:
        create_views(con, settings, federation, pins)
        # A literal: binding a value makes DuckDB import pandas, a second of a build.
        con.execute(f"CREATE TABLE {LAKE_SCHEMA}.build AS SELECT {quote_literal(identity)} AS identity")
