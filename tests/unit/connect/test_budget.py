"""A rate budget keeps requests apart, whatever span of time is looked at."""

from __future__ import annotations

import random

import pytest
from pydantic import ValidationError

from shanhai.connect.web.budget import Budget, Rate


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


def test_no_span_has_more_requests_than_allowed() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance, time = random.Random(seed), Time()
    budget = Budget(Rate(requests=5, per_seconds=60), monotonic=time, sleep=time.sleep)
    sent = []
    for _ in range(500):
        time.now += chance.choice([0, 0, 0.5, 7, 100])
        budget.spend()
        sent.append(time.now)
    assert all(later - earlier >= 60 - 1e-6 for earlier, later in zip(sent, sent[5:], strict=False))


def test_who_stays_within_it_never_waits() -> None:
    time = Time()
    budget = Budget(Rate(requests=2, per_seconds=10), monotonic=time, sleep=time.sleep)
    for _ in range(20):
        budget.spend()
        time.now += 5
    assert time.slept == 0


def test_without_a_rate_nothing_waits() -> None:
    time = Time()
    budget = Budget(None, monotonic=time, sleep=time.sleep)
    for _ in range(100):
        budget.spend()
    assert time.slept == 0


@pytest.mark.parametrize(
    "rate", [{"requests": 0, "per_seconds": 1}, {"requests": 1, "per_seconds": 0}, {"requests": 1}]
)
def test_a_budget_of_nothing_is_refused(rate: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Rate.model_validate(rate)
