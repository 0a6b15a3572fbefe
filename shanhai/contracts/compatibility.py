"""What a new version of a contract changes, what that means to a reader, and how far its number must rise.

`major`: what somebody who reads the table relied on no longer holds. `minor`: rows are read, judged or
fetched in another way, or more can come. `patch`: words and dates; no row means anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from shanhai.contracts.model import Contract
from shanhai.contracts.queries import Query
from shanhai.errors import ContractError

Level = Literal["patch", "minor", "major"]
Model = TypeVar("Model", bound=BaseModel)

_RANK: dict[Level, int] = {"patch": 1, "minor": 2, "major": 3}
_SECRECY = ("general", "important", "core")
_LONGEST_SHOWN = 60
_CHANGES_TOLD = 5


@dataclass(frozen=True)
class Change:
    """One thing that two versions of a contract say differently.

    Attributes:
        where: `title`, `area_code.required`.
        before, after: as a person reads them; empty: it was not there, or is gone.
        why: one sentence about what it means.
    """

    level: Level
    where: str
    before: str
    after: str
    why: str

    def __str__(self) -> str:
        told = (
            f": {self.before or 'nothing'} → {self.after or 'nothing'}" if self.before or self.after else ""
        )
        return f"{self.level}: {self.where}{told} ({self.why})"


Judged = tuple[Level, str]
Judge = Judged | Callable[[Any, Any], Judged]


def compare(old: Contract, new: Contract) -> tuple[Change, ...]:
    """The changes from `old` to `new`, the weightiest first; empty where both mean the same.

    Comments, layout and the order of keys mean nothing.
    """
    changes = [*_compared(old, new, _CONTRACT, ""), *_columns(old, new)]
    return tuple(sorted(changes, key=lambda change: -_RANK[change.level]))


def judges_alike(old: Contract, new: Contract) -> bool:
    """Whether two contracts read, judge and settle the rows of a delivery in the same way."""
    ours = {column.name: column for column in new.columns}
    columns = tuple(
        _besides(column, ours.get(column.name, column), _COLUMN_BESIDES) for column in old.columns
    )
    changes = compare(_besides(old.model_copy(update={"columns": columns}), new, _CONTRACT_BESIDES), new)
    return all((change.where, change.level) == ("schedule", "patch") for change in changes)


def _besides(old: Model, new: Model, fields: tuple[str, ...]) -> Model:
    """The old one with what the new one says in these fields."""
    return old.model_copy(update={field: getattr(new, field) for field in fields})


def required_version(old: str, changes: tuple[Change, ...]) -> str:
    """The least version that a contract has after `changes`; `old` itself where there is none.

    By Semantic Versioning 2.0.0; while the first number is 0, a major change raises the second.
    """
    if not changes:
        return old
    major, minor, patch = _numbers(old)
    level = max((change.level for change in changes), key=lambda one: _RANK[one])
    if level == "major" and major > 0:
        return f"{major + 1}.0.0"
    if level != "patch":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def is_at_least(version: str, least: str) -> bool:
    """Whether a version is `least` or a higher one."""
    return _numbers(version) >= _numbers(least)


def check_risen(old: Contract, new: Contract) -> None:
    """Make sure that a contract which means something else has a version that says so.

    Args:
        old: the contract that the table was last loaded under.

    Raises:
        ContractError: its version is too low; names the changes and the version that it needs.
    """
    changes = compare(old, new)
    least = required_version(old.version, changes)
    if changes and not is_at_least(new.version, least):
        told = "; ".join(str(change) for change in changes[:_CHANGES_TOLD])
        more = f"; and {len(changes) - _CHANGES_TOLD} more" if len(changes) > _CHANGES_TOLD else ""
        raise ContractError(
            f"{new.dataset}: the contract says something else than the one of the last load, {old.version}",
            file=str(new.path),
            given=f"version {new.version}; {told}{more}",
            allowed=f"version {least} or higher",
            hint=f"raise the version; `shanhai contract compare {new.dataset}` shows all changes",
        )


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name, column in before.items():
        if name not in after:
            yield Change("major", name, column.type, "", "a column that readers may use is gone")
        else:
            yield from _compared(column, after[name], _COLUMN, f"{name}.")
    for name, column in after.items():
        if name not in before:
            yield Change(
                "minor", name, "", column.type, "a column comes; rows from before have no value in it"
            )
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Change("patch", "columns", "", "another order", "columns are known by name")


def _compared(old: Any, new: Any, judges: Mapping[str, Judge], prefix: str) -> Iterator[Change]:
    for field in type(new).model_fields:
        before, after = _meaning(getattr(old, field)), _meaning(getattr(new, field))
        if field in _NOT_COMPARED or before == after:
            continue
        judge = judges.get(field, _OTHERWISE)
        level, why = judge(before, after) if callable(judge) else judge
        yield Change(level, prefix + field, *_told(before, after), why)


def _meaning(value: Any) -> Any:
    """The value without the line where a query stands."""
    if isinstance(value, tuple) and value and isinstance(value[0], Query):
        return tuple(query.model_copy(update={"line": None}) for query in value)
    return value


def _told(before: Any, after: Any) -> tuple[str, str]:
    """Two values in a few words: of long ones what differs, since the rest would hide the change."""
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):
        old, new = before.model_dump(), after.model_dump()
        differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        return _keys(old, differing), _keys(new, differing)
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone = [_named(part) for part in before if part not in after]
        come = [_named(part) for part in after if part not in before]
        return _short(", ".join(gone)), _short(", ".join(come))
    return _short("" if before is None else str(before)), _short("" if after is None else str(after))


def _keys(values: Mapping[str, Any], keys: list[str]) -> str:
    return _short(", ".join(f"{key}: {values[key]}" for key in keys if values.get(key) not in (None, "")))


def _named(part: Any) -> str:
    name = getattr(part, "name", None) or getattr(part, "shape", None)
    return str(name or part)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _required(before: bool, after: bool) -> Judged:
    if after:
        return "minor", "rows without a value are quarantined from now on"
    return "major", "readers meet missing values where there were none"


def _codes(before: tuple[str, ...], after: tuple[str, ...]) -> Judged:
    if not set(before) ^ set(after):
        return "patch", "the same codes in another order"
    if not before or (after and not set(before) <= set(after)):
        return "minor", "rows with other codes are quarantined from now on"
    return "minor", "readers can meet codes that they do not know yet"


def _classification(before: str, after: str) -> Judged:
    if _SECRECY.index(after) > _SECRECY.index(before):
        return "minor", "the column is protected better"
    return "major", "the column is protected less: a person answers for that"


def _personal(before: bool, after: bool) -> Judged:
    if after:
        return "minor", "the column is protected better"
    return "major", "the column is protected less: a person answers for that"


def _schedule(before: Any, after: Any) -> Judged:
    if before.window != after.window:
        return "major", "partitions of windows get other names"
    return "patch", "only when the source is asked changes"


def _feeds(before: tuple[Any, ...], after: tuple[Any, ...]) -> Judged:
    gone = {feed.shape for feed in before} - {feed.shape for feed in after}
    if gone:
        return "major", f"the marts lose the rows that fed {', '.join(sorted(gone))}"
    return "minor", "the marts get other rows"


_WORDS: Judged = ("patch", "words for people")
_READ: Judged = ("minor", "the source's bytes are read in another way")
_JUDGED: Judged = ("minor", "rows are judged by another rule")
_MEANS: Judged = ("major", "the same numbers mean something else")
_OTHERWISE: Judged = ("minor", "the contract says something else")
_NOT_COMPARED = ("dataset", "version", "path", "digest", "columns", "name")

_COLUMN: Mapping[str, Judge] = {
    "source": ("minor", "the column is filled from another heading"),
    "aliases": ("minor", "the column is filled from other headings too"),
    "type": ("major", "a column's type is that of its table: give the new one a name of its own"),
    "description": _WORDS,
    "title": _WORDS,
    "required": _required,
    "precision": ("major", "a column's type is that of its table: give the new one a name of its own"),
    "minimum": _JUDGED,
    "maximum": _JUDGED,
    "min_length": _JUDGED,
    "max_length": _JUDGED,
    "pattern": _JUDGED,
    "codes": _codes,
    "formats": _READ,
    "time_zone": ("major", "the same texts are other instants"),
    "unit": _MEANS,
    "crs": _MEANS,
    "classification": _classification,
    "personal": _personal,
    "validators": _JUDGED,
    "full_width": _READ,
    "null_tokens": _READ,
    "since": ("minor", "other deliveries may lack the column"),
}
_COLUMN_BESIDES = ("title", "description", "classification", "personal")
_CONTRACT_BESIDES = (
    "status",
    "title",
    "description",
    "level",
    "share_class",
    "licence",
    "source",
    "feeds",
    "retention",
)
"""What says nothing of how the rows of a delivery that was pulled are read, judged and settled."""

_CONTRACT: Mapping[str, Judge] = {
    "status": _WORDS,
    "title": _WORDS,
    "description": _WORDS,
    "level": ("minor", "another level publishes it"),
    "share_class": ("major", "who may have it changes"),
    "licence": ("minor", "what readers may do with it changes"),
    "time_zone": ("major", "the same texts are other instants"),
    "queries": ("minor", "deliveries are judged by other questions"),
    "key": ("major", "a row is known by something else"),
    "source": ("minor", "the bytes come from elsewhere"),
    "format": _READ,
    "delivery": ("major", "deliveries and partitions are told apart in another way"),
    "duplicates": ("major", "other rows count as equal"),
    "versions": ("major", "other versions of a row stay"),
    "tolerance": ("minor", "deliveries are judged by another bound"),
    "schedule": _schedule,
    "feeds": _feeds,
    "ignored": ("minor", "other headings hold a delivery"),
    "retention": ("minor", "what is refused is kept for another time"),
}
