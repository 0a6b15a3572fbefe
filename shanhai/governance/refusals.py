"""Why a shape cannot be released: a closed list of codes, and the error that carries one."""

from __future__ import annotations

from typing import Literal, get_args

from shanhai.errors import DeniedError

ShapeCode = Literal[
    "column-unknown",
    "column-twice",
    "columns-missing",
    "columns-too-many",
    "mask-unknown",
    "mask-of-other-column",
    "mask-not-for-type",
    "mask-short-chinese-name",
    "mask-sha-on-integer",
    "mask-sha-on-resident-id",
    "mask-sha-on-small-domain",
    "mask-null-on-required",
    "row-filter-not-allowed",
]
SHAPE_CODES: tuple[ShapeCode, ...] = get_args(ShapeCode)
NAMES_NOTHING: tuple[ShapeCode, ...] = ("column-unknown", "mask-unknown")
"""Those of names that are none: where a person types one, nothing was forbidden."""


class ShapeRefusedError(DeniedError):
    """A shape that is never released, whoever asks and whatever is granted.

    Args:
        code: why, one of `SHAPE_CODES`; names the sentence in `shanhai.governance.words`.
    """

    def __init__(
        self, code: ShapeCode, message: str, *, given: object = None, allowed: object = None, hint: str = ""
    ) -> None:
        super().__init__(message, given=given, allowed=allowed, hint=hint)
        self.code = code

    def as_dict(self) -> dict[str, str | None]:
        return {**super().as_dict(), "code": self.code}

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.message, self.given, self.allowed, self.hint))


def _rebuild(
    code: ShapeCode, message: str, given: str | None, allowed: str | None, hint: str
) -> ShapeRefusedError:
    return ShapeRefusedError(code, message, given=given, allowed=allowed, hint=hint)
