"""Credentials of a source: named in the options, looked up when needed, sent to one origin only."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Literal, Protocol
from urllib.parse import unquote

import httpx
from pydantic import Field, SecretStr, model_validator

from shanhai.connect.options import Options
from shanhai.connect.web import address
from shanhai.errors import ConfigurationError, DeniedError

_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
_NAME = r"^[a-z][a-z0-9_]*$"
_NAMED = "name of the secret, not its value"


class BearerAuth(Options):
    """`Authorization: Bearer <secret>`, or the same in another header."""

    kind: Literal["bearer"]
    secret: str = Field(pattern=_NAME, description=_NAMED)
    header: str = Field(default="Authorization", pattern=_HEADER)


class ApiKeyAuth(Options):
    """The secret as it is, in a header or in a parameter of the query."""

    kind: Literal["api_key"]
    secret: str = Field(pattern=_NAME, description=_NAMED)
    header: str | None = Field(default=None, pattern=_HEADER)
    param: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_place(self) -> ApiKeyAuth:
        if (self.header is None) == (self.param is None):
            raise ValueError("give exactly one of header and param")
        return self


class BasicAuth(Options):
    """User and secret as `Authorization: Basic …` (RFC 7617)."""

    kind: Literal["basic"]
    user: str = Field(pattern=r"^[^:\x00-\x1f\x7f]+$", description="without a colon")
    secret: str = Field(pattern=_NAME, description=_NAMED)


class ClientCredentialsAuth(Options):
    """OAuth 2 client credentials (RFC 6749, 4.4): a short-lived token, got with client and secret."""

    kind: Literal["client_credentials"]
    token: str = Field(
        min_length=1,
        description="where tokens are given: a path at the endpoint's origin, or another https address",
    )
    client_id: str = Field(pattern=r"^[\x21-\x7e]+$")
    secret: str = Field(pattern=_NAME, description=_NAMED)
    scope: str | None = Field(default=None, min_length=1)
    sent_in: Literal["header", "body"] = Field(
        default="header", description="where the token endpoint wants client and secret"
    )


Auth = Annotated[BearerAuth | ApiKeyAuth | BasicAuth | ClientCredentialsAuth, Field(discriminator="kind")]


class Credential(Protocol):
    """What shows who asks. Its repr has the name of its secret only."""

    name: str

    def apply(self, url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
        """The address and headers to send: with the credential to its own origin, without it to another.

        Raises:
            DeniedError: an address of another origin has the secret in it.
            SourceError, ConfigurationError: a token is needed and not given.
        """
        ...

    def renew(self) -> bool:
        """Forget what may have expired; False if nothing can."""
        ...

    def refused(self, url: httpx.URL) -> ConfigurationError:
        """The error for a source that does not accept the credential."""
        ...


def checked_secret(name: str, value: SecretStr) -> str:
    """The secret's text, if it can be sent.

    Raises:
        ConfigurationError: it cannot; the HTTP library would quote it in its own error.
    """
    text = value.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ConfigurationError(
            "a secret cannot be sent", given=name, allowed="printable ASCII without blanks around it"
        )
    return text


def check_stranger(url: httpx.URL, text: str, name: str, own: tuple[str, str, int]) -> None:
    """Return if an address of another origin does not have the secret `text` in it.

    Raises:
        DeniedError: it has.
    """
    if _mentions(url, text):
        raise DeniedError(
            "the source would pass a secret on to another origin",
            given=f"secret {name}, {address.told(url.copy_with(path='/'))}",
            allowed=f"{own[0]}://{own[1]}:{own[2]}",
        )


def not_accepted(url: httpx.URL, name: str) -> ConfigurationError:
    """The error for a source that does not accept a secret."""
    return ConfigurationError(
        f"{address.told(url)} does not accept the credentials",
        given=f"secret {name}",
        hint="check its value, and whether it has expired",
    )


class SecretCredential:
    """A secret that is sent as it is, bound to the origin of an endpoint."""

    def __init__(
        self, auth: BearerAuth | ApiKeyAuth | BasicAuth, value: SecretStr, endpoint: httpx.URL
    ) -> None:
        checked_secret(auth.secret, value)
        self.name = auth.secret
        self._auth = auth
        self._value = value
        self._origin = address.origin(endpoint)

    def apply(self, url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
        """As `Credential.apply`."""
        text = self._value.get_secret_value()
        if address.origin(url) != self._origin:
            check_stranger(url, text, self.name, self._origin)
            return url, {}
        match self._auth:
            case BearerAuth(header=header):
                return url, {header: f"Bearer {text}"}
            case BasicAuth(user=user):
                return url, {"Authorization": basic(user, text)}
            case ApiKeyAuth(header=str(header)):
                return url, {header: text}
            case ApiKeyAuth(param=str(param)):
                return url.copy_set_param(param, text), {}
            case _:
                raise AssertionError(self._auth.kind)

    def renew(self) -> bool:
        """As `Credential.renew`: only a person can."""
        return False

    def refused(self, url: httpx.URL) -> ConfigurationError:
        """As `Credential.refused`."""
        return not_accepted(url, self.name)

    def __repr__(self) -> str:
        return f"SecretCredential(secret={self.name!r})"


def basic(user: str, password: str) -> str:
    """The value of a header for user and password (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _mentions(url: httpx.URL, text: str) -> bool:
    # A short text is found in any address by chance: only as a whole value it tells something.
    return text in httpx.QueryParams(url.query).values() or (len(text) >= 8 and text in unquote(str(url)))
