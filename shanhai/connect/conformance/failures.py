"""What a connector does when its source fails: it tries again, waits as asked, and never keeps a part."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from unittest import SkipTest

from shanhai.connect.conformance.case import Case, Suite, refusal
from shanhai.errors import ConfigurationError, DeniedError, SourceError

_ASKED_SECONDS = 17.0


class Failures(Suite):
    """Hooks: `faults`, `hiccups`, `truncated`, `cut_midway`, `throttled`, `expired`, `wrong_credentials`."""

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        """Sources that are down, cut off, or answer with something else, by a word for the fault."""
        return {}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        """Sources that fail for a while and then answer, by a word for the failure."""
        return {}

    def truncated(self) -> Case:
        """A source that cuts a body off at every try."""
        raise SkipTest("the source cannot cut a body off")

    def cut_midway(self) -> Case:
        """A source that cuts its largest body off once, in the middle."""
        raise SkipTest("the source cannot cut a body off")

    def throttled(self, retry_after: float | None) -> Case:
        """A source that answers its first request with "too many", and says how long to wait, or not."""
        raise SkipTest("the source does not limit how often it is asked")

    def expired(self) -> Case:
        """A source whose token is refused once, after it was accepted."""
        raise SkipTest("the source has no tokens that expire")

    def wrong_credentials(self) -> Case:
        """A source that does not accept the secret."""
        raise SkipTest("the source needs no secret")

    def test_a_faulty_source_is_an_error_that_says_to_try_again(self) -> None:
        faults = self.faults()
        if not faults:
            raise SkipTest("no faults are stated")
        for fault, make in faults.items():
            with refusal(SourceError) as refused:
                self.collected(make())
            assert refused[0].recovery == "retry", fault

    def test_a_passing_failure_is_not_noticed(self) -> None:
        hiccups = self.hiccups()
        if not hiccups:
            raise SkipTest("no passing failures are stated")
        for failure, make in hiccups.items():
            case = make()
            assert self.collected(case) == case.bodies, failure

    def test_a_truncated_body_is_an_error_that_says_to_try_again(self) -> None:
        case = self.truncated()
        with refusal(SourceError) as refused:
            self.collected(case)
        assert refused[0].recovery == "retry"

    def test_a_body_that_was_cut_is_whole_in_the_end(self) -> None:
        case = self.cut_midway()
        assert self.collected(case) == case.bodies

    def test_waits_as_long_as_the_source_asks(self) -> None:
        case, waits = _noted(self.throttled(_ASKED_SECONDS))
        assert self.collected(case) == case.bodies
        assert waits[:1] == [_ASKED_SECONDS]

    def test_waits_of_its_own_accord_when_the_source_does_not_say(self) -> None:
        case, waits = _noted(self.throttled(None))
        assert self.collected(case) == case.bodies
        assert len(waits) == 1
        assert 0 < waits[0] <= 60

    def test_an_expired_token_is_renewed(self) -> None:
        case = self.expired()
        assert self.collected(case) == case.bodies

    def test_wrong_credentials_are_for_a_person(self) -> None:
        case = self.wrong_credentials()
        case, waits = _noted(case)
        with refusal(ConfigurationError, DeniedError) as refused:
            self.collected(case)
        assert not waits
        assert not case.secret or case.secret not in str(refused[0])


def _noted(case: Case) -> tuple[Case, list[float]]:
    """The case with its waits noted instead of waited."""
    waits: list[float] = []
    return replace(case, context=replace(case.context, sleep=waits.append)), waits
