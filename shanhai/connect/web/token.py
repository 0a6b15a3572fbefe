"""Access tokens of OAuth 2 client credentials: held in memory only, renewed in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx
from pydantic import SecretStr

from shanhai.clock import Clock
from shanhai.connect.retry import TransientError
from shanhai.connect.web import address
from shanhai.connect.web.busy import TRANSIENT_STATUS, retry_after
from shanhai.connect.web.credential import (
    ClientCredentialsAuth,
    basic,
    check_stranger,
    checked_secret,
    not_accepted,
)
from shanhai.errors import ConfigurationError, ShanhaiError, SourceError

_MARGIN_SECONDS = 30.0
_REFUSALS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    | {"invalid_scope"}
)

Posting = Callable[[httpx.URL, dict[str, str], dict[str, str]], httpx.Response]
"""Sends a form with headers to an address, follows no redirect, and gives the answer, read to its end."""


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    until: float


class TokenCredential:
    """A token that the source gives for client and secret, bound to the origin of an endpoint.

    How long it holds is counted by `expires_in` from the moment it was asked for; no clock of the source
    and no time of day is used, so a source whose clock is wrong does no harm.
    """

    def __init__(
        self,
        auth: ClientCredentialsAuth,
        value: SecretStr,
        endpoint: httpx.URL,
        *,
        post: Posting,
        monotonic: Callable[[], float],
        clock: Clock,
    ) -> None:
        checked_secret(auth.secret, value)
        self.name = auth.secret
        self._auth = auth
        self._value = value
        self._origin = address.origin(endpoint)
        self._url = token_address(auth.token, endpoint)
        self._post = post
        self._monotonic = monotonic
        self._clock = clock
        self._token: _Token | None = None

    def apply(self, url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
        """As `Credential.apply`; asks for a token when there is none, or it is about to expire."""
        if address.origin(url) != self._origin:
            for text in (self._value.get_secret_value(), self._token.text if self._token else ""):
                if text:
                    check_stranger(url, text, self.name, self._origin)
            return url, {}
        if self._token is None or self._monotonic() >= self._token.until:
            self._token = self._given()
        return url, {"Authorization": f"Bearer {self._token.text}"}

    def renew(self) -> bool:
        """As `Credential.renew`: the next request asks for another token."""
        self._token = None
        return True

    def refused(self, url: httpx.URL) -> ConfigurationError:
        """As `Credential.refused`."""
        return not_accepted(url, self.name)

    def _given(self) -> _Token:
        asked_at = self._monotonic()
        form = {"grant_type": "client_credentials"}
        if self._auth.scope is not None:
            form["scope"] = self._auth.scope
        headers = {"Accept": "application/json"}
        client, secret = self._auth.client_id, self._value.get_secret_value()
        if self._auth.sent_in == "body":
            form |= {"client_id": client, "client_secret": secret}
        else:
            # Encoded as for a form before they are joined: RFC 6749, 2.3.1.
            headers["Authorization"] = basic(quote_plus(client), quote_plus(secret))
        response = self._post(self._url, headers, form)
        told = address.told(self._url)
        if response.status_code != 200:
            raise self._refusal(response, told)
        return _read(response.content, asked_at, told)

    def _refusal(self, response: httpx.Response, told: str) -> ShanhaiError:
        status = f"status {response.status_code}"
        if response.status_code in TRANSIENT_STATUS:
            wait = retry_after(response.headers, self._clock)
            return TransientError(f"{told} is busy or broken", given=status, wait_seconds=wait)
        problem = _document(response.content).get("error")
        named = f", {problem}" if isinstance(problem, str) and problem in _REFUSALS else ""
        return ConfigurationError(
            f"{told} gives no token",
            given=f"{status}{named}, secret {self.name}",
            hint="check token, client_id, scope and the secret's value in the option auth",
        )

    def __repr__(self) -> str:
        return f"TokenCredential(secret={self.name!r})"


def token_address(place: str, endpoint: httpx.URL) -> httpx.URL:
    """Where tokens are given.

    Raises:
        ConfigurationError: it is another origin over plain http, where the secret would be seen by all.
    """
    if "://" not in place:
        path = place if place.startswith("/") else f"/{place}"
        if ".." in path.split("/") or path.startswith("//") or "\\" in path or "?" in path or "#" in path:
            raise ConfigurationError("option auth.token is no path", given=place, allowed="/<path>")
        return endpoint.copy_with(path=path)
    url = address.parse_endpoint(place)
    if url.scheme != "https" and address.origin(url) != address.origin(endpoint):
        raise ConfigurationError(
            "option auth.token is not safe",
            given=address.told(url),
            allowed="https:// or the endpoint's origin",
        )
    return url


def _read(content: bytes, asked_at: float, told: str) -> _Token:
    document = _document(content)
    text = document.get("access_token")
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
        # Of what came instead nothing is told: it may hold a token in another place.
        raise SourceError(f"{told} answers without a token", allowed="JSON with access_token (RFC 6749, 5.1)")
    kind = document.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ConfigurationError(f"{told} gives tokens of another type", allowed="Bearer")
    return _Token(text, asked_at + _lifetime(document.get("expires_in")))


def _lifetime(seconds: object) -> float:
    """Seconds that a token may be used; until it is refused, when the source does not say."""
    try:
        stated = float(seconds) if isinstance(seconds, (int, float, str)) else float("inf")
    except ValueError:
        stated = float("inf")
    return max(stated - min(_MARGIN_SECONDS, stated / 10), 0.0)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
