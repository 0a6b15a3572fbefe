"""The pages of a walked home: numbers lead to their SQL, nothing personal is there, a browser shows them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from browser import Browser, chromium
from linked import unlinked
from walked import NAMED, PERSON, SCRIPT, SECRET, Walked

STRINGS = Path(__file__).parents[2] / "shanhai" / "report" / "strings"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def pages(node: Walked) -> list[Path]:
    found = sorted(node.report.rglob("*.html"))
    assert len(found) == 1 + 2 * (7 + 1 + 1 + 3)
    return found


def test_every_number_on_every_page_leads_to_its_sql(walked_home: Walked) -> None:
    wrong = {
        page.relative_to(walked_home.report): unlinked(page.read_text("utf-8")) for page in pages(walked_home)
    }
    assert {page: numbers for page, numbers in wrong.items() if numbers} == {}


def test_a_number_without_a_link_would_be_found(walked_home: Walked) -> None:
    page = (walked_home.report / "en" / "index.html").read_text("utf-8")
    assert unlinked(re.sub(r'href="#S\d+"', 'href="#"', page).replace('class="f" data-f', "data-x"))
    assert unlinked("<p>of 606 rows</p>") == ["of 606 rows"]
    assert unlinked('<figure><svg aria-label="x"><text>12</text></svg></figure>') == ["12"]


def test_one_of_everything_is_on_the_pages(walked_home: Walked) -> None:
    names = walked_home.figures()["statements"]
    for kind in (
        "late windows",
        "number of late",
        "findings about",
        "differences of",
        "queries about",
        "files of",
        "truths",
        "decisions",
    ):
        assert any(name.startswith(kind) for name in names), kind


def test_no_personal_value_and_no_secret_is_told(walked_home: Walked) -> None:
    lineage = walked_home.home / "lineage"
    told = [*walked_home.report.rglob("*"), *lineage.rglob("*.ndjson")]
    texts = {file: file.read_text("utf-8") for file in told if file.is_file()}
    assert len(texts) > 30
    for hidden in (PERSON, NAMED, SECRET, "M003"):
        assert [file.name for file, text in texts.items() if hidden in text] == [], hidden
    pages_only = [text for file, text in texts.items() if lineage not in file.parents]
    assert not any(str(walked_home.root) in text for text in pages_only), "folders of this machine"


class Tags(HTMLParser):
    """Collects what a page has of markup that can act."""

    def __init__(self) -> None:
        super().__init__()
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "i") and ("style" not in dict(attrs) or tag != "i"):
            self.acting.append(tag)
        self.acting += [name for name, _ in attrs if name.startswith("on")]


def test_text_of_others_never_becomes_markup(walked_home: Walked) -> None:
    shown = 0
    for page in pages(walked_home):
        text = page.read_text("utf-8")
        tags = Tags()
        tags.feed(text)
        assert tags.acting == [], page
        shown += text.count("&lt;script&gt;alert(&#34;1 &amp; &#39;2&#39;&#34;)&lt;/script&gt;")
    assert shown > 20
    document = walked_home.figures()
    assert any(SCRIPT in figure[4] for figure in document["figures"])
    assert (walked_home.report / "figures.csv").read_bytes().startswith(b"\xef\xbb\xbfstatement,")
    manifest = json.loads((walked_home.report / "manifest.json").read_text("utf-8"))
    assert set(manifest["files"]) == {"figures.json", "figures.csv"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_every_page(walked_home: Walked, browser: Browser, width: int, dark: bool) -> None:
    wrong = {}
    for page in pages(walked_home):
        if dark and page.parent.name != "en":
            continue
        browser.open(page, width=width, height=844, dark=dark)
        if told := [*browser.told(), *browser.too_wide()]:
            wrong[page.relative_to(walked_home.report)] = told
    assert wrong == {}


@pytest.mark.parametrize("width", [1280, 700, 600, 520])
def test_no_line_of_chinese_ends_within_a_word_where_it_need_not(
    walked_home: Walked, browser: Browser, width: int
) -> None:
    seen, broken = 0, {}
    for page in sorted((walked_home.report / "zh").glob("*.html")):
        browser.open(page, width=width)
        ends = browser.value(_ENDS_OF_LINES)
        seen += len(ends)
        if within := [end for end in ends if end[0] not in _MAY_END_A_LINE]:
            broken[page.name] = within
    assert broken == {}
    assert seen, "no line of any page ends"


def test_ends_of_lines_are_found_in_whatever_element_they_are(walked_home: Walked, browser: Browser) -> None:
    browser.open(walked_home.report / "zh" / "index.html", width=400)
    lead = "<p class='lead' style='width: 5em; font-size: 20px; word-break: break-all'>{}</p>"
    for text, ends in (
        ("一二三四五六七八", ["五六"]),
        ("一二<a>三四五六七</a>八", ["五六"]),
        ("<b>一二三四五</b><i>六七</i>", ["五六"]),
        ("一二<small>三</small>", []),
    ):
        browser.value(f'document.querySelector("main").innerHTML = "{lead.format(text)}"')
        assert browser.value(_ENDS_OF_LINES) == ends, text


_MAY_END_A_LINE = "。，；：、！？”）》 "
_ENDS_OF_LINES = """[...document.querySelectorAll('main p.lead')].flatMap(one => {
  const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), range = document.createRange();
  const ends = [];
  let before = null, last = '';
  while (texts.nextNode()) {
    const text = texts.currentNode;
    for (let place = 0; place < text.length; place++) {
      range.setStart(text, place); range.setEnd(text, place + 1);
      const box = range.getClientRects()[0], sign = text.data[place];
      if (box && box.width) {
        // What is small stands lower, too, but to the right.
        if (before && box.top > before.top + 5 && box.left < before.right) ends.push(last + sign);
        before = box;
      }
      last = sign === '\\n' ? ' ' : sign;
    }
  }
  return ends;
})"""
"""The two characters around each end of a line."""


@pytest.mark.parametrize("dark", [False, True])
def test_a_number_shows_that_it_leads_somewhere_and_prints_without(
    walked_home: Walked, browser: Browser, dark: bool
) -> None:
    browser.open(walked_home.report / "en" / "index.html", dark=dark)
    style = "(({textDecorationLine, textDecorationStyle}) => [textDecorationLine, textDecorationStyle])"
    of_a_number = f"{style}(getComputedStyle(document.querySelector('main a.f')))"
    assert browser.value(of_a_number) == ["underline", "dotted"]
    browser.value("document.querySelector('main a.f').focus({focusVisible: true})")
    assert browser.value(of_a_number) == ["underline", "solid"]
    browser("Emulation.setEmulatedMedia", media="print")
    assert browser.value(of_a_number)[0] == "none"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_on_a_phone_no_card_stands_alone_beside_nothing(
    walked_home: Walked, browser: Browser, language: str
) -> None:
    browser.open(walked_home.report / language / "index.html", width=390)
    found = browser.value(
        "(() => { const all = document.querySelector('.looks').getBoundingClientRect();"
        "return [...document.querySelectorAll('.looks li')].map(one => one.getBoundingClientRect())"
        ".map(box => [box.top, box.width / all.width]) })()"
    )
    rows: dict[float, float] = {}
    for top, width in found:
        rows[top] = rows.get(top, 0) + width
    assert len(found) == 5
    assert min(rows.values()) > 0.9


def test_on_a_phone_a_of_b_is_broken_before_of(walked_home: Walked, browser: Browser) -> None:
    browser.open(walked_home.report / "en" / "index.html", width=390)
    of = (
        "(() => { const small = document.querySelector('.scores small'), range = document.createRange();"
        "const [a, b] = small.querySelectorAll('a'); a.textContent = '{}'; b.textContent = '{}';"
        "range.selectNode(a.nextSibling); const stroke = [...range.getClientRects()].at(-1);"
        "return [a, b].map(one => one.getBoundingClientRect().top).concat(stroke.top) })()"
    )
    for a, b in (("33", "38"), ("1,339,724", "1,339,967"), ("11,339,724,123", "11,339,967,123")):
        first, second, stroke = browser.value(of.replace("{}", a, 1).replace("{}", b, 1))
        assert stroke == second, (a, b)
    assert first < second, "too long for one line"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_lowest_score_says_of_what_it_is(walked_home: Walked, language: str) -> None:
    page = (walked_home.report / language / "index.html").read_text("utf-8")
    (card,) = re.findall(r"<li[^>]*><span class=\"name\">(?:最低评分|Lowest score)</span>.*?</li>", page)
    number = int(re.search(r'data-f="(\d+)"', card)[1])
    _, (indicator, dataset), *_ = walked_home.figures()["figures"][number]
    strings = yaml.safe_load((STRINGS / f"{language}.yml").read_text("utf-8"))
    assert f">{dataset}</span>" in card
    assert strings[f"indicator.{indicator}"] in card


@pytest.mark.parametrize(("language", "heading"), [("zh", "对账台账"), ("en", "Ledger")])
def test_a_page_prints_with_its_statements(
    walked_home: Walked, browser: Browser, language: str, heading: str
) -> None:
    browser.open(walked_home.report / language / "ledger.html")
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    assert _has_text(printed)
    assert browser.value("document.querySelector('h1').innerText") == heading
    browser.value("document.querySelector('.how').remove()")
    assert _sheets(browser.pdf()) < _sheets(printed), "the SQL is printed, too"


def _sheets(printed: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def _contents(printed: bytes) -> Iterator[bytes]:
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", printed, re.DOTALL):
        try:
            content = zlib.decompress(stream)
        except zlib.error:
            continue
        if re.search(rb"\bT[jJ]\b", content):
            yield content


def _has_text(printed: bytes) -> bool:
    """Whether text is drawn in a PDF, and not a picture of it: by operators that show glyphs."""
    return any(_contents(printed))
