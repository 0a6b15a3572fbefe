"""The guesses of `benchmarks.rows_from_sizes`, on small tables, and the table of the threat model."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rows_from_sizes import KNOWN, SIZES, Guessed, guessed, line

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "threat-model.md"


def stated() -> list[list[str]]:
    """The cells of the table that the page has right after it names the program."""
    after = PAGE.read_text("utf-8").partition("`python -m benchmarks.rows_from_sizes`")[2]
    lines = [one for one in after.split("\n\n")[1].splitlines() if one.startswith("|")]
    return [[text.strip().replace("\u2212", "-") for text in one.strip("|").split("|")] for one in lines]


def cell(text: str) -> float | None:
    return None if text == "–" else float(text.replace(",", ""))


def test_it_seals_looks_and_guesses_what_the_page_has():
    """The smaller sizes, one of them with full pages; what is drawn at random changes no length."""
    some = SIZES[:5]
    assert some[-1] > KNOWN
    for one, row in zip(guessed(some, KNOWN), stated()[2:], strict=False):
        pages, of_size = cell(row[1]), cell(row[3])
        assert one.by_pages == (None if pages is None else pytest.approx(pages, rel=0.01))
        assert one.by_size == pytest.approx(of_size, rel=0.01)
        assert line(one).split()[0] == row[0]


def test_the_page_has_what_it_prints():
    """Sizes as they are run, and each figure as far off as the page says."""
    heading, _, *rows = stated()
    assert f"one file of {KNOWN:,} rows" in heading[3]
    assert [row[0] for row in rows] == [f"{size:,}" for size in SIZES]
    for size, row in zip(SIZES, rows, strict=True):
        of_size = cell(row[3])
        assert of_size is not None
        told = [one.replace(" ", "") or "–" for one in row]
        assert line(Guessed(size, cell(row[1]), of_size)).split() == told


def test_what_the_page_says_of_its_table_is_so():
    _, _, *rows = stated()
    off = [[abs(float(cell.split()[0])) if cell else None for cell in (row[2], row[4])] for row in rows]
    text = " ".join(PAGE.read_text("utf-8").split())
    assert "within two in a hundred from 61,234 rows on" in text
    assert [one[0] is not None and one[0] <= 2 for one in off] == [size >= 61_234 for size in SIZES]
    assert "within one in ten, and one in a hundred where both have about as many rows or more" in text
    assert all(one[1] is not None and one[1] <= 10 for one in off)
    assert all(one[1] <= 1 for one, size in zip(off, SIZES, strict=True) if size > KNOWN)
