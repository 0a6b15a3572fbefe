"""A polite HTTP session with one source: its credential stays with its origin, its failures become errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Annotated, Self

import httpx
from pydantic import AfterValidator

from shanhai import __version__
from shanhai.connect import address
from shanhai.connect.answer import Asked
from shanhai.connect.credential import Auth, Credential
from shanhai.connect.protocol import ConnectContext
from shanhai.connect.retry import TransientError
from shanhai.connect.transfer import Download, Transfer, Whole
from shanhai.errors import ConfigurationError, DeniedError, SourceError

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_RESERVED_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "host", "connection", "content-length"}
    | {"transfer-encoding", "accept-encoding", "range", "if-range"}
)


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers, if options may set them.

    Raises:
        ValueError: one is the session's own business, or cannot be sent.
    """
    for name, value in headers.items():
        if name.lower() in _RESERVED_HEADERS:
            raise ValueError(f"header {name} is not for options; credentials go into auth")
        if not (name.isascii() and value.isascii() and (name + value).isprintable()):
            raise ValueError(f"header {name} is not printable ASCII")
    return headers


Headers = Annotated[dict[str, str], AfterValidator(check_headers)]
"""An option with headers to send."""


class HttpSession:
    """Requests to the system behind one endpoint; a context manager that closes its connections.

    TLS certificates are always verified. Proxies of the environment are used, except for this machine.

    Args:
        context: limits, time and secrets.
        auth: the credential, by name; sent to the origin of the endpoint only.
        headers: sent to the origin of the endpoint only.

    Raises:
        ConfigurationError: the endpoint is no http(s) address, or the secret is unknown.
    """

    def __init__(
        self, context: ConnectContext, *, auth: Auth | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.base = address.parse_endpoint(context.endpoint)
        self._context = context
        self._credential = Credential.resolve(auth, context.secret, self.base)
        self._headers = dict(headers or {})
        _silence_addresses()
        self._client = httpx.Client(
            timeout=context.timeout_seconds,
            headers={"User-Agent": f"shanhai/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*"},
            mounts={f"all://{host}": None for host in _LOOPBACK},
            # Cookies know no ports: a jar would carry a session to another system on the same host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def get(self, url: httpx.URL, *, window: str | None = None, max_bytes: int | None = None) -> Download:
        """Ask for `url` and return as soon as it answers with data.

        Args:
            url: an address below `base`, or one that the source gave.
            window: what is asked for, to tell an unpublished window from a wrong address.
            max_bytes: cap of this body; that of the context when None.

        Raises:
            SourceError: it is down, slow, cut off or sends a web page, after all tries.
            NotFoundError, ConfigurationError, DeniedError: it refuses; trying again will not help.
            DataError: the body is too large.
        """
        return self._transfer(url, window, max_bytes).start()

    def get_whole(self, url: httpx.URL, *, window: str | None = None, max_bytes: int | None = None) -> Whole:
        """Like `get`, for an answer that is held in memory: a try that broke off is simply made again."""
        return self._transfer(url, window, max_bytes).whole()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"HttpSession({address.told(self.base)}, {self._credential!r})"

    def _transfer(self, url: httpx.URL, window: str | None, max_bytes: int | None) -> Transfer:
        cap = self._context.max_body_bytes if max_bytes is None else max_bytes
        return Transfer(Asked(url, window, self._credential), self._context, self._opened, cap)

    @contextmanager
    def _opened(self, url: httpx.URL, extra: dict[str, str]) -> Iterator[httpx.Response]:
        """The answer after all redirects; failures of the transport become our errors, while reading too."""
        try:
            response = self._followed(url, extra)
            try:
                yield response
            finally:
                response.close()
        except httpx.RequestError as error:
            # Not chained: the library's error holds the request, and with it the credential.
            raise _transport_failure(error, url) from None

    def _followed(self, url: httpx.URL, extra: dict[str, str]) -> httpx.Response:
        current = url
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._sent(current, extra)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            target = address.joined(current, response.headers.get("location", ""))
            if current.scheme == "https" and target.scheme == "http":
                raise DeniedError(f"{address.told(current)} redirects from https to http")
            current = target
        raise SourceError(
            f"{address.told(url)} redirects too often", allowed=f"at most {_MAX_REDIRECTS} redirects"
        )

    def _sent(self, url: httpx.URL, extra: dict[str, str]) -> httpx.Response:
        headers: dict[str, str] = {}
        if self._credential is not None:
            url, headers = self._credential.apply(url)
        if address.origin(url) == address.origin(self.base):
            headers = self._headers | headers
        request = self._client.build_request("GET", url, headers=headers | extra)
        return self._client.send(request, stream=True, follow_redirects=False)


def _transport_failure(error: httpx.RequestError, url: httpx.URL) -> SourceError | ConfigurationError:
    told = address.told(url)
    match error:
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ConfigurationError(
                f"the certificate of {told} cannot be verified", hint="install the authority that issued it"
            )
        case httpx.TimeoutException():
            return TransientError(f"{told} is too slow", given=type(error).__name__)
        case httpx.ConnectError() | httpx.ProxyError():
            return TransientError(f"{told} cannot be reached", given=str(error))
        case httpx.ReadError() | httpx.RemoteProtocolError() | httpx.DecodingError():
            return TransientError(f"{told} cut the answer off", given=type(error).__name__)
        case _:
            return TransientError(f"{told} cannot be asked", given=type(error).__name__)


class _NoAddresses(logging.Filter):
    """The HTTP library logs whole addresses, and a key may be in the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.args = tuple(
            address.told(value) if isinstance(value, httpx.URL) else value for value in record.args or ()
        )
        return True


_no_addresses = _NoAddresses()


def _silence_addresses() -> None:
    """Adding a filter twice changes nothing."""
    logging.getLogger("httpx").addFilter(_no_addresses)
