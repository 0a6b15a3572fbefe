"""A relay in an object store: a folder that both can reach, or a bucket."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from shanhai.courier.relays.layout import (
    LOOKED_BACK,
    MOST_LISTED,
    Place,
    RelayConflictError,
    file_key,
    message_key,
    number_of,
    statement_key,
)
from shanhai.courier.relays.writable import check_not_read_only
from shanhai.errors import DataError
from shanhai.exchange import dsse
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet.profile import MOST_FILE_BYTES
from shanhai.storage.disk import disk_errors
from shanhai.storage.protocol import ObjectStore

_PIECE_BYTES = 1 << 20


class StoreRelay:
    """A `Relay` whose writes are creations in an object store.

    Args:
        folder: where the store is one; None: a bucket.
    """

    at_once = True
    looked_back: int | None = LOOKED_BACK

    def __init__(self, store: ObjectStore, place: Place, *, folder: Path | None = None) -> None:
        self._store = store
        self._place = place
        self._folder = folder

    def check_takes(self, messages: Sequence[bytes], size: int) -> None:
        """No place is looked at: each is put by itself, and its own place is all that can be taken."""
        if self._folder is not None:
            check_not_read_only(self._folder)

    def put_file(self, sha256: str, file: Path) -> None:
        key = file_key(self._place.folder_out, sha256)

        def named(found: str) -> str:
            if found != sha256:
                raise DataError("a file of a set was changed on the disk", given=file.name, allowed=sha256)
            return key

        # Looked at first: a store takes all the bytes before it says that they are there already.
        if self._store.exists(key) or not self._store.put(named, _pieces(file), if_absent=True).created:
            self._check(key, sha256)

    def put_statement(self, digest: str, data: bytes) -> None:
        self._create(statement_key(self._place.folder_out, digest), data)

    def put_message(self, generation: int, seq: int, data: bytes) -> None:
        key = message_key(self._place.folder_out, generation, seq)
        try:
            self._create(key, data)
        except RelayConflictError as error:
            error.other = self._beginning(key, dsse.MOST_BYTES[dsse.MESSAGE] + 1)
            raise

    def messages(self, generation: int, first: int) -> Iterator[tuple[int, int]]:
        folder = self._place.folder_in
        numbers = (number_of(folder, key) for key in self._store.list(f"{folder}/m"))
        wanted = (number for number in numbers if number and number >= (generation, first))
        # That of the keys is another order, once a number has more digits than others.
        yield from sorted(itertools.islice(wanted, MOST_LISTED))

    def message(self, generation: int, seq: int) -> bytes:
        key = message_key(self._place.folder_in, generation, seq)
        return self._beginning(key, dsse.MOST_BYTES[dsse.MESSAGE] + 1)

    def others(self, generation: int, seq: int) -> Iterator[bytes]:
        """Nothing: what is there under a number is there once."""
        yield from ()

    def statement(self, digest: str) -> bytes:
        return self._beginning(statement_key(self._place.folder_in, digest), dsse.MOST_BYTES[dsse.SET] + 1)

    @contextmanager
    def file(self, sha256: str) -> Iterator[BinaryIO]:
        key = file_key(self._place.folder_in, sha256)
        if self._store.stat(key).size > MOST_FILE_BYTES:
            raise Refused("size-huge")
        with closing(self._store.open(key)) as opened:
            yield opened

    def _create(self, key: str, data: bytes) -> None:
        if not self._store.put(key, [data], if_absent=True).created:
            self._check(key, hashlib.sha256(data).hexdigest())

    def _check(self, key: str, sha256: str) -> None:
        """See that what is there is what we would have put."""
        digest = hashlib.sha256()
        with closing(self._store.open(key)) as opened:
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
        if digest.hexdigest() != sha256:
            raise RelayConflictError(
                "the relay has other bytes here than those that were signed",
                given=key,
                allowed=sha256,
                hint="somebody else wrote them: keep a copy, remove it there, and ship again",
            )

    def _beginning(self, key: str, most: int) -> bytes:
        if self._store.stat(key).size >= most:
            # A bucket would be asked for all of it; that it is too large is all that anybody needs to know.
            return bytes(most)
        with closing(self._store.open(key)) as opened:
            return opened.read(most)


def _pieces(file: Path) -> Iterable[bytes]:
    with disk_errors(file), file.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece
