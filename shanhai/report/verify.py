"""Verify: count every figure of a report again, and look at each file that it rests on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.errors import ConfigurationError, ShanhaiError, StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import table_net
from shanhai.ingest.files import sha256_of
from shanhai.ingest.ledger import ledger_as_it_is
from shanhai.ingest.node import Node
from shanhai.ingest.recount import recount
from shanhai.ingest.sidecar import body_key, sidecars
from shanhai.report.figures import written
from shanhai.report.write import FIGURES, MANIFEST
from shanhai.warehouse import pins
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str, int, int], None]
"""Told what is looked at, how many are done, and of how many."""

_SCAN = re.compile(r"delta_scan\('((?:[^']|'')+)'(?:, version => (\d+))?\)")
_RECORDS = re.compile(r"read_json\('staged/\*/\w+\.json',\s*columns = \{[^{}]*\}\)")
_SHOWN = re.compile(r'data-f="(\d+)"[^>]*>([^<]*)<')
_SMALL = ("ledger", "quarantine", "publications")


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the report says."""

    what: str
    given: str
    expected: str


@dataclass
class Verification:
    """What was looked at, by kind, and what did not agree."""

    looked: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.differences

    def look(self, kind: str, found: Iterator[Difference | None]) -> None:
        """Count what was looked at, and keep what differs."""
        for one in found:
            self.looked[kind] = self.looked.get(kind, 0) + 1
            if one is not None:
                self.differences.append(one)


def verify(
    node: Node, report: Path, *, deep: bool = False, progress: Progress = lambda *_: None
) -> Verification:
    """Compare a report with the home it was made of.

    Always: each page and the list of figures with their digests; each figure with what its SQL gives now, and
    with its text on each page; the ledger with the commits; quarantine files with the digests in the commits;
    the files of each table with the sizes in its log; each snapshot's size.

    Args:
        report: the folder of the report.
        deep: also read every snapshot for its SHA-256, and stage each delivery again in a scratch folder.

    Raises:
        ConfigurationError: the folder holds no report.
    """
    manifest, document = _read(report)
    found = Verification()
    found.look("pages", _pages(report, manifest, progress))
    found.look("figures", _figures(node, document, progress))
    found.look("figures on pages", _shown(report, manifest, document))
    found.look("ledger rows", _books(node))
    found.look("files", _files(node))
    found.look("snapshots", _snapshots(node, deep, progress))
    if deep:
        changed: list[DeliveryId] = []
        found.look("numbers staged again", _recounts(node, progress, changed))
        if changed:
            found.looked["deliveries of another contract, not staged again"] = len(changed)
    return found


def _read(report: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        manifest = json.loads((report / MANIFEST).read_text(encoding="utf-8"))
        document = json.loads((report / FIGURES).read_text(encoding="utf-8"))
        pages, files = dict(manifest["pages"]), dict(manifest["files"])
        return {**manifest, "pages": pages, "files": files}, {**document, "figures": document["figures"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "the folder holds no report with figures", given=report, hint="shanhai report"
        ) from error


def _pages(report: Path, manifest: Mapping[str, Any], progress: Progress) -> Iterator[Difference | None]:
    digests = {**manifest["pages"], **manifest["files"]}
    for done, (path, digest) in enumerate(digests.items(), start=1):
        progress("pages", done, len(digests))
        file = report / path
        given = sha256_of(file) if file.is_file() else "missing"
        yield None if given == digest else Difference(f"page {path}", given, digest)


def _shown(
    report: Path, manifest: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[Difference | None]:
    figures = document["figures"]
    for path in manifest["pages"]:
        file = report / path
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        for place, shown in _SHOWN.findall(text):
            known = figures[int(place)][4] if int(place) < len(figures) else "no such figure"
            same = unescape(shown) == known
            yield None if same else Difference(f"{path}, figure {place}", unescape(shown), known)


def _figures(node: Node, document: Mapping[str, Any], progress: Progress) -> Iterator[Difference | None]:
    import duckdb

    by_statement: dict[str, list[Any]] = {}
    for figure in document["figures"]:
        by_statement.setdefault(figure[0], []).append(figure)
    with duckdb_session(node.settings) as con:
        con.execute(f"SET file_search_path = '{node.home.as_posix()}'")
        tables = _Tables(node, con)
        for done, (name, figures) in enumerate(by_statement.items(), start=1):
            progress("statements", done, len(by_statement))
            statement = document["statements"][name]
            try:
                rows = _rows(con, tables.over(statement["sql"]), statement["key"])
            except (ShanhaiError, duckdb.Error) as error:
                reason = str(error).splitlines()[0][:200]
                yield Difference(f"statement {name}", f"cannot be counted: {reason}", "a result")
                continue
            for _, row, columns, form, shown in figures:
                yield _compared(name, rows, row, columns, form, shown)


def _compared(
    name: str, rows: Mapping[Any, Any], row: list[str], columns: list[str], form: str, shown: str
) -> Difference | None:
    values = rows.get(tuple(row))
    if values is None:
        given = "–" if form == "share" else "0" if form == "number" else "no such row"
    else:
        given = written(form, values, columns)
    if given == shown:
        return None
    return Difference(" · ".join((name, *row, "/".join(columns))), given, shown)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, key: list[str]) -> dict[tuple[str, ...], dict[str, Any]]:
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
                columns = "* EXCLUDE (raw)" if folder.name == "quarantine" else "*"
                self.con.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {relation}")
            else:
                self.con.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {relation}")
            self.known[path, version] = name
        return self.known[path, version]


def _books(node: Node) -> Iterator[Difference | None]:
    """The ledger against the commits that it is projected from."""
    told = {str(row.delivery): row.counts for row in ledger_as_it_is(node)}
    for dataset in node.federation.datasets:
        if not exists(node.table(dataset)):
            continue
        for delivery, net in table_net(LakeTable.open(node.table(dataset))).items():
            given = told.get(delivery)
            same = given == net.counts
            yield None if same else Difference(f"ledger {delivery}", str(given), str(net.counts))


def _files(node: Node) -> Iterator[Difference | None]:
    """The files of the newest version of each table: there, and as large as its log says."""
    tables = [node.table(dataset) for dataset in node.federation.datasets]
    tables += [node.books(name) for name in _SMALL]
    tables += sorted((node.home / "marts").glob("*"))
    for path in (path for path in tables if exists(path)):
        actions = open_version(path).get_add_actions()
        sizes = actions.column("size_bytes").to_pylist()
        for name, size in zip(actions.column("path").to_pylist(), sizes, strict=True):
            file = path / str(name)
            given = file.stat().st_size if file.is_file() else "missing"
            shown = file.relative_to(node.home).as_posix()
            yield None if given == size else Difference(shown, f"{given} bytes", f"{size} bytes")
    yield from _quarantine_files(node)


def _quarantine_files(node: Node) -> Iterator[Difference | None]:
    for dataset in node.federation.datasets:
        if not exists(node.table(dataset)):
            continue
        for commit in LakeTable.open(node.table(dataset)).commits():
            for entry in commit.facts.get("entries", ()):
                name, digest = entry.get("quarantine_file"), entry.get("quarantine_sha256")
                file = node.books("quarantine") / str(name)
                if name and file.is_file():
                    given = sha256_of(file)
                    same = given == digest
                    yield None if same else Difference(f"quarantine {name}", given, str(digest))


def _snapshots(node: Node, deep: bool, progress: Progress) -> Iterator[Difference | None]:
    known = [one for dataset in node.federation.datasets for one in sidecars(node, dataset)]
    bodies = {body.sha256: body for one in known for body in one.bodies}
    for done, (digest, body) in enumerate(bodies.items(), start=1):
        progress("snapshots", done, len(bodies))
        name = f"snapshot {digest}"
        if not node.snapshots.exists(body_key(digest)):
            yield Difference(name, "missing", f"{body.size} bytes")
            continue
        with node.snapshots.local_path(body_key(digest)) as file:
            size = file.stat().st_size
            given = sha256_of(file) if deep and size == body.size else digest
        if size != body.size:
            yield Difference(name, f"{size} bytes", f"{body.size} bytes")
        else:
            yield None if given == digest else Difference(name, f"sha256 {given}", f"sha256 {digest}")
    for one in known:
        yield _manifest_digest(one.id, [(body.name, body.sha256) for body in one.bodies])


def _manifest_digest(delivery: DeliveryId, bodies: list[tuple[str, str]]) -> Difference | None:
    """A delivery is called by the digest of its one body, or by that of the list of names and digests."""
    listed = [{"name": name, "sha256": digest} for name, digest in bodies]
    joined = hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()
    allowed = {joined, *([bodies[0][1]] if len(bodies) == 1 else [])}
    if delivery.snapshot in allowed:
        return None
    return Difference(f"sidecar of {delivery.short}", joined, delivery.snapshot)


def _recounts(node: Node, progress: Progress, changed: list[DeliveryId]) -> Iterator[Difference | None]:
    rows = ledger_as_it_is(node)
    for done, row in enumerate(rows, start=1):
        progress("deliveries staged again", done, len(rows))
        try:
            outcome = recount(node, row.delivery)
        except ShanhaiError as error:
            yield Difference(f"{row.delivery.short} staged again", error.message, "the numbers of the books")
            continue
        if not outcome.comparable:
            changed.append(row.delivery)
        for line in outcome.lines:
            name = f"{row.delivery.short} staged again: {line.name}"
            yield None if line.agrees else Difference(name, str(line.again), str(line.kept))
