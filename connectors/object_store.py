"""Objects of a bucket, at any service that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
from pydantic import Field, model_validator

from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.tree.bucket import BucketTree
from shanhai.connect.tree.matching import has_magic
from shanhai.connect.tree.protocol import Paths, Selection, bodies
from shanhai.connect.web.session import HttpSession
from shanhai.connect.window import WindowKey, needs_window
from shanhai.errors import ConfigurationError, DeniedError
from shanhai.storage.s3_access import Access, Keys, check_endpoint

_NAME = r"^[a-z][a-z0-9_]*$"


class KeyPair(Options):
    """The two keys that sign requests, by the names of their secrets."""

    access_key: str = Field(pattern=_NAME)
    secret_key: str = Field(pattern=_NAME)


class ObjectStoreOptions(Options):
    """Options of the connector `object_store`."""

    path: Paths = Field(
        min_length=1, description="one path or several below the endpoint, or globs; {window} is filled"
    )
    optional: Paths = Field(default=(), description="like path, but may be absent: corrections")
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")
    auth: KeyPair | None = Field(default=None, description="without it requests are anonymous")
    presigned: str | None = Field(
        default=None, pattern=_NAME, description="name of the secret with a presigned URL of the one path"
    )
    region: str = Field(default="us-east-1", pattern=r"^[A-Za-z0-9_-]+$")
    plain_http: bool = Field(default=False, description="allow http beyond this machine")

    @model_validator(mode="after")
    def _presigned_is_one_object(self) -> ObjectStoreOptions:
        several = len(self.path) != 1 or self.optional or self.windows or self.auth
        if self.presigned and (several or has_magic(self.path[0]) or needs_window(self.path[0])):
            raise ValueError(
                "a presigned URL is of one object: one path, and neither globs, windows nor auth"
            )
        return self


class ObjectStoreConnector:
    """Objects of a bucket, below a prefix: the endpoint is `https://<host>/<bucket>/<prefix>`.

    An object is read as it was found: by its entity tag, also when a torn transfer goes on. Of an object
    that still has the tag that was kept no byte is sent.
    """

    options_model = ObjectStoreOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(ObjectStoreOptions, options, connector="object_store")
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per object, named by its path below the endpoint."""
        options, context = self._options, self._context
        parts = urlsplit(context.endpoint)
        host = f"{parts.scheme}://{parts.netloc}"
        check_endpoint(host, plain_http=options.plain_http)
        bucket, _, prefix = unquote(parts.path).strip("/").partition("/")
        if not bucket or parts.query or parts.fragment:
            raise ConfigurationError(
                "the endpoint is no bucket", given=host, allowed="https://<host>[:<port>]/<bucket>/<prefix>"
            )
        if options.presigned:
            return self._presigned(options.presigned, host)
        access = Access(
            endpoint=host,
            bucket=bucket,
            keys=self._keys(),
            region=options.region,
            timeout_seconds=context.timeout_seconds,
            attempts=context.attempts,
            max_wait_seconds=context.max_wait_seconds,
            sleep=context.sleep,
            plain_http=options.plain_http,
        )
        asker = f"{options.auth.access_key} {options.auth.secret_key}" if options.auth else ""
        selection = Selection.of(options.path, options.optional, window, options.windows)
        return bodies(BucketTree(access, prefix, asker, context), selection, context)

    def _keys(self) -> Keys | None:
        auth = self._options.auth
        if auth is None:
            return None
        named = f"secrets {auth.access_key}, {auth.secret_key}"
        return Keys(self._context.secret(auth.access_key), self._context.secret(auth.secret_key), named)

    def _presigned(self, name: str, host: str) -> Iterator[Body]:
        text = self._context.secret(name).get_secret_value()
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            url = httpx.URL()
        if f"{url.scheme}://{url.netloc.decode('ascii')}" != host or url.userinfo:
            raise ConfigurationError(
                "a presigned URL is of another service", given=f"secret {name}", allowed=f"{host}/…"
            )
        _check_expiry(parse_qs(url.query.decode("ascii")), name, self._context)
        with HttpSession(replace(self._context, endpoint=host)) as session:
            try:
                download = session.get(url)
            except DeniedError:
                raise ConfigurationError(
                    f"{host} refuses the presigned URL",
                    given=f"secret {name}",
                    hint="ask for a new one: it may be of another object, or its signer may have lost access",
                ) from None
            (path,) = self._options.path
            yield Body(path, download.url, download.media_type, download.chunks, download.facts)


def _check_expiry(query: Mapping[str, list[str]], name: str, context: ConnectContext) -> None:
    """Signatures of version 4 state begin and seconds, those of version 2 the end in seconds of Unix time."""
    try:
        if "X-Amz-Expires" in query:
            signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            until = signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
        else:
            until = datetime.fromtimestamp(int(query["Expires"][0]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise ConfigurationError(
            "a secret is no presigned URL", given=f"secret {name}", allowed="https://…?X-Amz-Signature=…"
        ) from None
    now = context.clock()
    if now >= until:
        raise ConfigurationError(
            "a presigned URL has expired",
            given=f"secret {name}, valid until {until.isoformat()}",
            allowed=f"one that is valid at {now.isoformat(timespec='seconds')}",
            hint="ask the district for a new one",
        )
