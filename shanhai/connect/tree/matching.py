"""Globs over names that a server lists: as of a folder, hidden names are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shanhai.errors import SourceError

_MAGIC = frozenset("*?[")
_MOST_FOLDERS = 10_000


@dataclass(frozen=True)
class Entry:
    """One name that a folder lists."""

    name: str
    is_folder: bool


Listing = Callable[[str], Iterable[Entry]]
"""The entries of a folder, by its path below the base (`""` is the base); none if it is not there."""


def has_magic(pattern: str) -> bool:
    """Whether a pattern may match more than the name that it spells."""
    return bool(_MAGIC & set(pattern))


def fixed_folder(pattern: str) -> str:
    """The folder down to which a pattern spells names: `a/b` of `a/b/*/c?.csv`."""
    parts = pattern.split("/")[:-1]
    fixed = next((number for number, part in enumerate(parts) if has_magic(part)), len(parts))
    return "/".join(parts[:fixed])


def matches(pattern: str, name: str) -> bool:
    """Whether a glob matches a whole path; `**` is any number of folders."""
    return _matches(pattern.split("/"), name.split("/"))


def walk(pattern: str, listing: Listing) -> list[str]:
    """Paths of the entries, folders aside, that a glob matches. Only folders that may have some are asked.

    Raises:
        SourceError: there are more folders than anybody means.
    """
    *parts, last = pattern.split("/")
    folders = [""]
    for part in parts:
        if part == "**":
            folders = _all_below(folders, listing)
        elif has_magic(part):
            folders = [
                _joined(folder, entry.name)
                for folder in folders
                for entry in listing(folder)
                if entry.is_folder and _part_matches(part, entry.name)
            ]
        else:
            folders = [_joined(folder, part) for folder in folders]
    if last == "**":
        folders, last = _all_below(folders, listing), "*"
    found = {
        _joined(folder, entry.name)
        for folder in folders
        for entry in listing(folder)
        if not entry.is_folder and _part_matches(last, entry.name)
    }
    return sorted(found)


def _all_below(folders: Iterable[str], listing: Listing) -> list[str]:
    reached = list(dict.fromkeys(folders))
    for folder in reached:
        below = [_joined(folder, entry.name) for entry in listing(folder) if _is_shown_folder(entry)]
        reached += [path for path in below if path not in reached]
        if len(reached) > _MOST_FOLDERS:
            raise SourceError("too many folders", given=f"more than {_MOST_FOLDERS}", hint="narrow the path")
    return reached


def _is_shown_folder(entry: Entry) -> bool:
    return entry.is_folder and not entry.name.startswith(".")


def _part_matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _matches(pattern: Sequence[str], name: Sequence[str]) -> bool:
    if not pattern or not name:
        return not pattern and not name
    if pattern[0] == "**":
        if len(pattern) == 1:
            return not any(part.startswith(".") for part in name)
        return _matches(pattern[1:], name) or (not name[0].startswith(".") and _matches(pattern, name[1:]))
    return _part_matches(pattern[0], name[0]) and _matches(pattern[1:], name[1:])


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
