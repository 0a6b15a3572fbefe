"""A bucket of an S3 service as a tree of files: an object is read as it was found, by its entity tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.retry import TransientError
from shanhai.connect.tree.matching import fixed_folder, has_magic, matches
from shanhai.connect.tree.protocol import Found, request
from shanhai.errors import DeniedError, NotFoundError, SourceError
from shanhai.storage.s3_access import Access
from shanhai.storage.s3_reading import ReplacedError, read_object

if TYPE_CHECKING:
    from minio import Minio


class BucketTree:
    """Objects of a bucket below a prefix.

    Args:
        access: the bucket, and the keys for it.
        prefix: the folder of names in it; empty for the whole bucket.
        asker: the names of the keys' secrets: what a bucket shows may depend on who asks.
    """

    pinned = True

    def __init__(self, access: Access, prefix: str, asker: str, context: ConnectContext) -> None:
        self._access = access
        self._prefix = f"{prefix}/" if prefix else ""
        self._asker = asker
        self._context = context
        self._client: Minio = access.client()
        self.told = f"{access.told}/{prefix}".rstrip("/")

    def find(self, pattern: str) -> list[str]:
        if not has_magic(pattern):
            return [pattern] if self.found(pattern) else []
        folder = fixed_folder(pattern)
        below = self._prefix + (f"{folder}/" if folder else "")
        with self._access.failures(SourceError):
            listed = self._client.list_objects(self._access.bucket, below, recursive=True)
            names = [(one.object_name or "").removeprefix(self._prefix) for one in listed]
        # A name that ends with a slash is a folder that somebody made by hand.
        return [name for name in names if not name.endswith("/") and matches(pattern, name)]

    def found(self, name: str) -> Found | None:
        place = self._prefix + name
        try:
            with self._access.failures(SourceError, place):
                about = self._client.stat_object(self._access.bucket, place)
        except (NotFoundError, DeniedError):
            self._explain(place)
            return None
        return self._told_of(name, place, about)

    def read(self, file: Found, offset: int) -> Iterator[bytes]:
        context = self._context
        try:
            with self._access.failures(SourceError, file.place):
                yield from read_object(
                    self._client,
                    self._access.bucket,
                    file.place,
                    etag=file.mark,
                    version=file.facts.get("version-id"),
                    start=offset,
                    attempts=context.attempts,
                    sleep=context.sleep,
                )
        except ReplacedError:
            raise SourceError(
                "an object was replaced while it was read", given=file.origin, hint="run it again"
            ) from None

    def _told_of(self, name: str, place: str, about: Any) -> Found:
        facts = {"etag": f'"{about.etag}"'}
        if about.last_modified is not None:
            facts["last-modified"] = about.last_modified.isoformat(timespec="seconds")
        if about.version_id:
            facts["version-id"] = about.version_id
        origin = f"{self._access.told}/{place}"
        asked = request(self._access.told, place, self._asker)
        return Found(place, origin, int(about.size or 0), about.etag or "", facts, asked)

    def _explain(self, place: str) -> None:
        """Raise what is wrong, unless there is just no such object: an answer to HEAD cannot say why."""
        try:
            with self._access.failures(SourceError, place):
                response = self._client.get_object(self._access.bucket, place)
                response.close()
                response.release_conn()
        except NotFoundError:
            return
        raise TransientError(f"{self._access.told}/{place} has just been written")
