"""The entries of a delivery in the ledger, and what each judgement after the first one moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts, Entry
from shanhai.ingest.records import Validation
from shanhai.ingest.waivers import Waivers, waived_rows

_NOTES_ON_ROWS = ("discard", "reopen")


@dataclass(frozen=True)
class HistoryEntry:
    """One entry of the ledger about a delivery: what was done, by whom and why; counts are differences.

    `cause` is the delivery whose arrival or withdrawal changed this one, empty when it is its own entry.
    `scope` are the rules or parts that a note is about. `waived` are the rules that a person waived with it,
    `revoked` those of which that was taken back.
    """

    delivery: DeliveryId
    kind: str
    verdict: str
    counts: Counts
    reason: str
    decided_by: str
    cause: str
    contract_version: str
    table_version: int
    at: datetime
    number: int = 0
    staging: str = ""
    scope: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    @property
    def act(self) -> str:
        """What was done: its kind, and of judging again whether a person released rows or took that back."""
        if self.kind == "replay" and (self.waived or self.revoked):
            return "release" if self.waived else "revoke"
        return self.kind

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that a decision about refused rows names."""
        return self.waived or self.revoked or (self.scope if self.kind in _NOTES_ON_ROWS else ())


def about_refused(history: Iterable[HistoryEntry]) -> Iterator[HistoryEntry]:
    """The entries of one delivery, in order, that decided what becomes of refused rows.

    A replay does so of a delivery that had some or has some: it may let one through and refuse another.
    """
    quarantined = 0
    for entry in history:
        before, quarantined = quarantined, quarantined + entry.counts.quarantined
        if entry.kind == "purge":
            decides = "quarantine" in entry.scope
        else:
            judged = entry.kind == "replay" and bool(before or quarantined)
            decides = judged or entry.kind in _NOTES_ON_ROWS
        if decides:
            yield entry


@dataclass(frozen=True)
class RuleChange:
    """How many rows broke a rule by two judgements; None: the rule was not asked."""

    rule: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Rejudged:
    """A judgement after the first one: its entry, the one that stood before it, and what changed.

    `counts` are those before it; `rules` are empty where the record of a check is lost.
    """

    entry: HistoryEntry
    before: HistoryEntry
    counts: Counts
    rules: tuple[RuleChange, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The counts that are others."""
        return tuple(name for name in Counts.names() if getattr(self.entry.counts, name))


def with_waivers(
    history: Iterable[HistoryEntry], commits: Mapping[tuple[int, int], Entry]
) -> Iterator[HistoryEntry]:
    """The entries of one delivery in order, each with the rules that people waived with it.

    Args:
        commits: the same entries in the commits, by version of the table and place, which tell the waivers.
    """
    waivers: Waivers = ()
    for entry in history:
        found = commits.get((entry.table_version, entry.number))
        if found is None or not found.staging:
            yield entry
            continue
        was, now = waived_rows(waivers), waived_rows(found.waivers)
        waivers = found.waivers
        gone = tuple(rule for rule, rows in was.items() if _less(rows, now.get(rule, frozenset())))
        new = tuple(rule for rule, rows in now.items() if _less(rows, was.get(rule, frozenset())))
        yield replace(entry, waived=new, revoked=gone)


def _less(rows: frozenset[tuple[str, int]] | None, others: frozenset[tuple[str, int]] | None) -> bool:
    """Whether the others lack one of the rows; None are all rows."""
    return others is not None and (rows is None or not rows <= others)


def rejudged(history: Iterable[HistoryEntry], checked: Mapping[str, Validation]) -> tuple[Rejudged, ...]:
    """The judgements of one delivery after its first one, oldest first.

    Args:
        checked: the records of its checks, by staging.
    """
    found: list[Rejudged] = []
    counts, last = Counts(), None
    for entry in history:
        if entry.kind == "replay" and last is not None:
            rules = _changes(checked.get(last.staging), checked.get(entry.staging))
            found.append(Rejudged(entry, last, counts, rules))
        counts += entry.counts
        last = entry if entry.staging and entry.kind != "purge" else last
    return tuple(found)


def _changes(before: Validation | None, after: Validation | None) -> tuple[RuleChange, ...]:
    if before is None or after is None:
        return ()
    was, now = ({check.rule: check.unexpected for check in one.checks} for one in (before, after))
    changes = (RuleChange(rule, was.get(rule), now.get(rule)) for rule in dict.fromkeys((*was, *now)))
    return tuple(one for one in changes if one.before != one.after)
