"""The guesses of `benchmarks.rows_from_sizes`, on small tables, and the table of the threat model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.rows_from_sizes import KNOWN, SIZES, Guessed, guessed, line

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "threat-model.md"


def stated() -> list[list[str]]:
    """The cells of the table that the page has right after it names the program."""
    after = PAGE.read_text("utf-8").partition("`python -m benchmarks.rows_from_sizes`")[2]
    lines = [one for one in after.split("\n\n")[1].splitlines() if one.startswith("|")]
    return [[cell.strip().replace("\u2212", "-") for cell in one.strip("|").split("|")] for one in lines]


def test_it_seals_looks_and_guesses():
    small, large = guessed((1_000, 45_000), 30_000)
    assert (small.rows, small.by_pages) == (1_000, None)
    assert small.by_size == pytest.approx(1_000, rel=0.25)
    assert large.by_pages == pytest.approx(45_000, rel=0.05)
    assert large.by_size == pytest.approx(45_000, rel=0.05)
    assert line(small).split()[:3] == ["1,000", "–", "–"]
    assert re.fullmatch(r"45,000 4[\d,]{5} [+-]\d\.\d% 4[\d,]{5} [+-]\d\.\d%", " ".join(line(large).split()))


def test_the_page_has_what_it_prints():
    """Sizes as they are run, and each figure as far off as the page says."""
    heading, _, *rows = stated()
    assert f"one file of {KNOWN:,} rows" in heading[3]
    assert [row[0] for row in rows] == [f"{size:,}" for size in SIZES]
    for size, row in zip(SIZES, rows, strict=True):
        pages, of_size = (float(cell.replace(",", "")) if cell != "–" else None for cell in (row[1], row[3]))
        assert of_size is not None
        told = [cell.replace(" ", "") for cell in row]
        assert line(Guessed(size, pages, of_size)).split() == [one or "–" for one in told]


def test_what_the_page_says_of_its_table_is_so():
    _, _, *rows = stated()
    off = [[abs(float(cell.split()[0])) if cell else None for cell in (row[2], row[4])] for row in rows]
    text = " ".join(PAGE.read_text("utf-8").split())
    assert "within two in a hundred from 61,234 rows on" in text
    assert [one[0] is not None and one[0] <= 2 for one in off] == [size >= 61_234 for size in SIZES]
    assert "within one in ten, and one in a hundred where both have about as many rows or more" in text
    assert all(one[1] is not None and one[1] <= 10 for one in off)
    assert all(one[1] <= 1 for one, size in zip(off, SIZES, strict=True) if size > KNOWN)
