"""How the name of a file tells its partition, guessed from several names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shanhai.contracts.model import Partition

_DATES = (
    r"\d{4}-\d{2}-\d{2}",
    r"\d{4}_\d{2}_\d{2}",
    r"(?:19|20)\d{6}",
    r"\d{4}-\d{2}(?!\d)",
    r"(?:19|20)\d{4}(?!\d)",
    r"(?:19|20)\d{2}(?!\d)",
)
_ALLOWED = r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._:+-]*"


@dataclass(frozen=True)
class Named:
    """A partition and what speaks for it."""

    partition: Partition
    notes: tuple[str, ...]


def find_partition(names: Sequence[str]) -> Named:
    """The partition that tells several files apart: a date in their names, else the name itself."""
    if len(names) < 2:
        return Named(Partition(), ("guess: one file was seen, so that nothing tells partitions apart",))
    for date in _DATES:
        dated = [re.search(rf"(?<!\d){date}", name) for name in names]
        keys = [one.group() for one in dated if one]
        if len(keys) == len(names) == len(set(keys)):
            first = dated[0]
            assert first is not None  # noqa: S101 - as many were found as there are names
            before, after = names[0][: first.start()], names[0][first.end() :]
            alike = all(name == before + key + after for name, key in zip(names, keys, strict=True))
            start, end = (re.escape(before), re.escape(after) + "$") if alike else (r"(?:^|[^\d])", "")
            pattern = f"{'^' if alike else ''}{start}(?P<partition>{date}){end}"
            return Named(
                _by_file(pattern), (f"guess: each of {len(names):,} names has a date, no two the same",)
            )
    stems = [re.fullmatch(rf"(?:.*/)?({_ALLOWED}?)(\.[A-Za-z0-9]+)+", name) for name in names]
    texts = {stem[1] for stem in stems if stem}
    if all(stems) and len(texts) == len(names):
        pattern = r"(?:^|/)(?P<partition>[^/.]+)\.[^/]+$"
        if all(
            (found := re.search(pattern, name)) and re.fullmatch(_ALLOWED, found["partition"])
            for name in names
        ):
            return Named(_by_file(pattern), (f"guess: {len(names):,} files, told apart by their names",))
    return Named(Partition(), (f"guess: the names of {len(names):,} files tell no partition",))


def _by_file(pattern: str) -> Partition:
    return Partition(by="file", pattern=pattern)
