"""What is said of headings can be no data: a file may have lost its line of headings."""

from __future__ import annotations

import pytest

from shanhai.contracts.model import CsvFormat, JsonFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.headings import shown, shown_unknown

RESIDENT = "330825194910011234"


@pytest.mark.parametrize("text", ["备注", "note", "_id", "Ünit (dB)", "第3期", "col_20240", "a" * 40, "#3"])
def test_what_looks_like_a_heading_is_shown(text):
    assert shown(text, 3) == text


@pytest.mark.parametrize(
    "text", [RESIDENT, "id330825", "3号楼", "-", "a" * 41, "a\nb", "#4", "13812345678", ""]
)
def test_what_may_be_data_is_told_by_place_and_length(text):
    assert shown(text, 3) == f"#3 ({len(text)} characters, not shown)"


def test_without_one_known_heading_no_text_is_shown():
    assert shown_unknown(["张三", "note"], {"name"}, only=["张三", "note"]) == (
        "#1 (2 characters, not shown)",
        "#2 (4 characters, not shown)",
    )
    assert shown_unknown(["name", "note"], {"name"}, only=["note"]) == ("note",)


def test_a_file_that_lost_its_headings_shows_none_of_its_first_record(decoded):
    outcome = decoded(f"{RESIDENT},张三\n".encode(), CsvFormat(), "id", "name")
    assert outcome.decoded.unknown == ("#1 (18 characters, not shown)", "#2 (2 characters, not shown)")


def test_keys_that_are_values_are_not_shown(decoded):
    outcome = decoded(f'[{{"id": 1, "{RESIDENT}": 2, "note": 3}}]'.encode(), JsonFormat(), "id")
    assert outcome.decoded.unknown == ("#1 (18 characters, not shown)", "note")


REFUSALS = {
    "twice": (f"{RESIDENT},{RESIDENT},x\n", CsvFormat(), "#1 (18 characters, not shown)"),
    "unreadable": (f'"{RESIDENT},x\n', CsvFormat(), "22 bytes up to line 1, not shown"),
    "too long": (f"{RESIDENT},".ljust(3 * 2**20, "x"), CsvFormat(), "more than 1048576 bytes up to line 1"),
    "no key": (
        f'{{"{RESIDENT}": 1, "code": 0}}',
        JsonFormat(records="data"),
        "#1 (18 characters, not shown), code",
    ),
}


@pytest.mark.parametrize(("body", "stated", "given"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_show_no_value(decoded, body, stated, given):
    with pytest.raises(UnreadableError) as refused:
        decoded(body.encode(), stated, "id", "name")
    assert given in str(refused.value)
    assert RESIDENT not in str(refused.value)
