"""The pages of the report as text: one file a path, each complete in itself."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import jinja2

from shanhai.ids import WHOLE
from shanhai.ingest.records import CheckRecord
from shanhai.report import chart, sql
from shanhai.report.data import (
    PARTS,
    DatasetFacts,
    DeliveryFacts,
    ReportData,
    bad_share,
    difference,
    quality,
    reasons,
)
from shanhai.report.words import LANGUAGES, moment, number, share, spoken, words
from shanhai.warehouse.publications import Publication, PublishedMart

SECTIONS = ("index", "ledger", "quarantine", "decisions", "publications")
COVER = "index.html"
_CHARTED = 24
_MATRIX = 12


@dataclass(frozen=True)
class MatrixLine:
    """One rule and its results over the last deliveries, None where a delivery was not checked by it."""

    rule: str
    dimension: str
    cells: tuple[CheckRecord | None, ...]

    @property
    def broken(self) -> bool:
        """Whether any delivery broke the rule."""
        return any(cell is not None and not cell.success for cell in self.cells)

    def heat(self, cell: CheckRecord) -> int:
        """How strongly a cell is coloured, 12 to 70 per cent, by its share of unexpected values."""
        return round(12 + 58 * min(1.0, (cell.unexpected / cell.total if cell.total else 0) * 4))


def render(data: ReportData) -> Iterator[tuple[str, str]]:
    """Every page as (path within the report, HTML)."""
    catalogues = {language: words(language) for language in LANGUAGES}
    yield COVER, _environment().get_template("cover.html.j2").render(data=data, **catalogues, **_written())
    for language in LANGUAGES:
        for section in SECTIONS:
            facts = {"section": section, **_facts(data, section)}
            yield _page(data, f"{language}/{section}.html", section, facts)
        for dataset in data.datasets:
            facts = {"dataset": dataset, **_dataset(dataset, language)}
            yield _page(data, f"{language}/datasets/{dataset.id}.html", "dataset", facts)
            for delivery in dataset.deliveries:
                facts = {"dataset": dataset, "delivery": delivery, **_delivery(delivery)}
                yield _page(data, f"{language}/deliveries/{delivery.id.key}.html", "delivery", facts)


def _facts(data: ReportData, section: str) -> dict[str, object]:
    match section:
        case "index":
            return {"dimensions": quality(data.deliveries)}
        case "quarantine":
            found = [(dataset, reasons(dataset.deliveries)) for dataset in data.datasets]
            return {"by_dataset": [(dataset, rows) for dataset, rows in found if rows]}
        case "decisions":
            pairs = [(dataset, delivery) for dataset in data.datasets for delivery in dataset.deliveries]
            return {"held": [pair for pair in pairs if pair[1].verdict == "held"]}
        case "publications":
            return {"published": _published(data)}
        case _:
            return {}


def _published(data: ReportData) -> list[tuple[Publication, list[tuple[PublishedMart, bool]]]]:
    """The publications, newest first, and of each mart whether that publication gave it a new version."""
    found = []
    before: dict[str, PublishedMart] = {}
    for publication in data.publications:
        marts = [(mart, before.get(mart.name) != mart) for mart in publication.marts]
        found.append((publication, marts))
        before = {mart.name: mart for mart in publication.marts}
    return found[::-1]


def _dataset(dataset: DatasetFacts, language: str) -> dict[str, object]:
    shown = dataset.deliveries[-_CHARTED:]
    t = words(language)
    bars = [
        chart.Bar(
            label=t("partition.all") if delivery.id.partition == WHOLE else delivery.id.partition,
            href=f"../deliveries/{delivery.id.key}.html",
            counts=delivery.counts,
        )
        for delivery in shown
    ]
    recent = [delivery for delivery in dataset.deliveries if delivery.validation][-_MATRIX:]
    hidden = len(dataset.deliveries) - len(shown)
    tolerance = dataset.contract.tolerance if dataset.contract else None
    limits = {"hold": tolerance.hold, "refuse": tolerance.refuse} if tolerance else {}
    return {"bars": bars, "hidden": hidden, "recent": recent, "matrix": _matrix(recent), "limits": limits}


def _matrix(recent: list[DeliveryFacts]) -> list[MatrixLine]:
    results = [{check.rule: check for check in _checks(delivery)} for delivery in recent]
    rules: dict[str, str] = {}
    for found in reversed(results):
        for check in found.values():
            rules.setdefault(check.rule, check.dimension)
    return [
        MatrixLine(rule, dimension, tuple(found.get(rule) for found in results))
        for rule, dimension in rules.items()
    ]


def _delivery(delivery: DeliveryFacts) -> dict[str, object]:
    checks = sorted(_checks(delivery), key=lambda check: (check.success, -check.unexpected))
    return {"checks": checks, "reasons": reasons([delivery])}


def _checks(delivery: DeliveryFacts) -> tuple[CheckRecord, ...]:
    return delivery.validation.checks if delivery.validation else ()


def _page(data: ReportData, path: str, template: str, facts: Mapping[str, object]) -> tuple[str, str]:
    language, _, rest = path.partition("/")
    other = next(code for code in LANGUAGES if code != language)
    here = posixpath.dirname(path)
    values = {
        "data": data,
        "section": "",
        "t": words(language),
        "other": words(other),
        "other_page": posixpath.relpath(f"{other}/{rest}", here),
        "url": lambda target: posixpath.relpath(f"{language}/{target}", here),
        **_written(),
        **facts,
    }
    return path, _environment().get_template(f"{template}.html.j2").render(values)


def _written() -> dict[str, object]:
    return {
        "number": number,
        "share": share,
        "moment": moment,
        "spoken": spoken,
        "parts": PARTS,
        "sections": SECTIONS,
        "difference": difference,
        "bad_share": bad_share,
        "chart": chart,
        "sql": sql,
    }


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("shanhai.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
