"""Bytes that must never be shown: keys in memory."""

from __future__ import annotations

import secrets
from typing import NoReturn, Self


class Secret:
    """Key material that does not print, pickle or compare.

    Python cannot wipe memory, so this guards against showing a key by accident, not against a core dump.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    @classmethod
    def random(cls, length: int = 32) -> Self:
        """`length` bytes from the operating system."""
        return cls(secrets.token_bytes(length))

    @property
    def bytes(self) -> bytes:
        """The key itself. Use it in place; keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> NoReturn:
        # An ordinary comparison tells by its time how much of a key is right.
        raise TypeError("secrets are not compared; compare commitments")

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
