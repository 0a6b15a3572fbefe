"""Publications: rows that each name one consistent set of mart versions, and where those lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.settings import Settings
from shanhai.warehouse import pins as delta
from shanhai.warehouse.lake import exists
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
class Publication:
    """A consistent set of mart versions, and the lake versions they were built from; numbered from 1."""

    number: int
    publication_id: str
    published_at: datetime
    marts: tuple[PublishedMart, ...]
    sources: tuple[tuple[str, int], ...]

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
        )
        for number, identity, micros, marts, sources in rows
    ]


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
