"""What can be wrong with a log or a part of it, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shanhai.errors import DataError, DiskFullError, StoreError

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "entry-edited": "an event is not the one that was committed to",
        "entry-deleted": "an event is missing",
        "log-shortened": "the log has fewer events than a checkpoint that it signed, or none at all",
        "database-damaged": "the database of the log cannot be read",
        "checkpoint-missing": "the checkpoint that was signed last is not among the files",
        "tree-differs": "a stored hash of the tree is not the hash of what lies below it",
        "tile-differs": "a published tile is not the one of the log",
        "tile-missing": "a published tile is missing",
        "note-malformed": "not a signed note",
        "checkpoint-malformed": "not a checkpoint",
        "checkpoint-forged": "no log key of the node signed the checkpoint",
        "checkpoint-origin-other": "the checkpoint is of another log",
        "inclusion-proof-wrong": "the proof does not lead from the event to the checkpoint",
        "consistency-proof-wrong": "the larger log does not begin with the smaller one",
        "disclosure-malformed": "not the disclosure of an event",
        "event-disclosure-altered": "the event is not one that can be at this place of a log",
    }
)
"""Name → what it means. The names are those of the test vectors."""


class EvidenceError(DataError):
    """A log, a proof, a checkpoint or a disclosure does not show what it should.

    Args:
        code: its name in `SENTENCES`.
        leaf: the event it is about, by its place in the log.
        given: where that was found.
        hint: what helps.
    """

    def __init__(self, code: str, *, leaf: int | None = None, given: object = None, hint: str = "") -> None:
        self.code = code
        self.leaf = leaf
        where = "" if leaf is None else f" (event {leaf})"
        super().__init__(f"{code}: {SENTENCES[code]}{where}", given=given, hint=hint)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.leaf, self.given, self.hint))


class LogUnwritableError(StoreError):
    """The event could not be written, so what it tells of must not happen."""


class LogDiskFullError(LogUnwritableError, DiskFullError):
    """It could not, since the disk is full."""


def _rebuild(code: str, leaf: int | None, given: str | None, hint: str) -> EvidenceError:
    return EvidenceError(code, leaf=leaf, given=given, hint=hint)
