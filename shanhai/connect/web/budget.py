"""A rate budget: no more requests in any span of time than a source allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pydantic import Field

from shanhai.connect.options import Options


class Rate(Options):
    """So many requests in so many seconds, repeated and redirected ones included."""

    requests: int = Field(ge=1, le=10_000)
    per_seconds: float = Field(gt=0, le=86_400)


class Budget:
    """Lets a request go when the one that is `requests` before it is `per_seconds` old.

    Holds for all sessions that share it. Time never runs backwards in it, so a sleep that ends early is no
    way around.
    """

    def __init__(
        self, rate: Rate | None, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._sent: deque[float] = deque(maxlen=rate.requests if rate else 0)

    def spend(self) -> float:
        """Wait until one more request may go, and count it; returns the seconds waited."""
        if self._rate is None:
            return 0.0
        now, wait = self._monotonic(), 0.0
        if len(self._sent) == self._rate.requests:
            wait = max(self._sent[0] + self._rate.per_seconds - now, 0.0)
        if wait:
            self._sleep(wait)
        self._sent.append(now + wait)
        return wait
