"""Faults of the connection, asked for over `POST /__control__`: which request meets which one, how often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Kind = Literal["429", "500", "503", "cut", "slow", "html", "truncate", "redirect"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Misbehaviour:
    """One fault for the next `times` requests whose path starts with `path`.

    Attributes:
        after: matching requests that are answered properly first.
        retry_after: seconds, or an HTTP date, for the header of that name; None: no header.
        seconds: how long a slow body takes.
        location: where a redirect leads.
    """

    path: str
    fault: str
    times: int = 1
    after: int = 0
    retry_after: str | None = None
    seconds: float = 5.0
    location: str = ""

    @staticmethod
    def parse(fields: Mapping[str, Any]) -> Misbehaviour:
        """Read a control request.

        Raises:
            ValueError: a field is unknown, missing or out of range; the text says which.
        """
        known = set(Misbehaviour.__dataclass_fields__)
        unknown = sorted(set(fields) - known)
        if unknown:
            raise ValueError(f"unknown field {unknown[0]}; allowed: {', '.join(sorted(known))}")
        if str(fields.get("fault")) not in KINDS:
            raise ValueError(f"unknown fault {fields.get('fault')}; allowed: {', '.join(KINDS)}")
        if not str(fields.get("path", "")).startswith("/"):
            raise ValueError("path must start with /")
        wait = fields.get("retry_after")
        return Misbehaviour(
            path=str(fields["path"]),
            fault=str(fields["fault"]),
            times=int(fields.get("times", 1)),
            after=int(fields.get("after", 0)),
            retry_after=None if wait is None else str(wait),
            seconds=float(fields.get("seconds", 5.0)),
            location=str(fields.get("location", "")),
        )


HICCUPS = (
    Misbehaviour("/api/v1/events", "429", times=2, retry_after="1"),
    Misbehaviour("/api/v1/noise", "503", times=1, after=3, retry_after="1"),
    Misbehaviour("/opendata/water/", "cut", times=1, after=1),
    Misbehaviour("/export/villages/", "503", times=1, retry_after="1"),
)
"""What an ordinary start meets early on: every retry works, and costs about a second."""


class Mood:
    """The faults still to come, shared by the threads of the three systems."""

    def __init__(self, planned: tuple[Misbehaviour, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._planned = list(planned)

    def plan(self, fault: Misbehaviour) -> None:
        with self._lock:
            self._planned.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    def meet(self, path: str) -> Misbehaviour | None:
        """The fault for this request, counted down; None to answer properly."""
        with self._lock:
            for index, fault in enumerate(self._planned):
                if not path.startswith(fault.path) or fault.times < 1:
                    continue
                if fault.after > 0:
                    self._planned[index] = replace(fault, after=fault.after - 1)
                    return None
                self._planned[index] = replace(fault, times=fault.times - 1)
                return fault
        return None
