"""One body over HTTP: retries, limits, and going on where a cut connection stopped."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import httpx
from tenacity import AttemptManager

from shanhai.connect.protocol import ConnectContext, Kept
from shanhai.connect.retry import TransientError, retrying
from shanhai.connect.web import answer, conditional
from shanhai.connect.web.answer import Asked
from shanhai.connect.web.network import Deadline
from shanhai.errors import DataError, SourceError

_PART = re.compile(r"bytes (?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})/(?P<all>[0-9]{1,18})")

Opening = Callable[[Asked, dict[str, str], Deadline], AbstractContextManager[httpx.Response]]
"""Sends a request with extra headers, follows redirects, and gives the answer, its body yet unread."""


@dataclass(frozen=True)
class Download:
    """An answer with data; `chunks` are read once, and raise what goes wrong on the way.

    `request` and `unchanged` are for the `Body` that is made of it.
    """

    url: str
    media_type: str
    facts: Mapping[str, str]
    chunks: Iterator[bytes] = field(repr=False)
    request: str = ""
    unchanged: Kept | None = None


@dataclass(frozen=True)
class Whole:
    """An answer that was read to its end; `following` is the address of its header `Link: …; rel="next"`."""

    content: bytes = field(repr=False)
    media_type: str = "application/json"
    facts: Mapping[str, str] = field(default_factory=dict)
    request: str = ""
    unchanged: Kept | None = None
    following: str | None = None


class Transfer:
    """Fetches one body. Bytes handed on stay: a second try has to send the same ones first.

    Args:
        kept: what was last kept of it; asked about when it came of the same request.
    """

    def __init__(
        self, asked: Asked, context: ConnectContext, opening: Opening, max_bytes: int, kept: Kept | None
    ) -> None:
        self._asked = asked
        self._context = context
        self._opening = opening
        self._max_bytes = max_bytes
        self._kept = kept if kept is not None and asked.identity == kept.request != "" else None
        self._deadline = Deadline(context.monotonic() + context.max_body_seconds)
        self._head = httpx.Headers()
        self._unchanged: Kept | None = None
        self._size = 0
        self._digest = hashlib.sha256()

    def start(self) -> Download:
        """Ask until the source answers with data; the body is still to be read.

        Raises:
            SourceError, NotFoundError, ConfigurationError, DeniedError: as `answer.check_status` says.
            DataError: the body is announced as larger than allowed.
        """
        stream = self._stream()
        # The first, empty chunk comes when the head of the answer is there.
        next(stream)
        told, kept = self._asked.told, self._unchanged
        if kept is not None:
            stream.close()
            chunks = conditional.kept_bytes(kept)
            return Download(told, kept.media_type, kept.facts, chunks, kept.request, kept)
        media_type = answer.media_type_of(self._head)
        facts = conditional.facts_of(self._head)
        chunks = answer.refuse_html(stream, media_type, told)
        return Download(told, media_type, facts, chunks, self._asked.identity)

    def whole(self) -> Whole:
        """Ask until an answer was read to its end; each try starts anew, as nothing was handed on.

        Raises:
            SourceError, NotFoundError, ConfigurationError, DeniedError: as `answer.check_status` says.
            DataError: the body is larger than allowed.
        """
        for attempt in self._attempts():
            with attempt, self._opened(self._conditions()) as response:
                if self._is_unchanged(response):
                    return self._whole_kept()
                self._check_answer(response)
                media_type = answer.media_type_of(response.headers)
                chunks = answer.refuse_html(self._limited(response), media_type, self._asked.told)
                facts = conditional.facts_of(response.headers)
                following = response.links.get("next", {}).get("url")
                content = b"".join(chunks)
                return Whole(content, media_type, facts, self._asked.identity, following=following)
        raise AssertionError("attempts end with an answer or an error")

    def _whole_kept(self) -> Whole:
        kept = self._unchanged
        if kept is None:
            raise AssertionError("asked after an answer that said so")
        content = b"".join(conditional.kept_bytes(kept))
        return Whole(content, kept.media_type, kept.facts, kept.request, kept)

    def _stream(self) -> Generator[bytes, None, None]:
        for attempt in self._attempts():
            with attempt, self._opened(self._resuming() or self._conditions()) as response:
                if self._is_unchanged(response):
                    yield b""
                    return
                self._check_answer(response)
                if not self._head:
                    self._head = response.headers
                    yield b""
                yield from self._new_bytes(response)

    def _attempts(self) -> Iterator[AttemptManager]:
        attempts = self._context.attempts
        try:
            yield from retrying(attempts, self._context.sleep)
        except TransientError as failure:
            raise SourceError(
                failure.message, given=failure.given, allowed=failure.allowed, hint=f"tried {attempts} times"
            ) from failure

    def _opened(self, headers: dict[str, str]) -> AbstractContextManager[httpx.Response]:
        return self._opening(self._asked, headers, self._deadline)

    def _conditions(self) -> dict[str, str]:
        """Headers that ask whether what was kept has changed; none once an answer has begun."""
        return {} if self._kept is None or self._head else conditional.conditions(self._kept)

    def _is_unchanged(self, response: httpx.Response) -> bool:
        """Whether the answer says that what was kept has not changed."""
        kept = self._kept
        if response.status_code != 304 or kept is None or not self._conditions():
            return False
        if not conditional.confirms(response.headers, kept):
            self._kept = None
            raise TransientError(f"{self._asked.told} says unchanged of something else", given="status 304")
        self._unchanged = kept
        return True

    def _resuming(self) -> dict[str, str]:
        """Headers that ask for the rest only, where the source can tell that the body is still the same.

        That takes a strong entity tag, or without any tag a time that no other change can have: RFC 9110,
        13.1.5.
        """
        etag = self._head.get("etag")
        mark = conditional.strong_date(self._head) if etag is None else etag
        if self._size == 0 or not mark or mark.startswith("W/") or "content-encoding" in self._head:
            return {}
        return {"Range": f"bytes={self._size}-", "If-Range": mark}

    def _check_answer(self, response: httpx.Response) -> None:
        self._check_time()
        context = self._context
        if self._size and response.status_code == 206:
            return
        if self._size and response.status_code == 416:
            raise self._changed()
        answer.check_status(
            response, self._asked, clock=context.clock, max_wait_seconds=context.max_wait_seconds
        )
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._max_bytes:
            raise self._too_large(f"{announced} bytes announced")

    def _new_bytes(self, response: httpx.Response) -> Iterator[bytes]:
        """The bytes that were not handed on before."""
        start = self._start_of(response)
        repeated = self._size - start
        again = hashlib.sha256()
        for chunk in self._limited(response, start):
            known, new = chunk[:repeated], chunk[repeated:]
            if known:
                again.update(known)
                repeated -= len(known)
                if not repeated and again.digest() != self._digest.digest():
                    raise self._changed()
            if new:
                self._size += len(new)
                self._digest.update(new)
                yield new
        if repeated:
            raise self._changed()

    def _start_of(self, response: httpx.Response) -> int:
        """The position of the answer's first byte in the body."""
        if response.status_code != 206:
            return 0
        part = _PART.fullmatch(response.headers.get("content-range", ""))
        if part is None or int(part["first"]) != self._size or int(part["last"]) + 1 != int(part["all"]):
            raise SourceError(f"{self._asked.told} answers with another part than was asked for")
        for name in ("etag", "last-modified"):
            if name in self._head and response.headers.get(name, self._head[name]) != self._head[name]:
                raise self._changed()
        if self._head.get("content-length", part["all"]) != part["all"]:
            raise self._changed()
        return self._size

    def _limited(self, response: httpx.Response, start: int = 0) -> Iterator[bytes]:
        """The bytes of an answer, as long as they are neither too many nor too slow."""
        size = start
        for chunk in response.iter_bytes():
            self._check_time()
            size += len(chunk)
            if size > self._max_bytes:
                raise self._too_large(f"more than {self._max_bytes} bytes")
            yield chunk

    def _check_time(self) -> None:
        if self._context.monotonic() > self._deadline.at:
            raise SourceError(
                f"{self._asked.told} is too slow",
                allowed=f"a whole body within {self._context.max_body_seconds:.0f} s",
            )

    def _changed(self) -> SourceError:
        return SourceError(f"{self._asked.told} changed while it was read", hint="run it again")

    def _too_large(self, given: str) -> DataError:
        return DataError(
            f"{self._asked.told} is larger than allowed",
            given=given,
            allowed=f"{self._max_bytes} bytes",
            hint="raise the limit if the source is to be trusted with it",
        )
