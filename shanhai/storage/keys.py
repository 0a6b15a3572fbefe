"""Which texts are keys: the same in every store, so that what works in one works in all."""

from __future__ import annotations

import re

from shanhai.errors import ConfigurationError, NotFoundError, as_typed

_SEGMENT = re.compile(r"[0-9A-Za-z_\u4e00-\u9fff][0-9A-Za-z_\u4e00-\u9fff.:+=@-]*")
_MAX_SEGMENT_BYTES = 255
_MAX_KEY_BYTES = 1000


def is_key(text: str) -> bool:
    """Whether a text is a key; see `check_key`."""
    well_formed = all(
        _SEGMENT.fullmatch(segment) and len(segment.encode()) <= _MAX_SEGMENT_BYTES
        for segment in text.split("/")
    )
    return well_formed and len(text.encode()) <= _MAX_KEY_BYTES


def check_key(key: str) -> str:
    """The key, if it is one: letters, digits, Chinese characters and `._:+=@-`, in segments joined by `/`.

    No segment is empty or begins with a dot, so no key leaves the root or meets a store's own files.

    Raises:
        ConfigurationError: it is no key.
    """
    if not is_key(key):
        raise ConfigurationError(
            "not a key of an object store",
            given=as_typed(key[:200]),
            allowed=f"segments {_SEGMENT.pattern} joined by '/', each at most {_MAX_SEGMENT_BYTES} bytes",
        )
    return key


def check_prefix(prefix: str) -> str:
    """The prefix without its closing slash; empty means the whole store.

    Raises:
        ConfigurationError: it is no folder of keys.
    """
    folder = prefix.removesuffix("/")
    return check_key(folder) if folder else ""


def missing(key: str) -> NotFoundError:
    """The error for a key without an object."""
    return NotFoundError("there is no such object in the store", given=key)
