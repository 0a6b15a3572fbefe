"""The suite notices a connector that breaks a promise; one that keeps them passes."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.retry import TransientError, retrying
from shanhai.errors import DataError, SourceError

SECRET = "canary-suite-41"
PAGE = bytes(20_000)
Promise = Callable[[ConnectorConformance], None]


class NumbersOptions(Options):
    """Options of `Numbers`."""

    pages: int = 2
    fault: str = ""
    flaw: str = ""


class Numbers:
    """Pages of numbers that cost nothing to ask for. `fault` is the source's, `flaw` its own."""

    options_model = NumbersOptions
    hoard: list[mmap.mmap] = []  # noqa: RUF012  what leaks is shared by all

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(NumbersOptions, options, connector="numbers")
        self._context = context
        self._tries = 0

    def __repr__(self) -> str:
        return f"Numbers({SECRET if self._options.flaw == 'tells' else ''})"

    def pull(self, window: str | None) -> Iterator[Body]:
        for attempt in retrying(2, self._context.sleep):
            with attempt:
                self._ask()
        for number in range(1, self._options.pages + 1):
            yield self._body(number)
        if self._options.flaw == "repeats":
            yield replace(self._body(1), name="page-again")

    def _ask(self) -> None:
        self._tries += 1
        if self._options.fault == "throttled" and self._tries == 1:
            wait = 1.0 if self._options.flaw == "hurries" else 17.0
            raise TransientError("too many", wait_seconds=wait)

    def _body(self, number: int) -> Body:
        name, flaw = f"page-{number}", self._options.flaw
        kept = self._context.kept(name)
        if kept is not None and (kept.request == "numbers" or flaw == "believes"):
            content = iter([str(number).encode()])
            return Body(name, "", "text/plain", content, request="numbers", unchanged=kept)
        return Body(name, "", "text/plain", self._chunks(number), request="numbers")

    def _chunks(self, number: int) -> Iterator[bytes]:
        content = f"{number}".encode() if self._options.pages < 10 else PAGE
        if self._options.flaw == "hoards":
            # Pages of memory of its own: the allocator may have room left for bytes.
            hoarded = mmap.mmap(-1, len(content))
            hoarded.write(content)
            self.hoard.append(hoarded)
        if len(content) > self._context.max_body_bytes:
            raise DataError("too large")
        yield content
        if self._options.fault == "truncated" and self._options.flaw != "keeps parts":
            raise SourceError("cut off")


class NumbersSuite(ConnectorConformance):
    factory = Numbers
    flaw = ""
    pages = 400

    def healthy(self) -> Case:
        context = ConnectContext("memory", sleep=lambda seconds: None)
        bodies = {"page-1": b"1", "page-2": b"2"}
        return Case({"flaw": self.flaw}, context, bodies=bodies, secret=SECRET)

    def faulty(self, **options: Any) -> Case:
        case = self.healthy()
        return replace(case, options={**case.options, **options})

    def truncated(self) -> Case:
        return self.faulty(fault="truncated")

    def throttled(self, retry_after: float | None) -> Case:
        return self.faulty(fault="throttled")

    def many_pages(self, pages: int) -> Case:
        return self.faulty(pages=pages)

    def growing(self) -> Moving:
        return Moving(self.healthy(), lambda content: [content.decode()], frozenset("12"))

    def conditional(self) -> Case:
        return self.healthy()


@pytest.mark.parametrize(
    ("flaw", "promise"),
    [
        ("repeats", NumbersSuite.test_every_record_once_and_none_twice_while_records_arrive),
        ("hoards", NumbersSuite.test_memory_does_not_grow_with_pages),
        ("tells", NumbersSuite.test_a_secret_is_told_nowhere),
        ("keeps parts", NumbersSuite.test_a_truncated_body_is_an_error_that_says_to_try_again),
        ("hurries", NumbersSuite.test_waits_as_long_as_the_source_asks),
        ("believes", NumbersSuite.test_what_was_kept_of_another_request_is_not_used),
    ],
)
def test_a_broken_promise_is_noticed(flaw: str, promise: Promise) -> None:
    suite = NumbersSuite()
    promise(suite)
    suite.flaw = flaw
    try:
        with pytest.raises(AssertionError):
            promise(suite)
    finally:
        Numbers.hoard.clear()
