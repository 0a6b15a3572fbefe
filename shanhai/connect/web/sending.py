"""How a request goes out and its answer comes in: credential, redirects, budget, and failures as errors."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from shanhai import __version__
from shanhai.connect.protocol import ConnectContext
from shanhai.connect.retry import TransientError
from shanhai.connect.web import address
from shanhai.connect.web.answer import Asked
from shanhai.connect.web.budget import Budget
from shanhai.connect.web.credential import Auth, ClientCredentialsAuth, Credential, SecretCredential
from shanhai.connect.web.network import Deadline, Terms, keep_terms
from shanhai.connect.web.redirect import check_target
from shanhai.connect.web.redirect import origins as named_origins
from shanhai.connect.web.token import TokenCredential
from shanhai.errors import ConfigurationError, DeniedError, ShanhaiError, SourceError

_MAX_REDIRECTS = 5
_MAX_TOKEN_BYTES = 1 << 16
_HEAD_WAITS = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@cache
def tls() -> ssl.SSLContext:
    """How TLS is spoken: verified by the authorities of the system, which take long to read."""
    return httpx.create_ssl_context()


class Sending:
    """Sends requests on behalf of one endpoint; arguments as for `HttpSession`."""

    def __init__(
        self,
        context: ConnectContext,
        base: httpx.URL,
        auth: Auth | None,
        headers: Mapping[str, str],
        origins: Collection[str],
        budget: Budget | None,
    ) -> None:
        self._context = context
        self._base = base
        self._headers = headers
        self.own = named_origins(origins) | {address.origin(base)}
        self._budget = budget or Budget(None, monotonic=context.monotonic, sleep=context.sleep)
        self.credential = self._resolved(auth)
        _silence_addresses()
        self._client = httpx.Client(
            verify=tls(),
            timeout=context.timeout_seconds,
            headers={"User-Agent": f"shanhai/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*"},
            mounts={f"all://{host}": None for host in _LOOPBACK},
            # Cookies know no ports: a jar would carry a session to another system on the same host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._terms = Terms(context.monotonic)
        keep_terms(self._client, self._terms)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    @contextmanager
    def opened(self, asked: Asked, extra: dict[str, str], until: Deadline) -> Iterator[httpx.Response]:
        """The answer after all redirects; failures of the transport become our errors, while reading too."""
        try:
            response = self._answer(asked, extra, until)
            try:
                # Who reads the body looks at the time; this ends a wait that gives nothing to see.
                self._terms.until = until.at + self._context.timeout_seconds
                yield response
            finally:
                response.close()
        except httpx.RequestError as error:
            # Not chained: the library's error holds the request, and with it the credential.
            raise _transport_failure(error, asked.url) from None

    def _answer(self, asked: Asked, extra: dict[str, str], until: Deadline) -> httpx.Response:
        """The answer after all redirects; a token that is refused is renewed once."""
        response = self._followed(asked, extra, until)
        if response.status_code != 401 or asked.credential is None or not asked.credential.renew():
            return response
        response.close()
        return self._followed(asked, extra, until)

    def _followed(self, asked: Asked, extra: dict[str, str], until: Deadline) -> httpx.Response:
        current, stranger = asked.url, address.origin(asked.url) not in self.own
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._sent(replace(asked, url=current), extra, until, stranger=stranger)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            target = address.joined(current, response.headers.get("location", ""))
            stranger = check_target(current, target, self.own)
            if asked.content is not None:
                raise SourceError(f"{address.told(current)} redirects a query that was sent with POST")
            current = target
        raise SourceError(f"{asked.told} redirects too often", allowed=f"at most {_MAX_REDIRECTS} redirects")

    def _sent(
        self, asked: Asked, extra: dict[str, str], until: Deadline, *, stranger: bool
    ) -> httpx.Response:
        url, headers = asked.url, dict[str, str]()
        if self.credential is not None:
            url, headers = self.credential.apply(url)
        if address.origin(url) == address.origin(self._base):
            headers = {**self._headers, **headers}
        method = "GET" if asked.content is None else "POST"
        if asked.content is not None:
            headers["Content-Type"] = "application/json"
        request = self._client.build_request(method, url, headers=headers | extra, content=asked.content)
        return self._send(request, until, stranger=stranger)

    def _send(self, request: httpx.Request, until: Deadline, *, stranger: bool = False) -> httpx.Response:
        until.at += self._budget.spend()
        head = self._context.monotonic() + _HEAD_WAITS * self._context.timeout_seconds
        self._terms.until, self._terms.stranger = min(head, until.at), stranger
        return self._client.send(request, stream=True, follow_redirects=False)

    def _post_form(self, url: httpx.URL, headers: dict[str, str], form: dict[str, str]) -> httpx.Response:
        """What a `TokenCredential` asks with."""
        request = self._client.build_request("POST", url, headers=headers, data=form)
        until = Deadline(self._context.monotonic() + self._context.max_body_seconds)
        response = self._send(request, until)
        content = b""
        with closing(response):
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MAX_TOKEN_BYTES:
                    raise SourceError(f"{address.told(url)} answers with more than a token")
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    def _resolved(self, auth: Auth | None) -> Credential | None:
        context = self._context
        if auth is None:
            return None
        value = context.secret(auth.secret)
        if isinstance(auth, ClientCredentialsAuth):
            return TokenCredential(
                auth,
                value,
                self._base,
                post=self._post_form,
                monotonic=context.monotonic,
                clock=context.clock,
            )
        return SecretCredential(auth, value, self._base)


def _transport_failure(error: httpx.RequestError, url: httpx.URL) -> ShanhaiError:
    told = address.told(url)
    match error:
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ConfigurationError(
                f"the certificate of {told} cannot be verified", hint="install the authority that issued it"
            )
        case httpx.UnsupportedProtocol():
            return DeniedError(f"{told} leads to an address inside a private network")
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
