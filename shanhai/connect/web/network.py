"""The sockets of a session: no wait goes beyond a deadline, and no stranger leads inside our network."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from shanhai.connect.web.redirect import is_public


@dataclass
class Deadline:
    """The moment, on a monotonic clock, after which no more of a body is waited for.

    It moves when a request had to wait for its rate budget: that is our time, not the source's.
    """

    at: float


@dataclass
class Terms:
    """What holds for the request that is on its way: until when, and whether its target must be public."""

    monotonic: Callable[[], float]
    until: float = float("inf")
    stranger: bool = False

    def remaining(self, timeout: float | None) -> float | None:
        """Seconds that one wait may take.

        Raises:
            httpcore.ReadTimeout: there are none left.
        """
        left = self.until - self.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline of the request")
        return left if timeout is None else min(timeout, left)


def keep_terms(client: httpx.Client, terms: Terms) -> None:
    """Make every connection of the client keep the terms; through a proxy, names are the proxy's business."""
    mounted: Iterable[httpx.BaseTransport | None] = client._mounts.values()  # noqa: SLF001
    for transport in (client._transport, *mounted):  # noqa: SLF001
        if isinstance(transport, httpx.HTTPTransport):
            # The library has no public place for it: a wait of its own begins anew with every byte.
            pool = transport._pool  # noqa: SLF001
            proxied = isinstance(pool, (httpcore.HTTPProxy, httpcore.SOCKSProxy))
            pool._network_backend = _Backend(terms, checks_peer=not proxied)  # noqa: SLF001


class _Backend(httpcore.SyncBackend):
    def __init__(self, terms: Terms, *, checks_peer: bool) -> None:
        super().__init__()
        self._terms = terms
        self._checks_peer = checks_peer

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        stream = super().connect_tcp(*args, **options)
        if self._checks_peer and self._terms.stranger:
            host = stream.get_extra_info("server_addr")[0]
            if not is_public(host):
                stream.close()
                raise httpcore.UnsupportedProtocol("a private address")
        return _Stream(stream, self._terms)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, terms: Terms) -> None:
        self._stream = stream
        self._terms = terms

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._terms.remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._terms)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
