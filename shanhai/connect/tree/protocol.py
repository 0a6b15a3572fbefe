"""Files of a tree, be it a folder, a server or a bucket: found in a stable order, read whole or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Annotated, NoReturn, Protocol, TypeVar

from pydantic import AfterValidator, BeforeValidator
from tenacity import AttemptManager

from shanhai.connect.protocol import Body, ConnectContext, Kept
from shanhai.connect.retry import TransientError, retrying
from shanhai.connect.web.conditional import kept_bytes
from shanhai.connect.window import Template, fill, fill_any, windows_asked
from shanhai.errors import DataError, NotFoundError, SourceError

Result = TypeVar("Result")

CHUNK_BYTES = 1 << 18
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}


def check_path(path: str) -> str:
    """The path, if it stays below an endpoint.

    Raises:
        ValueError: it is absolute, an address of its own, or climbs out.
    """
    if path.startswith("/") or ".." in path.split("/") or "://" in path or "\\" in path:
        raise ValueError("a path relative to the endpoint, without ..")
    return path


def _one_or_several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


Paths = Annotated[
    tuple[Annotated[Template, AfterValidator(check_path)], ...], BeforeValidator(_one_or_several)
]
"""An option with one path or several; `{window}` is filled."""


@dataclass(frozen=True)
class Found:
    """A file as its tree tells of it.

    Args:
        place: where the tree reads it.
        origin: where it came from, as a sidecar may tell.
        mark: another one when the file changed; its size is compared besides.
        request: see `Body`.
    """

    place: str
    origin: str
    size: int
    mark: str
    facts: Mapping[str, str] = field(default_factory=dict)
    request: str = ""


class Tree(Protocol):
    """Where files lie. Methods raise `TransientError` for what may pass: then they are called again."""

    @property
    def told(self) -> str:
        """Its address, without secrets."""
        ...

    @property
    def pinned(self) -> bool:
        """Whether `read` gives exactly the bytes of what was found, or raises `SourceError`."""
        ...

    def find(self, pattern: str) -> list[str]:
        """Names of the files that a glob matches, relative to the tree; hidden ones are left out."""
        ...

    def found(self, name: str) -> Found | None:
        """The file as it is now; None when it is not there, or no file.

        Raises:
            DeniedError: it lies outside the tree, or may not be read.
        """
        ...

    def read(self, file: Found, offset: int) -> Iterator[bytes]:
        """The bytes of a file from `offset` on."""
        ...


@dataclass(frozen=True)
class Selection:
    """Which files are wanted: templates of paths, and the windows of one pull."""

    paths: Sequence[str]
    optional: Sequence[str]
    windows: Sequence[str | None]

    @classmethod
    def of(
        cls, paths: Sequence[str], optional: Sequence[str], window: str | None, listed: Sequence[str]
    ) -> Selection:
        """What is wanted for `window`; without one the windows that the options list, else every window."""
        return cls(paths, optional, windows_asked(window, listed))


def bodies(tree: Tree, selection: Selection, context: ConnectContext) -> Iterator[Body]:
    """The files that are wanted, each once, in the order of their names.

    Nothing need match a path in `optional`. A transfer that is torn goes on where it stopped, if size and
    mark of the file are still those that were found.

    Raises:
        SourceError: the tree is not there, nothing is there for a window, or a file changes while it is read.
        NotFoundError: nothing matches, whatever the window.
        DataError: a file is larger than allowed.
        DeniedError: a file lies outside of what is allowed.
    """
    for name in _names(tree, selection, context):
        file = _tried(context, lambda name=name: tree.found(name))  # type: ignore[misc]
        if file is None:
            raise SourceError("a file is gone", given=f"{tree.told}/{name}", hint="run it again")
        if file.size > context.max_body_bytes:
            raise _too_large(file, context)
        kept = _same(file, context.kept(name)) if file.request else None
        media_type = _MEDIA_TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
        chunks = kept_bytes(kept) if kept else _chunks(tree, name, file, context)
        yield Body(name, file.origin, media_type, chunks, file.facts, file.request, kept)


def request(*asked: str) -> str:
    """What a request is known by, of what was asked without its secrets."""
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()


def _names(tree: Tree, selection: Selection, context: ConnectContext) -> list[str]:
    names: set[str] = set()
    for window in selection.windows:
        for path in (*selection.paths, *selection.optional):
            pattern = fill_any(path, "*") if window is None else fill(path, window)
            matched = _tried(context, lambda pattern=pattern: tree.find(pattern))  # type: ignore[misc]
            if not matched and path in selection.paths:
                _nothing(f"{tree.told}/{pattern}", window)
            names.update(matched)
    return sorted(names)


def _nothing(given: str, window: str | None) -> NoReturn:
    if window is not None:
        raise SourceError(
            f"there is no file for window {window}", given=given, hint="it may not be there yet"
        )
    raise NotFoundError("no file matches", given=given, hint="check the option path")


def _same(file: Found, kept: Kept | None) -> Kept | None:
    """What was kept, if the tree says by an entity tag that it has the same bytes."""
    if kept is None or kept.request != file.request or kept.size != file.size:
        return None
    return kept if file.facts.get("etag") and file.facts["etag"] == kept.facts.get("etag") else None


def _chunks(tree: Tree, name: str, file: Found, context: ConnectContext) -> Iterator[bytes]:
    deadline = context.monotonic() + context.max_body_seconds
    size = 0
    for attempt in _attempts(context):
        with attempt:
            if size and not tree.pinned:
                _check_same(tree, name, file)
            for chunk in tree.read(file, size):
                if context.monotonic() > deadline:
                    raise SourceError(
                        f"{file.origin} is too slow",
                        allowed=f"a whole body within {context.max_body_seconds:.0f} s",
                    )
                size += len(chunk)
                if size > context.max_body_bytes:
                    raise _too_large(file, context)
                yield chunk
            if not tree.pinned:
                _check_same(tree, name, file)
            if size < file.size:
                raise TransientError(f"{file.origin} was cut off", given=f"{size} of {file.size} bytes")
    if size > file.size:
        raise _changed(file)


def _check_same(tree: Tree, name: str, file: Found) -> None:
    now = tree.found(name)
    if now is None or (now.place, now.size, now.mark) != (file.place, file.size, file.mark):
        raise _changed(file)


def _tried(context: ConnectContext, ask: Callable[[], Result]) -> Result:
    for attempt in _attempts(context):
        with attempt:
            return ask()
    raise AssertionError("attempts end with a result or an error")


def _attempts(context: ConnectContext) -> Iterator[AttemptManager]:
    try:
        yield from retrying(context.attempts, context.sleep)
    except TransientError as failure:
        raise SourceError(
            failure.message, given=failure.given, hint=failure.hint or f"tried {context.attempts} times"
        ) from None


def _changed(file: Found) -> SourceError:
    return SourceError("a file changed while it was read", given=file.origin, hint="run it again")


def _too_large(file: Found, context: ConnectContext) -> DataError:
    return DataError(
        "a file is larger than allowed",
        given=f"{file.origin}, {file.size} bytes",
        allowed=f"{context.max_body_bytes} bytes",
    )
