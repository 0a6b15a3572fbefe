"""The pages of the report as text: one file a path, each complete in itself."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator, Mapping

import jinja2

from shanhai.quality import scorecard
from shanhai.report import (
    calendar_sql,
    chart,
    graph,
    judged_sql,
    mart_sql,
    record_sql,
    refused_sql,
    score_sql,
    statements,
    views,
)
from shanhai.report.balance import PARTS, bad_share, difference
from shanhai.report.data import ReportData
from shanhai.report.figures import Figures, Page
from shanhai.report.refused import STATES
from shanhai.report.words import LANGUAGES, limit, moment, number, share, spelled, spoken, words

SECTIONS = ("index", "scores", "ledger", "quarantine", "drift", "publications", "check")
COVER = "index.html"


def render(data: ReportData, figures: Figures | None = None) -> Iterator[tuple[str, str]]:
    """Every page as (path within the report, HTML).

    Args:
        figures: where each number is written down that a page shows.
    """
    figures = figures if figures is not None else Figures()
    catalogues = {language: words(language) for language in LANGUAGES}
    cover = _environment().get_template("cover.html.j2")
    yield COVER, cover.render(data=data, page=functools.partial(Page, figures, {}), **catalogues, **_tools())
    for language in LANGUAGES:
        for path, template, facts in _pages(data, language):
            yield path, _page(data, figures, path, template, facts)


def count_pages(data: ReportData) -> int:
    """How many pages there are."""
    each = len(SECTIONS) + len(data.traces) + len(data.datasets) + len(data.deliveries)
    return 1 + len(LANGUAGES) * each


def _pages(data: ReportData, language: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Path, template and facts of each page in one language."""
    for section in SECTIONS:
        yield f"{language}/{section}.html", section, {"section": section, **views.of_section(data, section)}
    for trace in data.traces:
        facts = {"section": "publications", "trace": trace}
        yield f"{language}/marts/{trace.mart.name}.html", "mart", facts
    for dataset in data.datasets:
        facts = {"dataset": dataset, **views.of_dataset(dataset, words(language))}
        yield f"{language}/datasets/{dataset.id}.html", "dataset", facts
        for delivery in dataset.deliveries:
            facts = {"dataset": dataset, "delivery": delivery, **views.of_delivery(delivery)}
            yield f"{language}/deliveries/{delivery.id.key}.html", "delivery", facts


def _page(data: ReportData, figures: Figures, path: str, template: str, facts: Mapping[str, object]) -> str:
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
        "how": Page(figures),
        **_tools(),
        **facts,
    }
    return _environment().get_template(f"{template}.html.j2").render(values)


def _tools() -> dict[str, object]:
    return {
        "number": number,
        "share": share,
        "limit": limit,
        "moment": moment,
        "spoken": spoken,
        "spelled": spelled,
        "parts": PARTS,
        "states": STATES,
        "sections": SECTIONS,
        "difference": difference,
        "bad_share": bad_share,
        "ratio": scorecard.Ratio,
        "chart": chart,
        "graph": graph,
        "sql": statements,
        "calendar_sql": calendar_sql,
        "judged_sql": judged_sql,
        "mart_sql": mart_sql,
        "record_sql": record_sql,
        "refused_sql": refused_sql,
        "score_sql": score_sql,
        "scorecard": scorecard,
        "views": views,
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
