"""Verify figures: run each statement of a report over the home, and compare with what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.contracts.sql import quote_literal
from shanhai.errors import ShanhaiError, StoreError
from shanhai.ingest.node import Node
from shanhai.report.differences import Difference, Progress, unreadable
from shanhai.report.figures import written
from shanhai.report.mart_sql import IN_UTC
from shanhai.warehouse import pins
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version

if TYPE_CHECKING:
    import duckdb

_SCAN = re.compile(r"delta_scan\('((?:[^']|'')+)'(?:, version => (\d+))?\)")
_RECORDS = re.compile(r"read_json\('staged/\*/\*/\w+\.json',\s*columns = \{[^{}]*\}\)")
_FOLDERS = ("lake", "marts", "snapshots", "staged")
_SMALL = ("ledger", "quarantine", "publications")
_WITHOUT_TEXT = "* REPLACE (CASE WHEN raw IS NOT NULL THEN '' END AS raw)"
"""Of the text of refused rows statements ask only whether it is there; so much of it comes into memory."""


def figures(node: Node, document: Mapping[str, Any], progress: Progress) -> Iterator[Difference | None]:
    """Each figure with what its SQL gives now."""
    import duckdb

    by_statement: dict[str, list[Any]] = {}
    for figure in document["figures"]:
        by_statement.setdefault(figure[0], []).append(figure)
    with duckdb_session(node.settings) as con:
        for setting in _enclosing(node.home):
            con.execute(setting)
        tables = _Tables(node, con)
        for done, (name, asked) in enumerate(by_statement.items(), start=1):
            progress("statements", done, len(by_statement))
            statement = document["statements"][name]
            try:
                rows = _rows(con, tables.over(statement["sql"]), statement["key"])
            except (ShanhaiError, duckdb.Error, KeyError) as error:
                yield unreadable(f"statement {name}", error)
                continue
            for _, row, columns, form, shown in asked:
                yield _compared(name, rows, row, columns, form, shown)


def _enclosing(home: Path) -> Iterator[str]:
    """Settings under which SQL that anybody may have written reads below the home and nowhere else."""
    folder = quote_literal(home.as_posix())
    # Names are compared as they are written, and statements write them from the home on.
    allowed = ", ".join((folder, *map(quote_literal, _FOLDERS)))
    yield f"SET file_search_path = {folder}"
    yield f"SET allowed_directories = [{allowed}]"
    yield "SET enable_external_access = false"
    yield "SET lock_configuration = true"


def _compared(
    name: str, rows: Mapping[Any, Any], row: list[str], columns: list[str], form: str, shown: str
) -> Difference | None:
    values = rows.get(tuple(row))
    if values is None:
        given = "–" if form == "share" else "0" if form == "number" else "no such row"
    else:
        try:
            given = written(form, values, columns)
        except (KeyError, ValueError, TypeError, AttributeError):
            given = "no such value"
    if given == shown:
        return None
    return Difference(" · ".join((name, *row, "/".join(columns))), given, shown)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, key: list[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    import duckdb

    sql = sql.removeprefix(IN_UTC)  # the session is, and its settings are locked
    statements = con.extract_statements(sql)
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise StoreError("a statement does not only read", allowed="one SELECT")
    found = con.execute(sql)
    names = [column[0] for column in found.description or ()]
    rows = (dict(zip(names, values, strict=True)) for values in found.fetchall())
    return {tuple(str(row[name]) for name in key): row for row in rows}


@dataclass
class _Tables:
    """Tables that statements read, as views of a session: the books in memory, since many ask for them."""

    node: Node
    con: duckdb.DuckDBPyConnection
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def over(self, sql: str) -> str:
        """The statement with a view in the place of each scan of a Delta table.

        Raises:
            StoreError: the version is not there, or lies outside the home.
        """
        sql = _RECORDS.sub(lambda match: self._records(match[0]), sql)
        return _SCAN.sub(lambda match: self._view(match[1].replace("''", "'"), match[2] or ""), sql)

    def _records(self, read: str) -> str:
        """The records of all deliveries, which many statements ask for, read once."""
        if (read, "") not in self.known:
            name = f"table_{len(self.known)}"
            self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {read}")
            self.known[read, ""] = name
        return self.known[read, ""]

    def _view(self, path: str, version: str) -> str:
        if (path, version) not in self.known:
            folder = (self.node.home / path).resolve()
            if not folder.is_relative_to(self.node.home):
                raise StoreError("a statement reads outside the home", given=path)
            relation = pins.relation(open_version(folder, int(version) if version else None), folder)
            name = f"table_{len(self.known)}"
            if folder.name in _SMALL and folder.parent.name == "_system":
                columns = _WITHOUT_TEXT if folder.name == "quarantine" else "*"
                self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {relation}")
            else:
                self.con.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {relation}")
            self.known[path, version] = name
        return self.known[path, version]
