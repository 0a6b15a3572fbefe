"""Answers of a source that is busy or broken for a while: their status, and how long they ask to wait."""

from __future__ import annotations

import httpx

from shanhai.clock import Clock
from shanhai.connect.web.conditional import http_date

TRANSIENT_STATUS = frozenset({408, 425, 429}) | frozenset(range(500, 600))


def retry_after(headers: httpx.Headers, clock: Clock) -> float | None:
    """Seconds that an answer asks to wait: its Retry-After as a number or as an HTTP date.

    A date is compared with the answer's own Date, as the two clocks may differ. None when there is
    no such header or it says nothing.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    now = http_date(headers.get("date", "")) or clock()
    return max(0.0, (until - now).total_seconds())
