"""Verify pages: against their digests, against the figures, and against what would be written now."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.report.differences import Difference, Progress
from shanhai.report.figures import Figures
from shanhai.report.pages import render
from shanhai.report.read import read_report, read_versions
from shanhai.report.write import FIGURES, MANIFEST, figure_files, made_of

_SHOWN = re.compile(r'data-f="(\d+)"[^>]*>([^<]*)<')


def pages(report: Path, manifest: Mapping[str, Any], progress: Progress) -> Iterator[Difference | None]:
    """Each page and file of figures with its digest, and that there are no others."""
    digests = {**manifest["pages"], **manifest["files"]}
    for done, (path, digest) in enumerate(digests.items(), start=1):
        progress("pages", done, len(digests))
        file = report / path
        given = f"SHA-256 {sha256_of(file)}" if file.is_file() else "missing"
        yield None if given == f"SHA-256 {digest}" else Difference(f"page {path}", given, f"SHA-256 {digest}")
    for file in sorted(report.rglob("*.html")):
        path = file.relative_to(report).as_posix()
        if path not in digests:
            yield Difference(f"page {path}", "is there", "is none of the report's")


def shown(
    report: Path, manifest: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[Difference | None]:
    """Each figure as a page shows it with the list of figures."""
    figures = document["figures"]
    for path in manifest["pages"]:
        file = report / path
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        for place, given in _SHOWN.findall(text):
            known = figures[int(place)][4] if int(place) < len(figures) else "no such figure"
            same = unescape(given) == known
            yield None if same else Difference(f"{path}, figure {place}", unescape(given), known)


def why_not_comparable(node: Node, manifest: Mapping[str, Any]) -> str:
    """Why a report cannot be compared with one written now; empty when it can."""
    now = read_versions(node)
    older = [
        f"{name} {version}, which is at {now[name]} now"
        for name, version in manifest["versions"].items()
        if now.get(name, version) != version
    ]
    if older:
        return (
            f"The report is of an older version of the books: {'; '.join(older)}. It lacks what came since."
        )
    if manifest.get("made_of") != made_of(node):
        return (
            "The contracts, the program or the adopted applications are others by now: "
            "the pages were not written again."
        )
    return ""


def again(
    node: Node, manifest: Mapping[str, Any], document: Mapping[str, Any], progress: Progress
) -> Iterator[Difference | None]:
    """Each statement and each page with those of a report that is made now, at the moment of the first."""
    data = read_report(node, made_at=datetime.fromisoformat(manifest["made_at"]), as_it_is=True)
    data = replace(data, left_out=tuple(manifest.get("left_out", ())))
    figures = Figures()
    texts = {}
    for path, text in render(data, figures):
        texts[path] = text
        progress("pages written again", len(texts), len(manifest["pages"]))
    for name, statement in figures.document()["statements"].items():
        same = document["statements"].get(name) == statement
        yield (
            None
            if same
            else Difference(f"SQL of {name} in {FIGURES}", "another text", "as it is written now")
        )
    listed = {**manifest["pages"], **manifest["files"]}
    for path, text in {**texts, **figure_files(figures)}.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        given = listed.get(path, "missing")
        yield (
            None if given == digest else Difference(f"page {path}, written again", given, f"SHA-256 {digest}")
        )


def read(report: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the list of figures.

    Raises:
        OSError, ValueError, KeyError, TypeError, AttributeError: they are not there, or are none.
    """
    manifest = json.loads((report / MANIFEST).read_text(encoding="utf-8"))
    document = json.loads((report / FIGURES).read_text(encoding="utf-8"))
    datetime.fromisoformat(manifest["made_at"])
    known = {name: dict(manifest[name]) for name in ("pages", "files", "versions")}
    told = document["statements"].items()
    sql = {name: {"sql": str(one["sql"]), "key": list(one["key"])} for name, one in told}
    listed = [(name, row, columns, form, shown) for name, row, columns, form, shown in document["figures"]]
    if not sql.keys() >= {name for name, *_ in listed}:
        raise ValueError("a figure without its statement")
    return {**manifest, **known}, {"statements": sql, "figures": listed}
