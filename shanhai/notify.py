"""Alerts: one line in the log, and one JSON object to the configured address. Never a value of the data."""

from __future__ import annotations

import json
import logging
from typing import Literal

from shanhai.errors import ShanhaiError
from shanhai.settings import Settings

log = logging.getLogger("shanhai.notify")

Event = Literal["failed", "held", "refused", "differs", "late", "returned", "waiting", "restarted"]
"""What people are told of; `differs`: accepted, and not as it used to be; `returned`: a source shows again
what a newer edition had replaced; `waiting`: something of the exchange is for a person to do; `restarted`:
one of Airflow's processes had died."""

_SECONDS = 5.0


def facts_of(error: BaseException | None) -> dict[str, str | None]:
    """What may be told of an error: all of an own one; of others the class, as their text may quote data."""
    if isinstance(error, ShanhaiError):
        return {name: text for name, text in error.as_dict().items() if text is not None}
    return {"error": type(error).__name__}


def notify(settings: Settings, event: Event, **facts: str | int | float | None) -> bool:
    """Tell people that something needs them.

    A broken address never breaks the work: it is logged, and False is returned.

    Args:
        event: each has a runbook.
        facts: ids, counts and reasons; no personal value.
    """
    pairs = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in facts.items())
    log.warning("notify event=%s %s", event, pairs)
    if not settings.notify_url:
        return True
    import httpx

    try:
        answer = httpx.post(settings.notify_url, json={"event": event, **facts}, timeout=_SECONDS)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.error("notify_failed event=%s error=%s", event, type(error).__name__)
        return False
    return True
