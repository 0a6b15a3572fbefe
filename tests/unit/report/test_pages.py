"""The pages stand alone: complete in both languages, linked, accessible, and without the network."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from html import unescape
from html.parser import HTMLParser

import pytest

from shanhai.ingest.books import Counts
from shanhai.ingest.records import ReasonRecord, State
from shanhai.report.data import ReportData
from shanhai.report.figures import Figures
from shanhai.report.figures import Page as FigurePage
from shanhai.report.pages import render
from shanhai.report.statements import Statement

VOID = {"meta", "link", "line", "path", "rect", "br", "circle"}


@dataclass
class Page(HTMLParser):
    """What a test asks of one page."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    titles: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.titles += tag == "title" and "svg" not in self.open
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def pages(report: ReportData) -> dict[str, Page]:
    found = {}
    for path, html in render(report):
        found[path] = Page()
        found[path].feed(html)
    return found


def test_both_languages_have_the_same_pages(pages: dict[str, Page]) -> None:
    zh = {path[3:] for path in pages if path.startswith("zh/")}
    en = {path[3:] for path in pages if path.startswith("en/")}
    assert zh == en
    assert {"index.html", "ledger.html", "datasets/longyou.water_meters.html"} <= zh
    assert "index.html" in pages


def test_every_link_leads_to_a_page(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        for link in page.all("a") + page.all("link"):
            href = (link["href"] or "").partition("#")[0]
            if href and "download" not in link:
                assert posixpath.normpath(posixpath.join(posixpath.dirname(path), href)) in pages, (
                    path,
                    href,
                )


def test_language_switch_leads_to_the_same_page(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        if path != "index.html":
            (switch,) = [link for link in page.all("a") if link.get("class") == "language"]
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), switch["href"] or ""))
            assert target[3:] == path[3:]
            assert target[:3] != path[:3]


def test_nothing_comes_from_the_network(report: ReportData) -> None:
    for _, html in render(report):
        assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<img|<iframe", html)
        assert "default-src 'none'" in html


def test_pages_are_well_formed_and_titled(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        assert page.open == [], path
        assert len(page.all("h1")) == 1, path
        assert page.titles == 1, path
        assert page.all("html")[0]["lang"] == ("en" if path.startswith("en/") else "zh-Hans-CN")


def test_tables_have_headers_and_pictures_have_words(pages: dict[str, Page]) -> None:
    for path, page in pages.items():
        assert all("scope" in header for header in page.all("th")), path
        for picture in page.all("svg"):
            assert picture.get("aria-label") or picture.get("aria-hidden") == "true", path


def test_text_of_others_is_escaped(report: ReportData) -> None:
    html = dict(render(report))
    held = next(delivery for delivery in report.deliveries if delivery.verdict == "held")
    page = html[f"en/deliveries/{held.id.key}.html"]
    assert "&lt;b&gt;" in page
    assert "<b>&#39;" not in page


def test_overview_states_the_balance(pages: dict[str, Page]) -> None:
    assert "Every row that came in is accounted for" in pages["en/index.html"].text
    assert "收到的每一行都有去处" in pages["zh/index.html"].text
    assert "165,894" in pages["en/index.html"].text or "205,854" in pages["en/index.html"].text


def test_what_wants_a_look_is_not_green_while_something_does(report: ReportData) -> None:
    """The only delivery is refused: a card says so, and no other one stands out as good."""

    def looks(verdict: State) -> str:
        well = _one_that_is_well(report)
        (dataset,), (delivery,) = well.datasets, well.deliveries
        only = replace(delivery, row=replace(delivery.row, verdict=verdict))
        one = replace(well, datasets=(replace(dataset, deliveries=(only,)),))
        return dict(render(one))["en/index.html"].partition("What wants a look")[2].partition("</ul>")[0]

    refused, accepted = looks("refused"), looks("accepted")
    assert 'class="cards looks">' in refused
    assert refused.count('class="loud') == 1
    assert "of which no row was loaded" in refused.partition('class="loud grave"')[2].partition("</li>")[0]
    assert 'class="cards looks well">' in accepted
    assert 'class="loud' not in accepted


def test_nothing_is_green_and_not_every_row_accounted_for_while_something_is_left_out(
    report: ReportData,
) -> None:
    whole = _one_that_is_well(report)
    assert whole.well
    html = dict(render(whole))
    assert 'class="cards looks well">' in html["zh/index.html"]
    html = dict(render(replace(whole, left_out=("a.json is damaged",))))
    for path, claim, instead in (
        ("en/index.html", "Every row that came in", "Not all of it is here"),
        ("zh/index.html", "收到的每一行都有去处", "内容不全"),
    ):
        heading = html[path].partition("<h1>")[2].partition("</h1>")[0]
        assert (claim in html[path], instead in heading) == (False, True)
        assert 'class="cards looks">' in html[path]
        assert 'class="holds">' not in html[path]
    for claim, instead in (("all accounted for", "Not all of it is here"), ("行行有去处", "内容不全")):
        assert (claim in html["index.html"], instead in html["index.html"]) == (False, True)
    nothing = dict(render(replace(report, datasets=(), late=(), left_out=("a.json is damaged",))))
    assert "Nothing has been loaded yet" not in nothing["en/index.html"]


def _one_that_is_well(report: ReportData) -> ReportData:
    """One accepted delivery, with all of its rows in the table."""
    dataset = next(one for one in report.datasets if one.id.name == "noise")
    (delivery,) = dataset.deliveries
    only = replace(delivery, in_lake=delivery.counts.loaded)
    return replace(report, datasets=(replace(dataset, deliveries=(only,)),), late=())


def test_a_broken_balance_is_loud(report: ReportData) -> None:
    dataset = report.datasets[2]
    delivery = dataset.deliveries[0]
    broken = replace(delivery, row=replace(delivery.row, counts=Counts(rows_in=5, loaded=3)))
    data = replace(report, datasets=(replace(dataset, deliveries=(broken,)),), late=())
    html = dict(render(data))
    for path in ("en/index.html", "en/ledger.html"):
        assert "2 rows are not accounted for." in re.sub("<[^>]*>", "", html[path])
    assert "Every row that came in" not in html["en/index.html"]
    assert "行数不平衡" in html["index.html"]


def test_each_check_stands_with_its_sql_and_what_it_ran_on(
    report: ReportData, pages: dict[str, Page]
) -> None:
    for delivery in report.deliveries:
        text = pages[f"en/deliveries/{delivery.id.key}.html"].text
        assert delivery.id.snapshot in text
        assert delivery.row.contract_version in text
        for check in delivery.validation.checks if delivery.validation else ():
            assert check.rule in text
            assert " ".join(check.sql.split()) in text


def test_every_figure_leads_to_its_statement_on_the_same_page(report: ReportData) -> None:
    figures = Figures()
    for path, html in render(report, figures):
        anchors = set(re.findall(r'<pre id="(S\d+)"', html))
        for place, target, shown in re.findall(r'data-f="(\d+)" href="#(S\d+)">([^<]*)<', html):
            assert target in anchors, path
            assert figures.figures[int(place)].shown == unescape(shown)
    assert len(figures.figures) > 300


def test_no_statement_has_two_texts_and_no_figure_two_values() -> None:
    page = FigurePage(Figures())
    counts = Statement("counts", "SELECT 1 AS n;", ("counts_of_all",))
    page.n(counts, "n", 1)
    with pytest.raises(ValueError, match="two values"):
        page.n(counts, "n", 2)
    with pytest.raises(ValueError, match="two statements"):
        page.n(Statement("counts", "SELECT 2 AS n;", ("counts_of_all",)), "n", 1)


def test_what_was_not_measured_is_not_called_good(report: ReportData) -> None:
    empty = replace(report, datasets=(replace(report.datasets[1], windows=()),))
    html = dict(render(replace(empty, publications=(), traces=())))
    assert "100.00%" not in html["en/scores.html"]


def test_reasons_are_worded_in_the_language_of_the_page(report: ReportData) -> None:
    dataset = report.datasets[0]
    delivery = dataset.deliveries[0]
    why = ReasonRecord(
        code="bad_rows",
        args={"bad": "82", "rows": "606", "limit": "5%"},
        text="82 of 606 rows are bad, more than 5%",
    )
    held = replace(
        delivery,
        row=replace(delivery.row, verdict="held", reason=why.text),
        validation=delivery.validation.model_copy(update={"why": (why,)}),
    )
    html = dict(render(replace(report, datasets=(replace(dataset, deliveries=(held,)),), late=())))
    assert "606 行中有 82 行不合格，超过 5%" in html["zh/drift.html"]
    assert why.text not in html["zh/drift.html"]
    assert why.text in html["en/drift.html"]


def test_decisions_tell_who_and_why(pages: dict[str, Page]) -> None:
    text = pages["zh/drift.html"].text
    assert "李薇" in text
    assert "区县来电确认为重复发送" in text
    assert "shanhai delivery approve longyou.water_meters/2024-03-03/" in text


def test_publications_tell_new_versions_from_unchanged(pages: dict[str, Page]) -> None:
    text = pages["en/publications.html"].text
    newest, first = text.split("No. 1")
    assert "dim_area 1 2,431 unchanged" in newest
    assert "fct_event 2 81,573 new version" in newest
    assert "dim_area 1 2,431 new version" in first


@pytest.mark.parametrize(
    ("page", "title"), [("en/index.html", "Applications adopted from"), ("zh/index.html", "已复用的伙伴应用")]
)
def test_what_was_adopted_from_whom_and_by_whom(report: ReportData, page: str, title: str) -> None:
    (one,) = report.applications or ()
    row = dict(render(report))[page].partition(title)[2].partition("</table>")[0]
    named = f"<code>{one.partner}.{one.application}</code>"
    for told in (named, str(one.version), one.listing, one.who, one.reason, "<code>shanhai audit log</code>"):
        assert told in row
    without = dict(render(replace(report, applications=())))[page]
    assert title not in without


def test_an_exchange_that_cannot_be_read_is_said_to_be(report: ReportData) -> None:
    html = dict(render(replace(report, applications=None)))
    assert "could not be read" in html["en/index.html"].partition("Applications adopted from")[2]


def test_a_purge_has_a_reason_of_its_own(report: ReportData) -> None:
    facts = next(facts for facts in report.datasets if any(one.verdict == "held" for one in facts.deliveries))
    held = next(one for one in facts.deliveries if one.verdict == "held")
    purged = replace(held.history[-1], kind="purge", counts=Counts(), table_version=99)
    deliveries = [
        replace(one, history=(*one.history, purged)) if one is held else one for one in facts.deliveries
    ]
    datasets = [replace(one, deliveries=deliveries) if one is facts else one for one in report.datasets]
    html = dict(render(replace(report, datasets=tuple(datasets))))
    row = html[f"en/deliveries/{held.id.key}.html"].partition("purged by retention")[2].partition("</tr>")[0]
    assert "as long as its retention says" in row
    assert "rows are bad" not in row


def test_an_empty_node_has_a_report(report: ReportData) -> None:
    html = dict(render(replace(report, datasets=(), publications=(), late=(), versions={})))
    assert "Nothing has been loaded yet" in html["en/index.html"]
    assert "尚未公布任何版本" in html["zh/publications.html"]
    assert len(html) == 15
