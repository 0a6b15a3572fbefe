"""What any connector promises of any source: names, order, streams, limits, options."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from unittest import SkipTest

from shanhai.clock import fixed_clock
from shanhai.connect.conformance.case import Case, Suite, collect, refusal
from shanhai.errors import ConfigurationError, DataError, SourceError

_LARGEST_CHUNK_BYTES = 2**20


class Basics(Suite):
    """Hooks: `empty`, `missing_window`."""

    def empty(self) -> Case:
        """A source that has nothing for the window, and says so as it says other things."""
        raise SkipTest("no source without data is stated")

    def missing_window(self) -> Case:
        """A source with nothing for its window yet, where that is an error."""
        case = self.healthy()
        if case.window is None:
            raise SkipTest("the source has no windows")
        return replace(case, window="1901-01-01")

    def test_gives_what_the_source_has(self) -> None:
        case = self.healthy()
        assert len(case.bodies) >= 2, "the suite needs two bodies"
        assert self.collected(case) == case.bodies

    def test_pulls_the_same_again_in_the_same_order_at_another_time(self) -> None:
        case = self.healthy()
        first = list(self.collected(case).items())
        later = replace(case.context, clock=fixed_clock(datetime(2031, 7, 1, tzinfo=UTC)))
        again = list(self.collected(replace(case, context=later)).items())
        assert first == again

    def test_one_connector_pulls_twice(self) -> None:
        case = self.healthy()
        connector = self.connector(case)
        assert collect(connector, case.window) == collect(connector, case.window)

    def test_names_are_relative_paths(self) -> None:
        for name in self.collected(self.healthy()):
            path = PurePosixPath(name)
            assert name == path.as_posix(), name
            assert not path.is_absolute(), name
            assert ".." not in path.parts, name
            assert "://" not in name, name

    def test_streams_in_bounded_chunks(self) -> None:
        case = self.healthy()
        for body in self.connector(case).pull(case.window):
            for chunk in body.chunks:
                assert 0 < len(chunk) <= _LARGEST_CHUNK_BYTES

    def test_a_pull_may_be_given_up(self) -> None:
        case = self.healthy()
        bodies = iter(self.connector(case).pull(case.window))
        next(bodies)
        close = getattr(bodies, "close", None)
        if close is not None:
            close()

    def test_making_one_touches_nothing(self) -> None:
        case = self.healthy()
        self.connector(replace(case, context=replace(case.context, secret=_untouchable)))

    def test_an_unknown_option_is_named_with_what_is_allowed(self) -> None:
        case = self.healthy()
        with refusal(ConfigurationError) as refused:
            self.connector(replace(case, options={**case.options, "no_such_option": 1}))
        assert "no_such_option" in str(refused[0])
        assert refused[0].allowed

    def test_nothing_is_told_as_nothing(self) -> None:
        case = self.empty()
        assert self.collected(case) == case.bodies

    def test_a_window_without_data_is_an_error(self) -> None:
        case = self.missing_window()
        with refusal(SourceError) as refused:
            self.collected(case)
        assert str(case.window) in str(refused[0])

    def test_a_window_that_is_a_path_is_refused(self) -> None:
        case = self.healthy()
        if case.window is None:
            raise SkipTest("the source has no windows")
        with refusal(ConfigurationError):
            self.collected(replace(case, window=f"../{case.window}"))

    def test_a_body_over_the_cap_is_refused_before_much_of_it_is_read(self) -> None:
        case = self.healthy()
        cap = max(len(content) for content in case.bodies.values()) - 1
        came = 0
        with refusal(DataError):
            for body in self.connector(replace(case, context=replace(case.context, max_body_bytes=cap))).pull(
                case.window
            ):
                came = sum(len(chunk) for chunk in body.chunks)
        assert came <= cap


def _untouchable(name: str) -> Any:
    raise AssertionError(f"secret {name} was read before the pull")
