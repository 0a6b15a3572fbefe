"""A wrong option is refused with the connector, the option, what was given and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from shanhai.connect.registry import check_options
from shanhai.errors import ConfigurationError

GOOD = {"path": "a.csv"}
CASES = [
    ("files", {}, "option path is missing; allowed: path, optional, windows, auth, headers"),
    ("files", GOOD | {"paths": "b"}, "option paths is not known; given: paths; allowed: path, optional"),
    ("files", {"path": []}, "option path is wrong"),
    ("files", {"path": 7}, "option path is wrong"),
    ("files", {"path": "{day}.csv"}, "option path.0 is wrong; given: {day}.csv.*is no placeholder; {window}"),
    ("files", GOOD | {"windows": ["../x"]}, "connector files: option windows.0 is wrong; given: ../x"),
    (
        "files",
        GOOD | {"auth": {"kind": "digest"}},
        "option auth has no such value; given: digest; allowed: 'bearer'",
    ),
    ("files", GOOD | {"auth": {"kind": "bearer"}}, "option auth.bearer.secret is missing"),
    ("files", GOOD | {"auth": {"kind": "bearer", "secret": "Not a name"}}, "auth.bearer.secret is wrong"),
    ("files", GOOD | {"auth": {"kind": "api_key", "secret": "x"}}, "exactly one of header and param"),
    ("files", GOOD | {"headers": {"Authorization": "Bearer hunter2"}}, "credentials go into auth"),
    ("rest", {"params": {"date": "{today}"}}, "option params.date is wrong; given: {today}"),
    ("rest", {"params": {"a": [1]}}, "option params.a is wrong; given: list"),
    ("rest", {"paging": {"kind": "pages"}}, "given: pages; allowed: 'none', 'page', 'offset', 'cursor'"),
    ("rest", {"paging": {"kind": "page"}}, "at least one of records, total_pages and has_more"),
    (
        "rest",
        {"paging": {"kind": "cursor", "next": "n", "param": "c", "size": 5}},
        "paging.cursor.size is not known",
    ),
    ("rest", {"max_page_bytes": 0}, "option max_page_bytes is wrong; given: 0"),
]


@pytest.mark.parametrize(("connector", "options", "text"), CASES, ids=[case[2][:40] for case in CASES])
def test_a_wrong_option_is_refused(connector: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as refused:
        check_options(connector, options)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("value", [{"token": "hunter2"}, ["hunter2"]])
def test_a_structure_in_the_wrong_place_is_not_repeated(value: object) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_options("rest", {"path": value})
    assert "hunter2" not in str(refused.value)


def test_good_options_pass() -> None:
    check_options(
        "files", {"path": ["a/{window}.csv", "b.csv"], "windows": ["2024"], "headers": {"X-A": "b"}}
    )
    check_options("rest", {"path": "a", "paging": {"kind": "next_url", "next": "n"}, "params": {"a": 1.5}})
