"""What a person would get by taking one folder in the place of another: files added, changed, removed."""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.applications.reading import Contents
from shanhai.errors import as_typed

_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """Paths, each in one of the lists; of a changed one the bytes differ, or whether it may be run."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def none(self) -> bool:
        """Whether both are the same."""
        return not (self.added or self.changed or self.removed)

    @property
    def brief(self) -> str:
        """Which file differs and how, for an error; of many the first."""
        each = [f"{as_typed(path)} {how}" for how, paths in vars(self).items() for path in paths]
        more = [f"and {len(each) - _SHOWN} more"] if len(each) > _SHOWN else []
        return ", ".join([*each[:_SHOWN], *more])


def difference(before: Contents, after: Contents) -> Difference:
    """From what lies there to what would."""
    old, new = _known(before), _known(after)
    return Difference(
        added=tuple(path for path in new if path not in old),
        changed=tuple(path for path in new if path in old and new[path] != old[path]),
        removed=tuple(path for path in old if path not in new),
    )


def _known(contents: Contents) -> dict[str, tuple[str, bool]]:
    runs = frozenset(contents.executable)
    return {one.path: (one.sha256, one.path in runs) for one in contents.listing}
