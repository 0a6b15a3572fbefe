"""An object store in a bucket of any S3 service that keeps conditional writes."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shanhai.clock import Clock, system_clock
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, StoreError
from shanhai.storage import incoming
from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.keys import check_key, check_prefix, is_key
from shanhai.storage.protocol import KeyOrNaming, ObjectInfo, Stored
from shanhai.storage.s3_access import Access, ConditionError, only_if_absent, user_metadata
from shanhai.storage.s3_reading import ReplacedError, read_object

if TYPE_CHECKING:
    from minio import Minio
    from minio.datatypes import Object

PART_BYTES = 16 * 2**20
"""An object up to this size is one request, a larger one an upload of parts; one part is held in memory."""

_PROBES = ".probes"
_READ = "read-"
_ABANDONED = timedelta(days=1)


class S3Store:
    """Keeps the promises of `ObjectStore` in a bucket, below a prefix.

    Chunks are spooled to a local file first: the key may depend on their digest, and a request can be sent
    again. The service checks each request's digest before it accepts the bytes, and the object's own SHA-256
    is kept with it and compared whenever it is read.

    `if_absent` is `If-None-Match: *`, and a service that does not heed it is refused: Ceph does not in a
    versioned bucket. On the completion of parts some services do not heed it either, so what is larger than
    a part is only created under a key that its digest makes, where another writer has the same bytes.

    Args:
        access: the bucket and the keys for it.
        prefix: the folder of keys in it; empty for the whole bucket.
        scratch: a local folder for bytes on their way.
        keep_free_bytes: room that must stay free on its disk.
        clock: the present moment, to tell uploads that were abandoned.
    """

    def __init__(
        self,
        access: Access,
        prefix: str,
        *,
        scratch: Path,
        keep_free_bytes: int = 0,
        clock: Clock = system_clock,
    ) -> None:
        folder = check_prefix(prefix)
        self._access = access
        self._prefix = f"{folder}/" if folder else ""
        self._scratch = scratch
        self._keep_free_bytes = keep_free_bytes
        self._clock = clock
        self._client: Minio = access.client()
        self._examined = False
        self._explained = False

    def put(self, key: KeyOrNaming, chunks: Iterable[bytes], *, if_absent: bool = False) -> Stored:
        if isinstance(key, str):
            check_key(key)
        self._examine_once()
        with incoming.incoming_file(self._scratch, self._keep_free_bytes) as file:
            for chunk in chunks:
                file.write(chunk)
            file.finish()
            name = key if isinstance(key, str) else check_key(key(file.sha256))
            if if_absent and isinstance(key, str) and file.size > PART_BYTES:
                raise ConfigurationError(
                    "too large to be created under a key that its digest does not make",
                    given=f"{key}, {file.size} bytes",
                    allowed=f"{PART_BYTES} bytes",
                )
            created = True
            if if_absent:
                created = self._create(name, file)
            else:
                self._upload(name, file, uuid.uuid4().hex)
        return Stored(key=name, size=file.size, sha256=file.sha256, created=created)

    def open(self, key: str) -> BinaryIO:
        with disk_errors(self._scratch):
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            stream = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - it is handed on
        try:
            self._download(key, stream)
        except BaseException:
            stream.close()
            raise
        stream.seek(0)
        return stream

    @contextmanager
    def local_path(self, key: str) -> Iterator[Path]:
        check_key(key)
        # The lock of the file tells that it is read: of a reader who was killed both names are swept.
        with incoming.incoming_file(self._scratch, self._keep_free_bytes) as file:
            with file.path.open("wb") as stream:
                self._download(key, stream)
            with tempfile.TemporaryDirectory(prefix=_READ, dir=self._scratch) as folder:
                path = Path(folder) / key.rsplit("/", 1)[-1]
                path.hardlink_to(file.path)
                yield path

    def exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except NotFoundError:
            return False
        return True

    def stat(self, key: str) -> ObjectInfo:
        return ObjectInfo(key=key, size=int(self._stat(key).size or 0))

    def list(self, prefix: str = "") -> Iterator[str]:
        folder = check_prefix(prefix)
        below = f"{self._prefix}{folder}/" if folder else self._prefix
        with self._failures():
            for found in self._client.list_objects(self._access.bucket, below, recursive=True):
                key = (found.object_name or "").removeprefix(self._prefix)
                if is_key(key):
                    yield key

    def delete(self, key: str) -> None:
        name = self._prefix + check_key(key)
        # Of what is let go nothing may be left on its way, either.
        self._sweep()
        with self._failures(key):
            self._client.remove_object(self._access.bucket, name)

    def abandoned_uploads(self) -> Iterator[tuple[str, str]]:
        """Name and id of each upload of parts that was begun below the prefix more than a day ago.

        Their parts take room, and belong to no object.
        """
        before = self._clock() - _ABANDONED
        with self._failures():
            # The SDK has no public name for it.
            found = self._client._list_multipart_uploads(  # noqa: SLF001
                self._access.bucket, prefix=self._prefix
            )
        for upload in found.uploads:
            if upload.initiated_time is not None and upload.initiated_time < before:
                yield upload.object_name, upload.upload_id or ""

    def examine(self) -> str:
        """Look whether the bucket can be asked and keeps conditional writes; returns where it is.

        Raises:
            ConfigurationError: there is no such bucket, it refuses the keys, or it does not heed conditions.
            StoreError: it cannot be reached.
        """
        name = f"{self._prefix}{_PROBES}/{uuid.uuid4().hex}"
        with self._failures():
            # Whether the first succeeds tells nothing: its answer may be lost, and the request sent again.
            self._put_if_absent(name, b"1")
            overwritten = self._put_if_absent(name, b"2")
            self._client.remove_object(self._access.bucket, name)
        if overwritten:
            raise ConfigurationError(
                "the bucket lets an object be overwritten that must not be",
                given=f"{self._access.told}, If-None-Match: * was not heeded",
                allowed="a bucket that heeds it",
                hint="of Ceph take one without versioning",
            )
        return f"{self._access.told}/{self._prefix}"

    def _examine_once(self) -> None:
        if self._examined:
            return
        self._sweep()
        self.examine()
        for name, upload in self.abandoned_uploads():
            with self._failures():
                self._client._abort_multipart_upload(  # noqa: SLF001 - no public name
                    self._access.bucket, name, upload
                )
        self._examined = True

    def _sweep(self) -> None:
        """Remove what was on its way when a process was killed, to the bucket or from it."""
        incoming.sweep(self._scratch)
        with suppress(OSError):
            for folder in [one for one in self._scratch.iterdir() if one.name.startswith(_READ)]:
                # An empty one may be about to be filled.
                if incoming.sweep_folder(folder):
                    folder.rmdir()

    def _create(self, key: str, file: incoming.IncomingFile) -> bool:
        """Make the object unless there is one; whether it was this call that made it."""
        if self.exists(key):
            return False
        writer = uuid.uuid4().hex
        try:
            with only_if_absent():
                self._upload(key, file, writer)
        except ConditionError:
            # The answer to a request that did its work may have been lost, and the request sent again.
            with self._failures(key):
                found = self._client.stat_object(self._access.bucket, self._prefix + key)
            return user_metadata(found.metadata, "writer") == writer
        return True

    def _upload(self, key: str, file: incoming.IncomingFile, writer: str) -> None:
        with self._failures(key), file.path.open("rb") as stream:
            self._client.put_object(
                self._access.bucket,
                self._prefix + key,
                stream,
                file.size,
                metadata={"sha256": file.sha256, "writer": writer},
                part_size=PART_BYTES if file.size > PART_BYTES else 0,
                num_parallel_uploads=1,
            )

    def _put_if_absent(self, name: str, content: bytes) -> bool:
        try:
            with only_if_absent(), self._failures():
                self._client.put_object(self._access.bucket, name, BytesIO(content), len(content))
        except ConditionError:
            return False
        return True

    def _download(self, key: str, stream: BinaryIO) -> None:
        """Write the object's bytes to a local file, and compare them with the digest kept with them."""
        bucket, name = self._access.bucket, self._prefix + check_key(key)
        found = self._stat(key)
        require_room(self._scratch, self._keep_free_bytes + int(found.size or 0))
        digest, size = hashlib.sha256(), 0
        try:
            with self._failures(key):
                for piece in read_object(
                    self._client,
                    bucket,
                    name,
                    etag=found.etag or "",
                    attempts=self._access.attempts,
                    sleep=self._access.sleep,
                ):
                    digest.update(piece)
                    size += len(piece)
                    with disk_errors(self._scratch):
                        stream.write(piece)
        except ReplacedError:
            raise StoreError("an object was replaced while it was read", given=key) from None
        kept = user_metadata(found.metadata, "sha256")
        if size != found.size or (kept and kept != digest.hexdigest()):
            raise StoreError(
                "the bytes of an object are not those that were stored",
                given=f"{self._access.told}/{name}",
                allowed=f"SHA-256 {kept}, {found.size} bytes",
            )
        stream.flush()

    def _stat(self, key: str) -> Object:
        try:
            with self._failures(key):
                found = self._client.stat_object(self._access.bucket, self._prefix + check_key(key))
        except (DeniedError, NotFoundError):
            self._explain_once()
            raise
        self._explained = True
        return found

    def _explain_once(self) -> None:
        """Raise what is wrong with keys or bucket: an answer to HEAD has no body that could say it."""
        if not self._explained:
            with self._failures():
                next(iter(self._client.list_objects(self._access.bucket, self._prefix)), None)
            self._explained = True

    def _failures(self, key: str = "") -> AbstractContextManager[None]:
        return self._access.failures(StoreError, f"{self._prefix}{key}" if key else "")
