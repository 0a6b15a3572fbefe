"""Credentials of a source: named in the options, looked up when needed, sent to one origin only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import unquote

import httpx
from pydantic import Field, SecretStr, model_validator

from shanhai.connect import address
from shanhai.connect.options import Options
from shanhai.errors import ConfigurationError, DeniedError

_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


class BearerAuth(Options):
    """`Authorization: Bearer <secret>`, or the same in another header."""

    kind: Literal["bearer"]
    secret: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret, not its value")
    header: str = Field(default="Authorization", pattern=_HEADER)


class ApiKeyAuth(Options):
    """The secret as it is, in a header or in a parameter of the query."""

    kind: Literal["api_key"]
    secret: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret, not its value")
    header: str | None = Field(default=None, pattern=_HEADER)
    param: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_place(self) -> ApiKeyAuth:
        if (self.header is None) == (self.param is None):
            raise ValueError("give exactly one of header and param")
        return self


Auth = Annotated[BearerAuth | ApiKeyAuth, Field(discriminator="kind")]


class Credential:
    """A secret bound to the origin of an endpoint. Its repr has the name of the secret only."""

    def __init__(self, auth: Auth, value: SecretStr, endpoint: httpx.URL) -> None:
        text = value.get_secret_value()
        if not text or not text.isascii() or not text.isprintable() or text != text.strip():
            # The HTTP library would quote such a value in its error.
            raise ConfigurationError(
                "a secret cannot be sent",
                given=auth.secret,
                allowed="printable ASCII without blanks around it",
            )
        self.name = auth.secret
        self._auth = auth
        self._value = value
        self._origin = address.origin(endpoint)

    @classmethod
    def resolve(
        cls, auth: Auth | None, secret: Callable[[str], SecretStr], endpoint: httpx.URL
    ) -> Credential | None:
        """The credential that the options name; None when they name none.

        Raises:
            ConfigurationError: the secret is unknown or cannot be sent.
        """
        return None if auth is None else cls(auth, secret(auth.secret), endpoint)

    def apply(self, url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
        """The address and headers to send: with the secret to its own origin, without it to another.

        Raises:
            DeniedError: an address of another origin has the secret in it.
        """
        text = self._value.get_secret_value()
        if address.origin(url) != self._origin:
            if _mentions(url, text):
                raise DeniedError(
                    "the source would pass a secret on to another origin",
                    given=f"secret {self.name}, {address.told(url.copy_with(path='/'))}",
                    allowed=f"{self._origin[0]}://{self._origin[1]}:{self._origin[2]}",
                )
            return url, {}
        match self._auth:
            case BearerAuth(header=header):
                return url, {header: f"Bearer {text}"}
            case ApiKeyAuth(header=str(header)):
                return url, {header: text}
            case ApiKeyAuth(param=str(param)):
                return url.copy_set_param(param, text), {}
            case _:
                raise AssertionError(self._auth.kind)

    def refused(self, url: httpx.URL) -> ConfigurationError:
        """The error for a source that does not accept the secret."""
        return ConfigurationError(
            f"{address.told(url)} does not accept the credentials",
            given=f"secret {self.name}",
            hint="check its value, and whether it has expired",
        )

    def __repr__(self) -> str:
        return f"Credential(secret={self.name!r})"


def _mentions(url: httpx.URL, text: str) -> bool:
    # A short text is found in any address by chance: only as a whole value it tells something.
    return text in httpx.QueryParams(url.query).values() or (len(text) >= 8 and text in unquote(str(url)))
