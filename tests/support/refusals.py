"""By what code something is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shanhai.exchange.failures import Gap, Refused


def code_of(call: Callable[..., object], *given: object) -> str:
    """The code with which a call refuses what it is given, or waits for what is missing."""
    with pytest.raises((Refused, Gap)) as refused:
        call(*given)
    return refused.value.code
