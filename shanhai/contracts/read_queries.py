"""The queries of a contract: quality that it states as SQL, of its table and of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shanhai.contracts import standard
from shanhai.contracts.queries import Query, query_fields
from shanhai.contracts.reader import Reader
from shanhai.contracts.refusals import as_written
from shanhai.contracts.yamlfile import PathInFile


def read_queries(reader: Reader, table: dict[str, Any], path: PathInFile) -> tuple[Query, ...]:
    """The queries of the table, then those of each column.

    Raises:
        ContractError: an entry is no query, or called as another one.
    """
    found: list[Query] = []
    for column, entry, where in _entries(table, path):
        if entry.get("type") == "sql":
            found.append(_query(reader, entry, column, where))
        elif column is None:
            raise reader.error(
                "a table's quality is queries", where, given=as_written(entry), allowed="type: sql"
            )
        if len({query.name for query in found}) < len(found):
            raise reader.error(
                "two queries have the same name", where, given=found[-1].name, allowed="each name once"
            )
    return tuple(found)


def _entries(
    table: dict[str, Any], path: PathInFile
) -> Iterator[tuple[str | None, dict[str, Any], list[str | int]]]:
    """Each entry of quality, with the column that it is of and where it stands."""
    objects: list[tuple[str | None, dict[str, Any], PathInFile]] = [(None, table, path)]
    for position, item in enumerate(table.get("properties") or []):
        objects.append((item["name"], item, [*path, "properties", position]))
    for column, item, where in objects:
        for position, entry in enumerate(item.get("quality") or []):
            yield column, entry, [*where, "quality", position]


def _query(reader: Reader, entry: dict[str, Any], column: str | None, path: PathInFile) -> Query:
    reader.check_keys(entry, standard.QUERY, path)
    fields = query_fields(entry, column=column, line=reader.file.line(path))
    return reader.build(Query, fields, path)
