"""What a connector is, what it is given and what it hands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pydantic import BaseModel, SecretStr

from shanhai.clock import Clock, system_clock
from shanhai.errors import ConfigurationError


@dataclass(frozen=True)
class Kept:
    """What was last kept of a body, so that a source may answer "unchanged" instead of sending it again.

    `request` is the body's own (see `Body`): what was kept may only stand for an answer to exactly the
    same request. `facts` and `media_type` are those that the source gave with the bytes. `open` gives the
    bytes; whoever reads them compares them with `sha256`.
    """

    sha256: str
    size: int
    request: str
    media_type: str
    open: Callable[[], BinaryIO] = field(repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Body:
    """One stream of bytes of a pull, as the source sent it.

    `name` is a relative path that depends on the request and the source only, never on the time.
    `origin` tells where it came from, without secrets. `facts` are what the source says about it
    (`etag`, `last-modified`). `chunks` are read once, before the next body is asked for.

    `request` tells requests apart that may have different answers, without telling a secret: empty, or a
    digest of all that was asked. With `unchanged` the source said that its bytes are those kept: `chunks`
    give these, and whoever has them need not read them.
    """

    name: str
    origin: str
    media_type: str
    chunks: Iterator[bytes] = field(repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)
    request: str = ""
    unchanged: Kept | None = None


class Connector(Protocol):
    """Fetches the bytes of one dataset, without interpreting rows."""

    def pull(self, window: str | None) -> Iterator[Body]:
        """The bodies of `window`, in a stable order; None means everything the source has.

        Pulling again gives the same names, and the same bytes unless the source changed. Errors may also
        come while a body's chunks are read: then that body is torn and must not be kept. Bodies that came
        whole before it are good: where each file is a delivery they are kept as such, and a pull that is one
        delivery is one only when all its bodies came. Temporary failures of the source were retried before
        an error is raised.

        Raises:
            SourceError: the source is down, slow or cut off, has nothing for the window, or sends no data.
            DataError: a body is larger than allowed.
            ConfigurationError: an option, an address or a secret is wrong.
            DeniedError: an address leads out of what is allowed, or the source forbids it.
        """
        ...


class ConnectorFactory(Protocol):
    """Makes a connector from the options of a contract; touches no file and no network."""

    @property
    def options_model(self) -> type[BaseModel]:
        """What the options of a contract are checked against."""
        ...

    def __call__(self, options: Mapping[str, Any], context: ConnectContext) -> Connector:
        """The connector.

        Raises:
            ConfigurationError: an option is wrong; the message names connector, option and what is allowed.
        """
        ...


def no_secret(name: str) -> SecretStr:
    """The look-up of an installation without secrets.

    Raises:
        ConfigurationError: always, naming the secret.
    """
    raise ConfigurationError("a secret is missing", given=name)


def nothing_kept(name: str) -> Kept | None:
    """The look-up of a pull that wants every body anew."""
    return None


@dataclass(frozen=True)
class ConnectContext:
    """What a connector may know of the installation it runs in.

    Args:
        endpoint: a folder, or an http(s) address, from the district's endpoints.
        secret: gives a secret by its name; raises `ConfigurationError` for an unknown one.
        kept: gives what was last kept of the body of that name, for the window that is being pulled; None
            when there is nothing. Using it is up to the connector.
        cursor: what the fact `cursor` of the last good delivery says, in the connector's own form: how far
            an incremental source was read. None: everything is wanted.
        allowed_roots: folders from which files may be read.
        timeout_seconds: for connecting, and for each wait for bytes.
        attempts: tries of one request, the first included.
        max_body_bytes: largest body accepted.
        max_body_seconds: longest time that one body may take, waits included.
        max_wait_seconds: longest wait that a source may ask for with Retry-After.
        clock: the present moment, for dates in answers.
        monotonic: seconds that pass, for time limits.
        sleep: waits for so many seconds.
    """

    endpoint: str
    secret: Callable[[str], SecretStr] = no_secret
    kept: Callable[[str], Kept | None] = nothing_kept
    cursor: str | None = None
    allowed_roots: tuple[Path, ...] = ()
    timeout_seconds: float = 30.0
    attempts: int = 6
    max_body_bytes: int = 4 * 2**30
    max_body_seconds: float = 3600.0
    max_wait_seconds: float = 300.0
    clock: Clock = system_clock
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def is_http(self) -> bool:
        """Whether the endpoint is an http(s) address rather than a folder."""
        return self.endpoint.lower().startswith(("http://", "https://"))
