"""Writes the report into a folder, page by page, and removes only what an earlier report left there."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai import __version__
from shanhai.errors import ConfigurationError, ShanhaiError
from shanhai.report.adopted import read_adopted
from shanhai.report.data import ReportData
from shanhai.report.differences import Progress
from shanhai.report.figures import Figures
from shanhai.report.pages import COVER, count_pages, render
from shanhai.storage.disk import disk_error

if TYPE_CHECKING:
    from shanhai.ingest.node import Node

MANIFEST = "manifest.json"
FIGURES = "figures.json"
TABLE = "figures.csv"
_PAGE = re.compile(r"index\.html|(zh|en)/((datasets|deliveries|marts)/)?[0-9a-z_]+(\.[0-9a-z_]+)?\.html")


def write_report(
    node: Node,
    out: Path | None = None,
    *,
    progress: Progress = lambda *_: None,
    left_out: list[ShanhaiError] | None = None,
) -> Path:
    """Write the report of a node.

    Args:
        node: the node; its ledger must have been reconciled.
        out: the folder to write to; None: `report/` of the home.
        left_out: gains why refused rows or sidecars are not in it; None: the first of that is raised, and
            nothing is written.

    Returns:
        The path of the first page.

    Raises:
        ConfigurationError: the folder holds other things than a report.
        StoreError: it cannot be written.
    """
    from shanhai.report.read import read_report

    folder = out if out is not None else node.settings.home / "report"
    data = read_report(node, progress=progress, left_out=left_out)
    return write_pages(data, folder, origin=made_of(node), progress=progress)


def write_pages(
    data: ReportData, folder: Path, *, origin: str = "", progress: Progress = lambda *_: None
) -> Path:
    """Write the pages of `data`; what was there stays readable until each page is replaced.

    Args:
        origin: the digest of what else they follow from, see `made_of`.
    """
    earlier = _earlier(folder)
    figures = Figures()
    pages: dict[str, str] = {}
    for path, text in render(data, figures):
        pages[path] = text
        progress("pages", len(pages), count_pages(data))
    files = figure_files(figures)
    try:
        if not (folder / MANIFEST).exists():
            # A first report that breaks off is known by this for a report: the next one goes on in its place.
            _replace(folder / MANIFEST, _begun(pages))
        for path, text in (*pages.items(), *files.items()):
            _replace(folder / path, text)
        # Last: until it is there the report counts as that of the versions before, and is written again.
        _replace(folder / MANIFEST, _manifest(data, pages, files, origin))
        for path in earlier - pages.keys():
            (folder / path).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error
    return folder / COVER


def made_of(node: Node) -> str:
    """The digest of what pages follow from beside the books: program, federation, adopted applications."""
    federation = node.federation
    facts = {
        "program": _program(),
        "contracts": {str(name): one.digest for name, one in sorted(federation.contracts.items())},
        "districts": {name: repr(one) for name, one in sorted(federation.districts.items())},
        "applications": [repr(one) for one in read_adopted(node.home) or ()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@functools.cache
def _program() -> str:
    """The digest of what writes pages: templates, words and code, and the version of the whole."""
    package = Path(__file__).parent
    files = sorted(file for kind in ("*.py", "templates/*", "strings/*") for file in package.glob(kind))
    digest = hashlib.sha256(__version__.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def figure_files(figures: Figures) -> dict[str, str]:
    """The files beside the pages that list every figure."""
    return {
        FIGURES: json.dumps(figures.document(), ensure_ascii=False) + "\n",
        TABLE: figures.table(),
    }


def is_behind(node: Node) -> bool:
    """Whether the report is missing, leaves something out, or is not of the books as they are now."""
    from shanhai.report.read import read_versions

    try:
        text = (node.home / "report" / MANIFEST).read_text(encoding="utf-8")
        manifest = json.loads(text)
        return bool(manifest["left_out"] or manifest["versions"] != read_versions(node))
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _earlier(folder: Path) -> set[str]:
    """The pages of the report that lies in `folder`; only what looks like one of them is ever removed."""
    if not folder.exists() or {file.name for file in folder.iterdir()} <= {f".{MANIFEST}.new"}:
        return set()
    try:
        pages = set(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["pages"])
    except (OSError, ValueError, KeyError, TypeError):
        pages = {""}
    if not all(_PAGE.fullmatch(page) for page in pages):
        raise ConfigurationError(
            "the folder holds something else than a report", given=folder, allowed="an empty or a new folder"
        )
    return pages


def _begun(pages: Iterable[str]) -> str:
    """The manifest of a report that is being written for the first time: of no version of the books."""
    return json.dumps({"versions": {}, "pages": dict.fromkeys(pages, "")}) + "\n"


def _manifest(data: ReportData, pages: Mapping[str, str], files: Mapping[str, str], origin: str) -> str:
    facts = {
        "made_at": data.made_at.isoformat(),
        "versions": dict(data.versions),
        "made_of": origin,
        "left_out": list(data.left_out),
        "files": _digests(files),
        "pages": _digests(pages),
    }
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def _digests(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(texts.items())}


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    try:
        scratch.write_text(text, encoding="utf-8", newline="")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
