"""A window's key tells the window's first day; a form of keys that do not is no form."""

from __future__ import annotations

from datetime import date

import pytest

from shanhai.contracts.window_keys import can_be_read, first_day, is_key


@pytest.mark.parametrize(
    ("form", "key", "expected"),
    [
        ("%Y-%m-%d", "2024-02-29", date(2024, 2, 29)),
        ("%d.%m.%Y", "29.02.2024", date(2024, 2, 29)),
        ("%Y%j", "2024060", date(2024, 2, 29)),
        ("%Y-%m", "2024-02", date(2024, 2, 1)),
        ("%G-W%V", "2024-W09", date(2024, 2, 26)),
        ("%G-W%V", "2020-W53", date(2020, 12, 28)),
        ("第%G年%V周", "第2025年01周", date(2024, 12, 30)),
    ],
)
def test_a_key_tells_the_first_day(form: str, key: str, expected: date):
    assert can_be_read(form)
    assert first_day(form, key) == expected
    assert is_key(form, key)


@pytest.mark.parametrize("key", ["2024-3-1", "2024-03", "2024-02-30", "2024-03-01 ", "", "２０２４-03-01"])
def test_what_the_calendar_would_not_write_is_no_key(key: str):
    assert not is_key("%Y-%m-%d", key)


@pytest.mark.parametrize(
    "form",
    ["%V", "%Y-W%V", "%G", "%G-%m", "%G-%j", "%m-%d", "%d", "%Y%d", "%%V-%Y", "%G-%V-%d", "%Y/%m", "%Y %m"],
)
def test_a_form_whose_keys_tell_no_day_or_no_partition_cannot_be_read(form: str):
    assert not can_be_read(form)
