"""A folder of files as rows, and rows as what is to be written; nothing here touches a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from shanhai.exchange.failures import Refused
from shanhai.exchange.folder_paths import MOST_FILES, Beside

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN, EXECUTABLE = 0o644, 0o755
MODES = (PLAIN, EXECUTABLE)
PART_BYTES = 1 << 20
MOST_BYTES = 256 << 30
MOST_PARTS = MOST_FILES + MOST_BYTES // PART_BYTES
"""Rows of a folder within the limits: each file may have one part that is not full."""
_BATCH_PARTS = 8


@dataclass(frozen=True)
class Listed:
    """One file as the listing promises it; `size` in bytes, `sha256` hex."""

    path: str
    size: int
    sha256: str

    @property
    def parts(self) -> int:
        """How many rows it takes; an empty file takes one."""
        return max(1, -(-self.size // PART_BYTES))


@dataclass(frozen=True)
class Part:
    """One row: a piece of a file, full but for the last. `number` counts from 0, `mode` is 0o644 or 0o755."""

    path: str
    mode: int
    number: int
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Source:
    """A file to be sent; `open` gives it open for reading, to be closed by whoever called."""

    path: str
    mode: int
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Piece:
    """What to write next: `content` at the end of `path`, new with `first` and whole with `last`."""

    path: str
    mode: int
    content: bytes = field(repr=False)
    first: bool
    last: bool


def check_listing(listing: Sequence[Listed]) -> None:
    """The promise by itself: allowed paths in the order of their UTF-8 bytes, and within the limits.

    Raises:
        Refused: `too-many-files`, `path-wrong`, `path-twice`, `part-wrong` of a size below 0,
            `part-reordered` if the order is another.
    """
    if any(listed.size < 0 for listed in listing):
        raise Refused("part-wrong")
    if sum(listed.size for listed in listing) > MOST_BYTES:
        raise Refused("too-many-files", field="bytes")
    beside = Beside()
    for listed in listing:
        beside.add(listed.path)
    paths = [listed.path.encode("utf-8") for listed in listing]
    if paths != sorted(paths):
        raise Refused("part-reordered", field="listing")


def parts(sources: Iterable[Source], listed: Callable[[Listed], None]) -> Iterator[Part]:
    """The rows of a folder in the order of paths. Each file is told to `listed` after its last row.

    Raises:
        Refused: a path or a mode that no receiver would take.
    """
    ordered = sorted(sources, key=lambda source: source.path.encode("utf-8", "surrogatepass"))
    check_listing([Listed(source.path, 0, "") for source in ordered])
    for source in ordered:
        _check_mode(source.mode)
        with source.open() as file:
            yield from _parts(source, file, listed)


def _parts(source: Source, file: BinaryIO, listed: Callable[[Listed], None]) -> Iterator[Part]:
    digest, size, number = hashlib.sha256(), 0, 0
    while (content := file.read(PART_BYTES)) or number == 0:
        digest.update(content)
        size += len(content)
        yield Part(source.path, source.mode, number, content)
        number += 1
    listed(Listed(source.path, size, digest.hexdigest()))


class Rebuild:
    """Rows back into files, one after the other, against the listing.

    What comes out may be written into an empty private folder as it comes, but the folder is worth nothing
    before `finish` returned.
    """

    def __init__(self, listing: Sequence[Listed]) -> None:
        """Raises:
        Refused: as `check_listing`.
        """
        check_listing(listing)
        self._coming = iter(listing)
        self._file: Listed | None = next(self._coming, None)
        self._known = {listed.path for listed in listing}
        self._mode = 0
        self._number = 0
        self._digest = hashlib.sha256()

    def take(self, part: Part) -> Piece:
        """The next row.

        Raises:
            Refused: `mode-wrong`, `part-missing`, `part-duplicate`, `part-reordered`, `part-wrong`,
                `content-digest-wrong`.
        """
        listed = self._expected(part)
        last = part.number == listed.parts - 1
        whole = listed.size - part.number * PART_BYTES if last else PART_BYTES
        if len(part.content) != whole:
            raise Refused("part-wrong")
        self._digest.update(part.content)
        if last and self._digest.hexdigest() != listed.sha256:
            raise Refused("content-digest-wrong")
        piece = Piece(part.path, part.mode, part.content, part.number == 0, last)
        if last:
            self._file, self._number, self._digest = next(self._coming, None), 0, hashlib.sha256()
        else:
            self._number += 1
        return piece

    def finish(self) -> None:
        """After the last row.

        Raises:
            Refused: `part-missing`.
        """
        if self._file is not None:
            raise Refused("part-missing")

    def _expected(self, part: Part) -> Listed:
        """The file that this row is the next part of."""
        _check_mode(part.mode)
        listed = self._file
        if listed is None or part.path != listed.path:
            if part.path not in self._known:
                raise Refused("path-wrong", field="listing")
            # Rows come in the order of paths: an earlier file is whole already, a later one leaves a hole.
            later = listed is not None and part.path.encode("utf-8") > listed.path.encode("utf-8")
            raise Refused("part-missing" if later else "part-duplicate")
        if part.number != self._number:
            raise Refused(self._out_of_order(part.number, listed))
        if part.number and part.mode != self._mode:
            raise Refused("mode-wrong")
        self._mode = part.mode
        return listed

    def _out_of_order(self, number: int, listed: Listed) -> str:
        if 0 <= number < self._number:
            return "part-duplicate"
        return "part-reordered" if number < listed.parts else "part-wrong"


def batches(rows: Iterable[Part]) -> pa.RecordBatchReader:
    """Rows as the four columns of a set: path, mode, part, content. A batch has at most 8 MiB."""
    import pyarrow as pa

    kinds = (("path", pa.string()), ("mode", pa.int32()), ("part", pa.int32()), ("content", pa.binary()))
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds])

    def filled() -> Iterator[pa.RecordBatch]:
        held: list[Part] = []
        for part in rows:
            held.append(part)
            if len(held) == _BATCH_PARTS:
                yield _batch(held, schema)
                held = []
        if held:
            yield _batch(held, schema)

    return pa.RecordBatchReader.from_batches(schema, filled())


def rows_of(batch: pa.RecordBatch) -> Iterator[Part]:
    """The rows of a batch with the four columns in their order, whatever they are called.

    Raises:
        Refused: `part-wrong`: a value is NULL.
    """
    for path, mode, number, content in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        if None in (path, mode, number, content):
            raise Refused("part-wrong")
        yield Part(path, mode, number, content)


def _batch(held: list[Part], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = zip(*((part.path, part.mode, part.number, part.content) for part in held), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _check_mode(mode: int) -> None:
    if mode not in MODES:
        raise Refused("mode-wrong")
