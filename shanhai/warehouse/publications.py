"""Publications: rows that each name one consistent set of mart versions, and where those lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.settings import Settings
from shanhai.warehouse import pins as delta
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version, table_path

if TYPE_CHECKING:
    import pyarrow as pa

PUBLICATIONS = "_system.publications"


@dataclass(frozen=True)
class PublishedMart:
    """One immutable version of a mart; `digest` is of its content, whatever the order of its rows."""

    name: str
    version: int
    rows: int
    digest: str


@dataclass(frozen=True)
class Truth:
    """A test of dbt that was run before a publication: the tables it rests on, and whether it held.

    `status` is dbt's: `pass`, or `warn` with the number of rows that were found. What fails is not published.
    """

    name: str
    status: str
    failures: int
    reads: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.status == "pass"


@dataclass(frozen=True)
class Publication:
    """A consistent set of mart versions, and the lake versions they were built from; numbered from 1.

    `reads` names by mart the tables among `sources` that it rests on. It and `truths` are kept in the
    commit of the publication; they are empty for one that was made before they were kept.
    """

    number: int
    publication_id: str
    published_at: datetime
    marts: tuple[PublishedMart, ...]
    sources: tuple[tuple[str, int], ...]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    truths: tuple[Truth, ...] = ()

    def sources_of(self, mart: str) -> tuple[tuple[str, int], ...]:
        """The tables that a mart rests on, with the versions that were read; all where it is not known."""
        named = self.reads.get(mart)
        return tuple(source for source in self.sources if named is None or source[0] in named)

    def facts(self) -> dict[str, Any]:
        """What the commit of the publication keeps beside its row."""
        return {
            "publication": self.publication_id,
            "reads": {mart: list(tables) for mart, tables in self.reads.items()},
            "truths": [{**vars(truth), "reads": list(truth.reads)} for truth in self.truths],
        }

    def as_row(self) -> dict[str, Any]:
        """The row of the publications table."""
        return {
            "number": self.number,
            "publication_id": self.publication_id,
            "published_at": self.published_at,
            "marts": [vars(mart) for mart in self.marts],
            "sources": [{"table": table, "version": version} for table, version in self.sources],
        }


def publications(settings: Settings) -> list[Publication]:
    """Every publication of this home, oldest first.

    Raises:
        StoreError: the table cannot be read.
    """
    path = table_path(settings, PUBLICATIONS)
    if not exists(path):
        return []
    kept = {
        commit.facts["publication"]: commit.facts
        for commit in LakeTable.open(path).commits()
        if "publication" in commit.facts
    }
    relation = delta.relation(open_version(path), path)
    with duckdb_session(settings) as con:
        rows = con.execute(
            "SELECT number, publication_id, epoch_us(published_at), marts, sources "
            f"FROM {relation} ORDER BY number"
        ).fetchall()
    return [
        Publication(
            number=number,
            publication_id=identity,
            published_at=datetime.fromtimestamp(micros / 1e6, UTC),
            marts=tuple(PublishedMart(**mart) for mart in marts),
            sources=tuple((source["table"], source["version"]) for source in sources),
            reads=_reads(kept.get(identity, {})),
            truths=_truths(kept.get(identity, {})),
        )
        for number, identity, micros, marts, sources in rows
    ]


def _reads(facts: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {mart: tuple(tables) for mart, tables in facts.get("reads", {}).items()}


def _truths(facts: Mapping[str, Any]) -> tuple[Truth, ...]:
    return tuple(Truth(**{**truth, "reads": tuple(truth["reads"])}) for truth in facts.get("truths", ()))


def latest_publication(settings: Settings) -> Publication | None:
    """The newest publication; None before the first.

    Raises:
        StoreError: the table cannot be read.
    """
    found = publications(settings)
    return found[-1] if found else None


def mart_path(settings: Settings, mart: str) -> Path:
    """Where a mart's table lies in the shared zone."""
    return settings.home / "marts" / mart


def mart_relation(settings: Settings, mart: PublishedMart) -> str:
    """A SQL relation, in parentheses, over the rows of exactly the published version.

    Raises:
        StoreError: the version is no longer there.
    """
    path = mart_path(settings, mart.name)
    return delta.relation(open_version(path, mart.version), path)


def publication_schema() -> pa.Schema:
    """The Arrow schema of the publications table."""
    import pyarrow as pa

    mart = pa.struct(
        [("name", pa.string()), ("version", pa.int64()), ("rows", pa.int64()), ("digest", pa.string())]
    )
    source = pa.struct([("table", pa.string()), ("version", pa.int64())])
    return pa.schema(
        [
            ("number", pa.int64()),
            ("publication_id", pa.string()),
            ("published_at", pa.timestamp("us", tz="UTC")),
            ("marts", pa.list_(mart)),
            ("sources", pa.list_(source)),
        ]
    )
