"""The suite that every connector passes; a test module subclasses it and states a source.

It runs under pytest, which the package does not need otherwise. A connector is done when it passes.
"""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from unittest import SkipTest

from shanhai.clock import fixed_clock
from shanhai.connect.protocol import Body, ConnectContext, Connector, ConnectorFactory
from shanhai.errors import ConfigurationError, DataError, ShanhaiError, SourceError

_LARGEST_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Case:
    """A source, how to ask it, and what it answers.

    Args:
        options: as in a contract.
        context: of an installation; its `sleep` must not wait.
        window: what to ask for.
        bodies: name → bytes of what the source has for it.
        secret: text that must be told nowhere; empty when the source needs none.
    """

    options: Mapping[str, Any]
    context: ConnectContext
    window: str | None = None
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    secret: str = ""


def collect(connector: Connector, window: str | None) -> dict[str, bytes]:
    """All bodies of a pull, in its order.

    Raises:
        AssertionError: two bodies have one name.
    """
    collected: dict[str, bytes] = {}
    for body in connector.pull(window):
        assert body.name not in collected, f"two bodies are called {body.name}"
        collected[body.name] = b"".join(body.chunks)
    return collected


class ConnectorConformance:
    """Subclass it as `Test…`, set `factory`, and give the cases; those that cannot be are left out."""

    factory: ConnectorFactory

    def healthy(self) -> Case:
        """A source with at least two bodies for the window."""
        raise NotImplementedError

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        """Sources that are down, cut off, or answer with something else, by a word for the fault."""
        return {}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        """Sources that fail for a while and then answer, by a word for the failure."""
        return {}

    def connector(self, case: Case) -> Connector:
        """The connector for a case."""
        return type(self).factory(case.options, case.context)

    def test_gives_what_the_source_has(self) -> None:
        case = self.healthy()
        assert len(case.bodies) >= 2, "the suite needs two bodies"
        assert collect(self.connector(case), case.window) == case.bodies

    def test_pulls_the_same_again_in_the_same_order_at_another_time(self) -> None:
        case = self.healthy()
        first = list(collect(self.connector(case), case.window).items())
        later = replace(case.context, clock=fixed_clock(datetime(2031, 7, 1, tzinfo=UTC)))
        again = list(collect(type(self).factory(case.options, later), case.window).items())
        assert first == again

    def test_one_connector_pulls_twice(self) -> None:
        case = self.healthy()
        connector = self.connector(case)
        assert collect(connector, case.window) == collect(connector, case.window)

    def test_names_are_relative_paths(self) -> None:
        case = self.healthy()
        for name in collect(self.connector(case), case.window):
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

    def test_a_window_without_data_is_an_error(self) -> None:
        case = self.healthy()
        if case.window is None:
            raise SkipTest("the source has no windows")
        with refusal(SourceError) as refused:
            collect(self.connector(case), "1901-01-01")
        assert "1901-01-01" in str(refused[0])

    def test_a_window_that_is_a_path_is_refused(self) -> None:
        case = self.healthy()
        if case.window is None:
            raise SkipTest("the source has no windows")
        with refusal(ConfigurationError):
            collect(self.connector(case), "../2024-03-01")

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

    def test_a_faulty_source_is_an_error_that_says_to_try_again(self) -> None:
        for fault, make in self.faults().items():
            case = make()
            with refusal(SourceError) as refused:
                collect(self.connector(case), case.window)
            assert refused[0].recovery == "retry", fault

    def test_a_passing_failure_is_not_noticed(self) -> None:
        for failure, make in self.hiccups().items():
            case = make()
            assert collect(self.connector(case), case.window) == case.bodies, failure

    def test_a_secret_is_told_nowhere(self) -> None:
        case = self.healthy()
        if not case.secret:
            raise SkipTest("the source needs no secret")
        with _log() as lines:
            connector = self.connector(case)
            told = [repr(connector), *(_told(body) for body in connector.pull(case.window))]
            for make in self.faults().values():
                faulty = make()
                with refusal(ShanhaiError) as refused:
                    collect(self.connector(faulty), faulty.window)
                told.append(f"{refused[0]} {refused[0]!r} {refused[0].as_dict()}")
        assert not [text for text in (*told, *lines) if case.secret in text]


@contextmanager
def refusal(kind: type[ShanhaiError]) -> Iterator[list[ShanhaiError]]:
    """Expects an error of `kind` in the block, and gives it in the list afterwards."""
    caught: list[ShanhaiError] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
        return
    raise AssertionError(f"nothing was refused; expected {kind.__name__}")


@contextmanager
def _log() -> Iterator[list[str]]:
    """Everything that any logger says in the block, at every level."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {record.__dict__}")

    root, handler = logging.getLogger(), Keeping(logging.DEBUG)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _told(body: Body) -> str:
    for _ in body.chunks:
        pass
    return f"{body!r} {body.origin} {body.name} {dict(body.facts)}"


def _untouchable(name: str) -> Any:
    raise AssertionError(f"secret {name} was read before the pull")
