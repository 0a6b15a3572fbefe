"""What a relay is to one pairing, and where messages, statements and files lie in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from shanhai.errors import DataError
from shanhai.exchange.strict import GREATEST

_MESSAGE = re.compile(r"m/([0-9]{6,})/([0-9]{10,})", re.ASCII)


MOST_LISTED = 10_000
"""So many messages are listed at once: whoever takes them all asks again, and a relay may have any number."""

LOOKED_BACK = 32
"""So many of the messages that were settled last are read again at a relay that grows, in each run."""


class RelayConflictError(DataError):
    """The relay has other bytes where ours belong: nothing was replaced, and a person should look.

    Args:
        other: what is there under the number of a message of ours; None: it is not about a message.
    """

    def __init__(
        self,
        message: str,
        *,
        given: object = None,
        allowed: object = None,
        hint: str = "",
        other: bytes | None = None,
    ) -> None:
        super().__init__(message, given=given, allowed=allowed, hint=hint)
        self.other = other


@dataclass(frozen=True)
class Place:
    """The part of a relay that one pairing uses.

    Attributes:
        pairing: its id.
        folder_out, folder_in: where this node writes, and where its partner does.
        them: id of the partner's node. Where messages of both lie together, it tells whose is whose; it
            verifies nothing. None: whoever's.
    """

    pairing: str
    folder_out: str
    folder_in: str
    them: str | None = None


class Relay(Protocol):
    """What one node can do at a relay: leave something once, and take what its partner left.

    Nothing that is read has been verified. Bytes that are there are never replaced: the same ones again are
    fine, and others raise `RelayConflictError`. All methods raise `StoreError` when the relay fails.

    Attributes:
        at_once: whether what is put is there when `put_…` returns; else when the relay is closed.
        looked_back: so many of the messages that were settled last are read again in each run, since other
            bytes in their place are a fork; None: all that are there, which nothing is ever added to.
    """

    at_once: bool
    looked_back: int | None

    def check_takes(self, messages: Sequence[bytes], size: int) -> None:
        """Return if all of them can be left here, as far as can be seen before any is: nothing is written.

        Args:
            size: bytes of the files of their sets.
        """
        ...

    def put_file(self, sha256: str, file: Path) -> None:
        """Leave a file of a set under its digest.

        Raises:
            DataError: the file has another digest.
        """
        ...

    def put_statement(self, digest: str, data: bytes) -> None:
        """Leave the signed statement of a set under the digest of its payload."""
        ...

    def put_message(self, generation: int, seq: int, data: bytes) -> None:
        """Leave a message under its number."""
        ...

    def messages(self, generation: int, first: int) -> Iterator[tuple[int, int]]:
        """Numbers of messages of the partner that are there, in order, from (generation, first) on.

        There may be holes. The first `MOST_LISTED`, where there are more.
        """
        ...

    def message(self, generation: int, seq: int) -> bytes:
        """A message of the partner; of one that is too large some bytes, too many as well.

        Raises:
            NotFoundError: it is not there.
        """
        ...

    def others(self, generation: int, seq: int) -> Iterator[bytes]:
        """What else the partner left under the number of that message: nothing where a number is a place."""
        ...

    def statement(self, digest: str) -> bytes:
        """The statement of a set of the partner; cut as a message.

        Raises:
            NotFoundError: it is not there.
        """
        ...

    def file(self, sha256: str) -> AbstractContextManager[BinaryIO]:
        """A file of a set of the partner, to be read in pieces, and no further than the statement says.

        Raises:
            NotFoundError: it is not there.
            Refused: `size-huge`.
        """
        ...


def message_key(folder: str, generation: int, seq: int) -> str:
    """`<folder>/m/<generation, at least 6 digits>/<number, at least 10 digits>`."""
    return f"{folder}/m/{generation:06d}/{seq:010d}"


def statement_key(folder: str, digest: str) -> str:
    """`<folder>/s/<digest of the payload>`."""
    return f"{folder}/s/{digest}"


def file_key(folder: str, sha256: str) -> str:
    """`<folder>/f/<SHA-256 of the file>`."""
    return f"{folder}/f/{sha256}"


def number_of(folder: str, key: str) -> tuple[int, int] | None:
    """Generation and number that a key of a message tells; None: no message can have that key."""
    found = _MESSAGE.fullmatch(key.removeprefix(f"{folder}/"))
    if found is None:
        return None
    generation, seq = int(found[1]), int(found[2])
    if max(generation, seq) > GREATEST or message_key(folder, generation, seq) != key:
        return None
    return generation, seq
