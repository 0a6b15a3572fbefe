"""Who logs in at a file server: named in the options, looked up when needed, told nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from shanhai.connect.options import Options
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import ConfigurationError

_NAME = r"^[a-z][a-z0-9_]*$"
_USER = r"^[^\x00-\x1f\x7f]+$"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
PORTS = {"ftp": 21, "ftps": 21, "sftp": 22}


class PasswordLogin(Options):
    """A user and a password."""

    kind: Literal["password"]
    user: str = Field(pattern=_USER)
    secret: str = Field(pattern=_NAME, description="name of the secret with the password")


class KeyLogin(Options):
    """A user and a private key in OpenSSH's or PEM form; SFTP only."""

    kind: Literal["key"]
    user: str = Field(pattern=_USER)
    secret: str = Field(pattern=_NAME, description="name of the secret with the private key")
    passphrase: str | None = Field(
        default=None, pattern=_NAME, description="name of the secret with the key's passphrase"
    )


Login = Annotated[PasswordLogin | KeyLogin, Field(discriminator="kind")]


def _check_fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError("SHA256:… with 43 characters, as `ssh-keygen -l` tells it")
    return text


Fingerprint = Annotated[str, AfterValidator(_check_fingerprint)]
"""An option with the fingerprint of a host key."""


@dataclass(frozen=True)
class Server:
    """The address of a file server and the folder of it that is meant."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def told(self) -> str:
        """The address, which has no secret in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = f"/{self.path}" if self.path else ""
        return f"{self.scheme}://{host}:{self.port}{path}"


def is_server(endpoint: str) -> bool:
    """Whether an endpoint is at a file server."""
    return endpoint.lower().partition("://")[0] in PORTS


def parse_server(endpoint: str) -> Server:
    """The server behind an endpoint; its path begins where a login leads to, or with `//` at the root.

    Raises:
        ConfigurationError: it is no such address, or has more than host and path.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise ConfigurationError("an endpoint is no address", given=endpoint[:200]) from None
    if "@" in parts.netloc:
        raise ConfigurationError(
            "an endpoint has more than a host and a path",
            given=f"{parts.scheme}://…",
            hint="users and secrets go into the option login",
        )
    path = unquote(parts.path).removeprefix("/")
    path = path.rstrip("/") or path[:1]
    if (
        not parts.hostname
        or parts.query
        or parts.fragment
        or ".." in path.split("/")
        or not path.isprintable()
    ):
        raise ConfigurationError(
            "an endpoint is no address",
            given=endpoint[:200],
            allowed="ftp://, ftps:// or sftp://<host>/<path>",
        )
    return Server(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)


def password(context: ConnectContext, login: PasswordLogin) -> str:
    """The password of a login.

    Raises:
        ConfigurationError: it is unknown, or cannot be sent.
    """
    text = context.secret(login.secret).get_secret_value()
    if not text or not text.isprintable():
        raise ConfigurationError(
            "a secret cannot be sent", given=login.secret, allowed="printable characters"
        )
    return text


def refused(server: Server, login: PasswordLogin | KeyLogin | None) -> ConfigurationError:
    """The error for a server that does not let the user in."""
    if login is None:
        return ConfigurationError(
            f"{server.told} asks for a login", hint="add the option login to the contract"
        )
    return ConfigurationError(
        f"{server.told} does not accept the login",
        given=f"user {login.user}, secret {login.secret}",
        hint="check user and secret, and whether they have expired",
    )
