"""The listing of a folder: what its rows say of each file, and the digest that the facts of a set name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from shanhai.exchange.failures import Refused
from shanhai.exchange.folder_paths import Beside
from shanhai.exchange.folders import Listed, Part, check_listing


def listing_digest(listing: Sequence[Listed]) -> str:
    """Hex SHA-256 of the lines: SHA-256 of the file, its size, its path, parted by blanks."""
    lines = "".join(f"{one.sha256} {one.size} {one.path}\n" for one in listing)
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def listing_of(rows: Iterable[Part], promised: str) -> tuple[Listed, ...]:
    """The listing that rows lead to, which must be the promised one; one part is in memory at a time.

    No row is taken after the one at which a path or a limit is broken.

    Args:
        rows: in the order in which they came. Whether parts are whole is for `Rebuild` to say.
        promised: `listing` of the facts.

    Raises:
        Refused: `too-many-files`, `path-wrong`, `path-twice`, `part-reordered`, `content-digest-wrong`.
    """
    listing = tuple(_listed(rows))
    check_listing(listing)
    if listing_digest(listing) != promised:
        raise Refused("content-digest-wrong", field="listing")
    return listing


def _listed(rows: Iterable[Part]) -> Iterator[Listed]:
    beside = Beside()
    for path, parts in groupby(rows, key=lambda part: part.path):
        beside.add(path)
        digest, size = hashlib.sha256(), 0
        for part in parts:
            digest.update(part.content)
            size += len(part.content)
        yield Listed(path, size, digest.hexdigest())
