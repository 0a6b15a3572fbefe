"""A polite HTTP session with one source: its credential stays with its origin, its failures become errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Annotated, Self

import httpx
from pydantic import AfterValidator

from shanhai.connect.protocol import ConnectContext, Kept
from shanhai.connect.web import address
from shanhai.connect.web.answer import Asked
from shanhai.connect.web.budget import Budget
from shanhai.connect.web.conditional import identity
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.redirect import check_target
from shanhai.connect.web.sending import Sending
from shanhai.connect.web.transfer import Download, Transfer, Whole
from shanhai.errors import DeniedError

_RESERVED_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "host", "connection", "content-length"}
    | {"transfer-encoding", "accept-encoding", "range", "if-range", "if-none-match", "if-modified-since"}
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
        origins: where else the source may lead; see `shanhai.connect.web.redirect`.
        budget: how many requests may be sent; a connector has one for all its sessions.

    Raises:
        ConfigurationError: the endpoint is no http(s) address, or the secret is unknown.
    """

    def __init__(
        self,
        context: ConnectContext,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        origins: Collection[str] = (),
        budget: Budget | None = None,
    ) -> None:
        self.base = address.parse_endpoint(context.endpoint)
        self._context = context
        self._headers = dict(headers or {})
        self._asker = None if auth is None else auth.model_dump(mode="json")
        self._sending = Sending(context, self.base, auth, self._headers, origins, budget)

    def get(
        self,
        url: httpx.URL,
        *,
        window: str | None = None,
        max_bytes: int | None = None,
        kept: Kept | None = None,
    ) -> Download:
        """Ask for `url` and return as soon as it answers with data.

        Args:
            url: an address below `base`, or one that the source gave.
            window: what is asked for, to tell an unpublished window from a wrong address.
            max_bytes: cap of this body; that of the context when None.
            kept: what was last kept of the body; the source is asked whether it changed since.

        Raises:
            SourceError: it is down, slow, cut off or sends a web page, after all tries.
            NotFoundError, ConfigurationError, DeniedError: it refuses; trying again will not help.
            DataError: the body is too large.
        """
        return self._transfer(self._asked(url, window), max_bytes, kept).start()

    def get_whole(
        self,
        url: httpx.URL,
        *,
        window: str | None = None,
        max_bytes: int | None = None,
        kept: Kept | None = None,
    ) -> Whole:
        """Like `get`, for an answer that is held in memory: a try that broke off is simply made again."""
        return self._transfer(self._asked(url, window), max_bytes, kept).whole()

    def post_whole(
        self, url: httpx.URL, content: bytes, *, window: str | None = None, max_bytes: int | None = None
    ) -> Whole:
        """Like `get_whole`, for a query that is sent as JSON. It must change nothing, as tries repeat it."""
        asked = Asked(url, window, self._sending.credential, content=content)
        return self._transfer(asked, max_bytes, None).whole()

    def next_address(self, url: httpx.URL, reference: str) -> httpx.URL:
        """The address of the next page, which the answer to `url` gives.

        Raises:
            SourceError: it is no address.
            DeniedError: the source would put it into another system's hands.
        """
        target = address.joined(url, reference)
        if address.origin(target) not in self._sending.own:
            raise DeniedError(
                "the next page is said to be at another origin",
                given=address.told(target),
                allowed=address.told(self.base),
                hint="if that is right, name it in the option origins; it gets no credential",
            )
        return target

    def led_to(self, url: httpx.URL, reference: str) -> httpx.URL:
        """The address that an answer to `url` gives for a file, if it may be asked.

        Raises:
            SourceError: it is no address.
            DeniedError: it is another origin that is neither named nor public https.
        """
        target = address.joined(url, reference)
        check_target(url, target, self._sending.own)
        return target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sending.close()

    def __repr__(self) -> str:
        return f"HttpSession({address.told(self.base)}, {self._sending.credential!r})"

    def _asked(self, url: httpx.URL, window: str | None) -> Asked:
        return Asked(url, window, self._sending.credential, identity(url, self._headers, self._asker))

    def _transfer(self, asked: Asked, max_bytes: int | None, kept: Kept | None) -> Transfer:
        cap = self._context.max_body_bytes if max_bytes is None else max_bytes
        return Transfer(asked, self._context, self._sending.opened, cap, kept)
