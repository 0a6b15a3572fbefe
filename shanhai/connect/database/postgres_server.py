"""The address of a PostgreSQL database, and a connection to it."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, SecretStr

from shanhai.connect.database.line import Line
from shanhai.connect.database.postgres_failure import refused
from shanhai.connect.options import Options
from shanhai.errors import ConfigurationError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

SCHEMES = ("postgresql", "postgres")
SslMode = Literal["disable", "require", "verify-ca", "verify-full"]
_NOT_IN_THE_CLEAR = "scram-sha-256,md5,none"


class DatabaseAuth(Options):
    """A user of the database, and the secret with the password."""

    user: str = Field(min_length=1)
    secret: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret, not its value")


@dataclass(frozen=True)
class Server:
    """Where a database is: an endpoint without credentials."""

    host: str
    port: int
    database: str

    @property
    def told(self) -> str:
        """The address as logs and errors may tell it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}/{self.database}"


def is_postgres(endpoint: str) -> bool:
    """Whether an endpoint is an address of PostgreSQL rather than a folder."""
    return endpoint.partition("://")[0].lower() in SCHEMES


def parse_server(endpoint: str) -> Server:
    """The server of an endpoint `postgresql://host[:port]/database`.

    Raises:
        ConfigurationError: it is no such address, or has a user, a password or parameters; none is told.
    """
    try:
        split = urlsplit(endpoint)
        port = split.port or 5432
    except ValueError:
        split, port = SplitResult("", "", "", "", ""), 0
    database = unquote(split.path.removeprefix("/"))
    more = "@" in split.netloc or split.query or split.fragment
    if more or not split.hostname or not database or "/" in split.path[1:] or "," in split.netloc:
        raise ConfigurationError(
            "not the address of a database",
            given="an address with more than host, port and database" if more else "another form",
            allowed="postgresql://<host>[:<port>]/<database>",
            hint="user and password go into the option auth, TLS into sslmode",
        )
    return Server(split.hostname, port, database)


@contextmanager
def connected(
    server: Server, auth: DatabaseAuth, password: SecretStr, sslmode: SslMode, seconds: float
) -> Iterator[tuple[Connection, Line]]:
    """A connection in autocommit, and the line that it goes over.

    Args:
        seconds: for connecting, and for each wait on the way.

    Raises:
        SourceError: the server cannot be reached, or does not answer.
        ConfigurationError: it does not accept the credentials, has no such database or no trusted TLS.
        DeniedError: it does not let the user in.
    """
    import adbc_driver_manager
    from adbc_driver_postgresql import dbapi

    text = password.get_secret_value()
    if not text or not text.isprintable():
        raise ConfigurationError("a secret cannot be sent", given=auth.secret, allowed="printable characters")
    line = Line(server.host, server.port, seconds)
    asked = {
        # The name is what a certificate is compared with; the address is where the line begins.
        "host": server.host,
        "hostaddr": "127.0.0.1",
        "port": str(line.here),
        "dbname": server.database,
        "user": auth.user,
        "password": text,
        "connect_timeout": str(max(2, math.ceil(seconds))),
        "application_name": "shanhai",
        **_tls(sslmode),
        # Nothing that lies in the home of whoever runs this is sent along.
        "passfile": "/dev/null",
        "sslcertmode": "disable",
        "gssencmode": "disable",
    }
    told = " ".join(f"{name}={_quoted(value)}" for name, value in asked.items())
    with line:
        try:
            with line.waiting(seconds):
                connection: Connection = dbapi.connect(told, autocommit=True)
        except (adbc_driver_manager.Error, OSError) as error:
            # Not chained: what raised it has the password among its arguments.
            raise refused(error, server.told, auth.secret) from None
        line.shut()
        with connection:
            yield connection, line


def _tls(sslmode: SslMode) -> dict[str, str]:
    if sslmode in ("disable", "require"):
        # Whoever is not known for certain must not be told the password.
        return {"sslmode": sslmode, "require_auth": _NOT_IN_THE_CLEAR}
    import certifi

    trusted = ssl.get_default_verify_paths().cafile or certifi.where()
    return {"sslmode": sslmode, "sslrootcert": trusted}


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
