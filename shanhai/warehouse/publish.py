"""Publish: marts whose content changed get a new version, and one row names the consistent set of them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shanhai.clock import Clock
from shanhai.contracts.sql import quote_identifier
from shanhai.errors import BusyError, StoreError
from shanhai.settings import Settings
from shanhai.storage.disk import library_error
from shanhai.warehouse.build import identity_of, one_at_a_time
from shanhai.warehouse.digest import Content, content
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.last_build import BuildResult
from shanhai.warehouse.log import METADATA_KEY, TRANSACTION
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.publications import (
    PUBLICATIONS,
    Publication,
    PublishedMart,
    Truth,
    latest_publication,
    mart_path,
    publication_schema,
)
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version, table_path

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

log = logging.getLogger(__name__)

_BATCH_ROWS = 50_000


def publish(settings: Settings, result: BuildResult, clock: Clock) -> Publication | None:
    """Publish what `result` built; None when every mart is as the last publication has it.

    Repeating it after a crash at any point ends in the same state as one undisturbed call: a mart that was
    already written for this publication is found by its transaction, not written again.

    Raises:
        BusyError: another build has taken over the scratch file, or is under way.
        DiskFullError: there is no room; nothing is named by a publication yet.
        StoreError: a table cannot be read or written.
    """
    with one_at_a_time(settings):
        if identity_of(result.database, settings) != result.identity:
            raise BusyError("another build has replaced this one", hint="build and publish again")
        last = latest_publication(settings)
        before = {mart.name: mart for mart in last.marts} if last else {}
        with duckdb_session(settings, result.database, read_only=True) as con:
            found = {mart: content(con, _relation(mart)) for mart in result.marts}
            if last and {name: mart.digest for name, mart in before.items()} == _digests(found):
                log.info("publish outcome=unchanged marts=%d", len(found))
                return None
            after = last.publication_id if last else "first"
            marts = tuple(
                before[mart]
                if mart in before and before[mart].digest == its.digest
                else _publish_mart(con, settings, mart, its, after)
                for mart, its in found.items()
            )
        publication = Publication(
            number=last.number + 1 if last else 1,
            publication_id=_identity(after, found),
            published_at=clock(),
            marts=marts,
            sources=tuple(sorted(result.pins.items())),
            reads={node.name: node.reads for node in result.results if node.public},
            truths=tuple(
                Truth(node.name, node.status, node.failures, node.reads)
                for node in result.results
                if node.kind == "test"
            ),
        )
        _record(settings, publication)
    changed = sum(before.get(mart.name) != mart for mart in marts)
    log.info("publish id=%s marts=%d changed=%d", publication.publication_id, len(marts), changed)
    return publication


def _publish_mart(
    con: duckdb.DuckDBPyConnection, settings: Settings, mart: str, its: Content, after: str
) -> PublishedMart:
    """The mart's content as a version of its table, written at most once after the publication `after`."""
    path, transaction = mart_path(settings, mart), f"publish:{after}:{its.digest}"
    reader = con.sql(f"SELECT * FROM {_relation(mart)}").to_arrow_reader(_BATCH_ROWS)
    if not exists(path):
        LakeTable.create(path, reader.schema, name=mart)
    version = _written(path, transaction)
    if version is None:
        facts = {"mart": mart, "rows": its.rows, "digest": its.digest, TRANSACTION: transaction}
        version = _write(path, reader, transaction, facts, append=False)
    return PublishedMart(mart, version, its.rows, its.digest)


def _record(settings: Settings, publication: Publication) -> None:
    import pyarrow as pa

    path, schema = table_path(settings, PUBLICATIONS), publication_schema()
    LakeTable.create(path, schema, name="publications")
    transaction = f"publication:{publication.publication_id}"
    if _written(path, transaction) is None:
        row = pa.Table.from_pylist([publication.as_row()], schema=schema)
        facts = {**publication.facts(), TRANSACTION: transaction}
        _write(path, row, transaction, facts, append=True)


def _write(path: Path, data: Any, transaction: str, facts: Mapping[str, Any], *, append: bool) -> int:
    from deltalake import CommitProperties, Transaction, write_deltalake
    from deltalake.exceptions import DeltaError

    table = open_version(path)
    properties = CommitProperties(
        custom_metadata={METADATA_KEY: json.dumps(facts, sort_keys=True)},
        app_transactions=[Transaction(transaction, 1)],
        max_commit_retries=0,
    )
    try:
        if append:
            write_deltalake(table, data, mode="append", commit_properties=properties)
        else:
            write_deltalake(
                table, data, mode="overwrite", schema_mode="overwrite", commit_properties=properties
            )
    except (DeltaError, OSError) as error:
        raise library_error("a table could not be written", error, given=path.name) from error
    return int(open_version(path).version())


def _written(path: Path, transaction: str) -> int | None:
    """The version that an application transaction made; None when it was never committed."""
    table = LakeTable.open(path)
    if not table.transaction(transaction):
        return None
    for commit in reversed(table.commits()):
        if commit.facts.get(TRANSACTION) == transaction:
            return commit.version
    raise StoreError("the log of a table has lost a commit", given=path.name)


def _relation(mart: str) -> str:
    return f"{quote_identifier(SCHEMA)}.{quote_identifier(mart)}"


def _digests(found: Mapping[str, Content]) -> dict[str, str]:
    return {mart: its.digest for mart, its in found.items()}


def _identity(after: str, found: Mapping[str, Content]) -> str:
    """What a publication is called: it follows from its predecessor and the content of its marts."""
    return hashlib.sha256(json.dumps([after, _digests(found)], sort_keys=True).encode()).hexdigest()[:32]
