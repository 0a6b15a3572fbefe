"""Windows in options: `{window}` is the key asked for, `{next_window}` the one that follows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

from shanhai.errors import ConfigurationError, as_typed

_KEY = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._:+-]{0,99}")
_PLACE = re.compile(r"\{(?P<name>[^{}:]*)(?::(?P<form>[^{}]*))?\}")
_NAMES = ("window", "next_window")
_FORMS = ("%Y-%m-%dT%H", "%Y-%m-%d", "%Y%m%d", "%Y-%m", "%Y")


def check_template(template: str) -> str:
    """The template, if its placeholders are ones that can be filled.

    Raises:
        ValueError: it has another placeholder.
    """
    for place in _PLACE.finditer(template):
        if place["name"] not in _NAMES:
            raise ValueError(
                f"{place[0]} is no placeholder; {{window}}, {{next_window}}, {{window:%Y%m%d}} are"
            )
    return template


def _check_listed(window: str) -> str:
    if not _is_key(window):
        raise ValueError(f"{_KEY.pattern}, without ..")
    return window


Template = Annotated[str, AfterValidator(check_template)]
"""An option with placeholders."""

WindowKey = Annotated[str, AfterValidator(_check_listed)]
"""An option that is a window's key."""


def needs_window(*templates: str) -> bool:
    """Whether one of the templates cannot be filled without a window."""
    return any(_PLACE.search(template) for template in templates)


def check_window(window: str) -> str:
    """The window's key, if it may be put into paths and addresses.

    Raises:
        ConfigurationError: it is no key.
    """
    if not _is_key(window):
        raise ConfigurationError("not a window", given=as_typed(window[:100]), allowed=_KEY.pattern)
    return window


def fill(template: str, window: str | None) -> str:
    """The template with its placeholders filled.

    `{window}` is the key as it is; `{window:%Y/%m}` and `{next_window}` need a key that is a year, month,
    day or hour in ISO form. The next window's key has the form of the window's, unless a form is given.

    Raises:
        ConfigurationError: there is no window, or not of the form that the placeholder needs.
    """
    if not needs_window(template):
        return template
    if window is None:
        raise ConfigurationError(
            "a window is needed", given="none", allowed=f"a key for {template}", hint="pull with --window"
        )
    key = check_window(window)
    return _PLACE.sub(lambda place: _filled(place, key), template)


def span(window: str) -> tuple[datetime, datetime]:
    """When a window that is a year, month, day or hour in ISO form begins, and when the next does.

    Raises:
        ConfigurationError: it is of no such form.
    """
    moment, form = _moment(check_window(window), "a span of time")
    return moment, _next(moment, form)


def fill_any(template: str, text: str) -> str:
    """The template with every placeholder replaced by `text`, such as a glob's star."""
    return _PLACE.sub(lambda _: text, template)


def day_span(window: str) -> tuple[str, str]:
    """The first day of a window that is a day, a month or a year, and the day after its last, both ISO.

    Raises:
        ConfigurationError: the key is of another form.
    """
    moment, form = _moment(check_window(window), "an interval of days")
    if form == "%Y-%m-%dT%H":
        raise ConfigurationError(
            "a window of days is needed", given=window, allowed="2024-03-01, 2024-03 or 2024"
        )
    return moment.date().isoformat(), _next(moment, form).date().isoformat()


def windows_asked(window: str | None, listed: Iterable[str]) -> tuple[str | None, ...]:
    """The windows of one pull: the one asked for, else those that the options list, else just None."""
    if window is not None:
        return (check_window(window),)
    return tuple(listed) or (None,)


def _is_key(window: str) -> bool:
    return _KEY.fullmatch(window) is not None and ".." not in window


def _filled(place: re.Match[str], key: str) -> str:
    if place["name"] == "window" and place["form"] is None:
        return key
    moment, form = _moment(key, place[0])
    if place["name"] == "next_window":
        moment = _next(moment, form)
    return moment.strftime(place["form"] or form)


def _moment(key: str, place: str) -> tuple[datetime, str]:
    for form in _FORMS:
        try:
            # A window is a name on the district's own calendar: it has no time zone.
            moment = datetime.strptime(key, form)  # noqa: DTZ007
        except ValueError:
            continue
        if moment.strftime(form) == key:
            return moment, form
    raise ConfigurationError(f"a window for {place} is no date", given=key, allowed=_FORMS)


def _next(moment: datetime, form: str) -> datetime:
    match form:
        case "%Y-%m-%dT%H":
            return moment + timedelta(hours=1)
        case "%Y-%m-%d" | "%Y%m%d":
            return moment + timedelta(days=1)
        case "%Y-%m":
            return (moment.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "%Y":
            return moment.replace(year=moment.year + 1)
        case _:
            raise AssertionError(form)
