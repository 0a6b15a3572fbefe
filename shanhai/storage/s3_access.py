"""Access to one bucket of an S3 store: its address and keys, bounded tries, and failures as our errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from pydantic import SecretStr
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

from shanhai.errors import (
    ConfigurationError,
    DeniedError,
    DiskFullError,
    NotFoundError,
    ShanhaiError,
    SourceError,
    StoreError,
)

if TYPE_CHECKING:
    from minio import Minio

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REFUSED_KEYS = {
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "ExpiredToken",
    "InvalidToken",
    "InvalidSecurity",
}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientStorage"}
_WRONG_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "Redirect", "RetryHead"}
_CONDITIONS = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"}
_BUSY_STATUS = (408, 429, 500, 502, 503, 504)

_only_if_absent: ContextVar[bool] = ContextVar("only_if_absent", default=False)


class ConditionError(StoreError):
    """A condition of a request was not met, or its upload was taken away meanwhile."""


@dataclass(frozen=True)
class Keys:
    """The pair of keys that signs requests, with the names under which the installation keeps them."""

    access_key: SecretStr
    secret_key: SecretStr
    named: str


@dataclass(frozen=True)
class Access:
    """How to reach a bucket.

    Args:
        endpoint: `https://<host>[:<port>]`; http on loopback, or where `plain_http` says so.
        keys: None asks anonymously.
        timeout_seconds: for connecting, and for each wait for bytes.
        attempts: tries of one request, the first included.
        max_wait_seconds: longest wait that the store may ask for with Retry-After.
        sleep: waits for so many seconds.
    """

    endpoint: str
    bucket: str
    keys: Keys | None = field(default=None, repr=False)
    region: str = "us-east-1"
    timeout_seconds: float = 30.0
    attempts: int = 6
    plain_http: bool = False
    max_wait_seconds: float = 300.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def told(self) -> str:
        """The bucket's address, which has no secret in it."""
        return f"{self.endpoint}/{self.bucket}"

    def client(self) -> Minio:
        """A client for this bucket; it may be used by many threads, not by many processes.

        Raises:
            ConfigurationError: the endpoint or the name of the bucket is none.
        """
        from minio import Minio

        check_endpoint(self.endpoint, plain_http=self.plain_http)
        if not _BUCKET.fullmatch(self.bucket):
            raise ConfigurationError("not the name of a bucket", given=self.bucket, allowed=_BUCKET.pattern)
        parts = urlsplit(self.endpoint)
        try:
            return Minio(
                parts.netloc,
                self.keys.access_key.get_secret_value() if self.keys else None,
                self.keys.secret_key.get_secret_value() if self.keys else None,
                secure=parts.scheme == "https",
                region=self.region,
                http_client=_Connections(self),
            )
        except ValueError as error:
            raise ConfigurationError(
                "an S3 client cannot be made", given=self.told, hint=str(error)
            ) from None

    @contextmanager
    def failures(self, kind: type[StoreError] | type[SourceError], what: str = "") -> Iterator[None]:
        """Turn what the SDK and its connections raise in the block into errors that say what helps.

        Args:
            kind: the class of errors that pass with time.
            what: the object that is asked for.
        """
        from minio.error import InvalidResponseError, S3Error, ServerError

        where = f"{self.told}/{what}" if what else self.told
        try:
            yield
        except S3Error as error:
            # Not chained: the SDK's error holds the request, and with it its signature.
            raise self._told(error.code or "", where, kind) from None
        except (InvalidResponseError, ServerError) as error:
            status = getattr(error, "status_code", None) or getattr(error, "_code", "")
            raise kind(f"{where} does not answer as S3 does", given=f"status {status}") from None
        except HTTPError as error:
            raise _unreachable(error, where, kind, self.attempts) from None

    def _told(self, code: str, where: str, kind: type[StoreError] | type[SourceError]) -> ShanhaiError:
        named = f"{code}, {self.keys.named}" if self.keys else f"{code}, no keys"
        match code:
            case "NoSuchKey" | "NoSuchVersion":
                return NotFoundError("there is no such object", given=where)
            case "NoSuchBucket":
                return ConfigurationError(
                    "there is no such bucket", given=self.told, hint="make it first, or correct its name"
                )
            case "RequestTimeTooSkewed" | "RequestExpired":
                return ConfigurationError(
                    f"{where} refuses the time of the request",
                    given=code,
                    hint="the clock of this machine and that of the store differ: set the clock",
                )
            case _ if code in _REFUSED_KEYS:
                return ConfigurationError(
                    f"{where} does not accept the keys", given=named, hint="check the values of these secrets"
                )
            case _ if code in _WRONG_REGION:
                return ConfigurationError(
                    f"{where} is in another region", given=self.region, hint="set the bucket's region"
                )
            case "AccessDenied" | "AllAccessDisabled" | "MethodNotAllowed":
                return DeniedError(
                    f"{where} forbids the request", given=named, hint="ask who keeps the bucket for access"
                )
            case _ if code in _CONDITIONS:
                return ConditionError(f"{where} was written by another at the same time", given=code)
            case _ if code in _FULL and kind is StoreError:
                return DiskFullError(
                    f"{self.told} is full", given=code, hint="raise its quota, or remove what is not needed"
                )
            case _:
                return kind(f"{where} failed", given=code)


def check_endpoint(endpoint: str, *, plain_http: bool = False) -> None:
    """Check the address of a store.

    Raises:
        ConfigurationError: it is none, or would send signed requests over an open network.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ConfigurationError(
            "not the address of an S3 store", given=endpoint, allowed="https://<host>[:<port>]"
        )
    if "@" in parts.netloc:
        raise ConfigurationError("keys do not belong into an address", given=f"{parts.scheme}://…")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not plain_http:
        raise ConfigurationError(
            "an S3 store is asked over https", given=endpoint, allowed="https://…, or http:// on this machine"
        )


@contextmanager
def only_if_absent() -> Iterator[None]:
    """Make every object that the block writes conditional: `If-None-Match: *`, on its last request."""
    token = _only_if_absent.set(True)
    try:
        yield
    finally:
        _only_if_absent.reset(token)


class _Connections(urllib3.PoolManager):
    """Connections with bounded tries; the place where a header can be added that the SDK has no word for.

    A condition need not be signed. It belongs to the request that makes the object visible: a `PUT` of the
    whole, or the `POST` that completes parts.
    """

    def __init__(self, access: Access) -> None:
        retry = _retries(access)(
            total=access.attempts - 1,
            backoff_factor=0.25,
            backoff_max=20,
            status_forcelist=_BUSY_STATUS,
            # Every request of this protocol may be repeated: parts have numbers, uploads an id.
            allowed_methods=None,
            raise_on_status=False,
            redirect=False,
        )
        timeout = urllib3.Timeout(connect=access.timeout_seconds, read=access.timeout_seconds)
        super().__init__(timeout=timeout, retries=retry, maxsize=4, cert_reqs="CERT_REQUIRED")

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **request: Any
    ) -> urllib3.BaseHTTPResponse:
        query = urlsplit(url).query
        makes_visible = (method == "PUT" and not query) or (
            method == "POST" and query.startswith("uploadId=")
        )
        if _only_if_absent.get() and makes_visible:
            request["headers"]["If-None-Match"] = "*"
        return super().urlopen(method, url, redirect=redirect, **request)


class _LaterError(HTTPError):
    """The store asks to come back later than we wait."""


def _retries(access: Access) -> type[urllib3.Retry]:
    """Tries that wait by `access.sleep`, and as long as the store asks for within its limit."""

    class Retries(urllib3.Retry):
        def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
            asked = None if response is None else self.get_retry_after(response)
            if asked is not None and asked > access.max_wait_seconds:
                raise _LaterError(f"Retry-After of {asked:.0f} s")
            wait = self.get_backoff_time() if asked is None else asked
            if wait:
                access.sleep(wait)

    return Retries


def user_metadata(headers: Mapping[str, str] | None, name: str) -> str:
    """A text that was stored with an object, or an empty one."""
    return str((headers or {}).get(f"x-amz-meta-{name}", ""))


def _unreachable(
    error: HTTPError, where: str, kind: type[StoreError] | type[SourceError], attempts: int
) -> ShanhaiError:
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    if isinstance(cause, _LaterError):
        return kind(f"{where} asks to come back later", given=str(cause))
    if isinstance(cause, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return ConfigurationError(
            f"the certificate of {where} cannot be verified", hint="install the authority that issued it"
        )
    # The library's text has the whole address, and an address may be signed.
    return kind(
        f"{where} cannot be reached, or cut the answer off",
        given=type(cause).__name__,
        hint=f"tried {attempts} times",
    )
