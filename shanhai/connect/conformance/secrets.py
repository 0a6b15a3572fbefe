"""What a connector never tells: its secret, in no log, error, sidecar or `repr`."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from unittest import SkipTest

from shanhai.connect.conformance.case import Case
from shanhai.connect.conformance.failures import Failures
from shanhai.connect.protocol import Body
from shanhai.errors import ShanhaiError


class Secrets(Failures):
    """No hooks of its own: it goes through those of the failures."""

    def test_a_secret_is_told_nowhere(self) -> None:
        case = self.healthy()
        if not case.secret:
            raise SkipTest("the source needs no secret")
        with _log() as lines:
            connector = self.connector(case)
            told = [repr(connector), *(_told(body) for body in connector.pull(case.window))]
            told.append(f"{connector!r} {vars(connector)}")
            for make in (*self.faults().values(), *self._stated()):
                told += self._errors(make)
        assert [text for text in (*told, *lines) if case.secret in text] == []

    def _stated(self) -> Iterator[Callable[[], Case]]:
        yield from (self.truncated, self.expired, self.wrong_credentials)
        yield lambda: self.throttled(None)

    def _errors(self, make: Callable[[], Case]) -> list[str]:
        """All that is told of the error of a case, if it is stated and has one."""
        with suppress(SkipTest):
            case = make()
            try:
                self.collected(case)
            except ShanhaiError as error:
                return [repr(error), str(error), str(error.as_dict()), *traceback.format_exception(error)]
        return []


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
    """All of a body that goes into logs and sidecars."""
    for _ in body.chunks:
        pass
    return f"{body!r} {body.origin} {body.name} {dict(body.facts)} {body.request}"
