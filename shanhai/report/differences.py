"""What verifying has looked at, and what it found to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shanhai.errors import ShanhaiError

Progress = Callable[[str, int, int], None]
"""Told what is looked at, how many are done, and of how many."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the report says."""

    what: str
    given: str
    expected: str


@dataclass
class Verification:
    """What was looked at, by kind, what did not agree, and what else the reader has to know."""

    looked: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.differences

    def look(self, kind: str, found: Iterator[Difference | None]) -> None:
        """Count what was looked at, and keep what differs; what cannot be read differs, too."""
        try:
            for one in found:
                self.looked[kind] = self.looked.get(kind, 0) + 1
                if one is not None:
                    self.differences.append(one)
        except (ShanhaiError, OSError) as error:
            self.differences.append(unreadable(kind, error))


def unreadable(what: str, error: Exception) -> Difference:
    """That something could not be read, and why."""
    facts = [error.message, str(error.given or "")] if isinstance(error, ShanhaiError) else [str(error)]
    reason = ": ".join(fact for fact in facts if fact).splitlines()[0][:200]
    return Difference(what, f"cannot be read: {reason}", "to be read and counted")
