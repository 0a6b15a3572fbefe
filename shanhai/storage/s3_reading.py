"""An object of an S3 store read in pieces, going on where a cut connection stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from minio import Minio

_PIECE_BYTES = 1 << 18
_LONGEST_WAIT_SECONDS = 20.0


class ReplacedError(Exception):
    """The object is another one now than when its reading began."""


def read_object(
    client: Minio,
    bucket: str,
    name: str,
    *,
    etag: str,
    version: str | None = None,
    start: int = 0,
    attempts: int = 6,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The bytes of the object that has `etag` from `start` on, each once.

    Args:
        attempts: connections in a row that may bring nothing.

    Raises:
        ReplacedError: an object of that name has another ETag.
        minio.error.S3Error, urllib3.exceptions.HTTPError: as the SDK raises them.
    """
    size, failed = start, 0
    while True:
        try:
            for piece in _rest(client, bucket, name, etag=etag, version=version, start=size):
                size, failed = size + len(piece), 0
                yield piece
            return
        except HTTPError:
            failed += 1
            if failed >= attempts:
                raise
            sleep(min(_LONGEST_WAIT_SECONDS, 0.25 * 2**failed))


def _rest(
    client: Minio, bucket: str, name: str, *, etag: str, version: str | None, start: int
) -> Iterator[bytes]:
    from minio.error import S3Error

    try:
        response = client.get_object(
            bucket, name, offset=start, version_id=version, request_headers={"If-Match": f'"{etag}"'}
        )
    except S3Error as error:
        if error.code == "InvalidRange":
            # All had come when the connection was cut.
            return
        if error.code == "PreconditionFailed":
            raise ReplacedError from None
        raise
    try:
        yield from response.stream(_PIECE_BYTES)
    finally:
        response.close()
        response.release_conn()
