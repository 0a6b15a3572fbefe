"""Placeholders of windows."""

from __future__ import annotations

import pytest

from shanhai.connect.window import check_template, fill, windows_asked
from shanhai.errors import ConfigurationError


@pytest.mark.parametrize(
    ("template", "window", "filled"),
    [
        ("water/all.csv", None, "water/all.csv"),
        ("water/{window}.csv", "2024-03-01", "water/2024-03-01.csv"),
        ("{window}/{window}", "第3期", "第3期/第3期"),
        ("{window:%Y%m%d}", "2024-03-01", "20240301"),
        ("{window:%Y/%m}/x", "2024-03", "2024/03/x"),
        ("{next_window}", "2024-02-28", "2024-02-29"),
        ("{next_window}", "2024-12", "2025-01"),
        ("{next_window}", "2023", "2024"),
        ("{next_window}", "20240229", "20240301"),
        ("{next_window:%Y-%m-%dT%H:%M}", "2024-03-01T23", "2024-03-02T00:00"),
    ],
)
def test_a_template_is_filled(template: str, window: str | None, filled: str) -> None:
    assert fill(template, window) == filled


@pytest.mark.parametrize(
    "window", ["", "..", "a/b", "../a", "a..b", "*", "a b", "a\n", "%2e", "x" * 101, "?", "[a]"]
)
def test_what_is_no_window_reaches_no_path(window: str) -> None:
    with pytest.raises(ConfigurationError, match="not a window"):
        fill("{window}", window)
    with pytest.raises(ConfigurationError, match="not a window"):
        windows_asked(window, ())


@pytest.mark.parametrize(
    ("window", "shown"), [("二〇二四/三月", "二〇二四/三月"), ("三月\x1b[2J", "'三月\\x1b[2J'")]
)
def test_what_is_no_window_is_shown_as_it_was_typed(window: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        fill("{window}", window)
    assert refused.value.given == shown


@pytest.mark.parametrize("window", ["2024-13-01", "2024-3-1", "all", "2024-W10"])
def test_a_form_needs_a_date(window: str) -> None:
    with pytest.raises(ConfigurationError, match="is no date"):
        fill("{window:%Y}", window)


def test_a_window_that_is_needed_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="a window is needed"):
        fill("{window}", None)


@pytest.mark.parametrize("template", ["{day}", "{windows}", "{}", "{date:%Y}"])
def test_an_unknown_placeholder_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="is no placeholder"):
        check_template(template)


def test_listed_windows_stand_in_for_none() -> None:
    assert windows_asked(None, ["2020", "2021"]) == ("2020", "2021")
    assert windows_asked("2022", ["2020"]) == ("2022",)
    assert windows_asked(None, []) == (None,)
