"""When a request is tried again, and how long to wait before."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from shanhai.errors import SourceError

_log = logging.getLogger(__name__)
_BACKOFF = wait_random_exponential(multiplier=1, max=60)


class TransientError(SourceError):
    """A failure worth another try. `wait_seconds` is what the source asked for, None when it did not."""

    def __init__(
        self, message: str, *, given: object = None, allowed: object = None, hint: str = "",
        wait_seconds: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, given=given, allowed=allowed, hint=hint)
        self.wait_seconds = wait_seconds


def retrying(attempts: int, sleep: Callable[[float], None]) -> Retrying:
    """Tries up to `attempts` times on `TransientError`, then raises the last one.

    Waits as long as the source asked for, else a random time that grows exponentially, 60 s at most.
    """
    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=_wait,
        retry=retry_if_exception_type(TransientError),
        sleep=sleep,
        before_sleep=_told,
        reraise=True,
    )


def _wait(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, TransientError) and failure.wait_seconds is not None:
        return failure.wait_seconds
    return _BACKOFF(state)


def _told(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    _log.warning(
        "pull_retry attempt=%d wait_seconds=%.1f reason=%r", state.attempt_number, seconds, str(failure)
    )
