"""What a failure of PostgreSQL means for a pull; its own text, which may quote values, is told nowhere."""

from __future__ import annotations

import re

from shanhai.connect.retry import TransientError
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, ShanhaiError, SourceError

_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")
_REFUSED_AT_THE_DOOR = (
    # A connection that is refused comes without SQLSTATE, and in the server's own language.
    (re.compile(r"authentication failed|认证失败|role .* does not exist|角色.*不存在"), "credentials"),
    (re.compile(r"no pg_hba\.conf entry|pg_hba\.conf 记录"), "host"),
    (re.compile(r"database .* does not exist|数据库.*不存在"), "database"),
    (re.compile(r"does not support SSL|certificate|SSL error|sslmode|SSL was required"), "tls"),
    (re.compile(r"authentication method|requested .*authentication"), "method"),
    (re.compile(r"permission denied for database|连接.*权限"), "database_right"),
)


def failure(error: Exception, what: str, doing: str, *, silent: bool = False) -> ShanhaiError:
    """The error for a statement that failed.

    Args:
        what: the table, for people.
        doing: which step failed: `describe`, `newest`, `read` …
        silent: whether it was we who hung up.

    A connection that breaks while rows come is no transient error: rows that were handed on cannot be
    taken back.
    """
    if silent:
        return _cut_off(what, "the database went silent", doing)
    state = sqlstate(error)
    given = f"SQLSTATE {state}" if state else "no answer"
    match state[:2], state:
        case _, "42501":
            return DeniedError(f"{what} may not be read", given=given, hint="have SELECT granted")
        case _, "42P01":
            return NotFoundError(f"the database has no table {what}", given=given)
        case "25", _:
            return DeniedError(f"{what}: the session is read only", given=given)
        case _, "57014":
            return SourceError(f"{what} took too long", given=given, hint="pull smaller windows")
        case _, "55P03":
            return TransientError(f"{what} is locked", given=given)
        case "08" | "40" | "53" | "57", _:
            return _cut_off(what, given, doing)
        case "", _:
            return _cut_off(what, given, doing)
        case _:
            return ConfigurationError(
                f"{what} cannot be read ({doing})",
                given=given,
                hint="compare the options of the source with the table; the server's log tells more",
            )


def sqlstate(error: Exception) -> str:
    """The SQLSTATE of an error of the driver; empty when the server gave none."""
    state = getattr(error, "sqlstate", None)
    found = None if state else _STATE.search(str(error))
    return state or (found[1] if found else "")


def refused(error: Exception, told: str, secret: str) -> ShanhaiError:
    """The error for a connection that did not come about.

    Args:
        told: the address, without secrets.
        secret: the name of the secret, not its value.
    """
    text = str(error)
    reason = next((word for pattern, word in _REFUSED_AT_THE_DOOR if pattern.search(text)), "")
    match reason:
        case "credentials":
            return ConfigurationError(
                f"{told} does not accept the credentials",
                given=f"secret {secret}",
                hint="check user and password, and whether they have expired",
            )
        case "host" | "database_right":
            return DeniedError(
                f"{told} does not let this user in from here", hint="ask whoever runs the database"
            )
        case "database":
            return ConfigurationError(f"there is no database {told}", hint="check the endpoint")
        case "tls":
            return ConfigurationError(
                f"{told}: no TLS connection that can be trusted",
                hint="install the authority that issued its certificate, or see the option sslmode",
            )
        case "method":
            return DeniedError(
                f"{told} asks for the password in a way that would give it away",
                allowed="scram-sha-256 or md5, or a connection with a verified certificate",
            )
        case _:
            return TransientError(f"{told} cannot be reached", given="no connection")


def _cut_off(what: str, given: str, doing: str) -> ShanhaiError:
    if doing == "read":
        return SourceError(f"{what}: the answer was cut off", given=given, hint="run it again")
    return TransientError(f"{what}: the database went away", given=given)
