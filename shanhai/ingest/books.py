"""Double entry: every commit on a dataset's table books signed counts, and the net per delivery balances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shanhai.errors import FaultError
from shanhai.ids import DeliveryId
from shanhai.ingest.records import Staging, State
from shanhai.ingest.waivers import Waivers
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.log import Commit

Kind = Literal[
    "load",
    "hold",
    "refuse",
    "approve",
    "withdraw",
    "replay",
    "supersede",
    "restore",
    "discard",
    "reopen",
    "purge",
]

NOTES: frozenset[Kind] = frozenset({"discard", "reopen", "purge"})
"""Entries that move no row and leave the verdict as it is, with its reason and the name behind it."""

OF_STAGING = {"staging", "contract_digest", "waivers", "quarantine_file", "quarantine_sha256"}
"""What an entry says of the staging behind it."""


@dataclass(frozen=True)
class Counts:
    """rows_in = loaded + quarantined + duplicates + superseded + withheld. As a difference, also signed."""

    rows_in: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    superseded: int = 0
    withheld: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def balanced(self) -> bool:
        """Whether no row is lost and none counted twice."""
        parts = self.loaded + self.quarantined + self.duplicates + self.superseded + self.withheld
        return self.rows_in == parts

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the counts, in the order of the equation."""
        return tuple(field.name for field in fields(cls))


class Entry(BaseModel):
    """One line of the books, as it stands in the metadata of a commit. Counts are signed differences.

    `staging` names the staging that decided which rows of the delivery are good, `contract_digest` and
    `waivers` the terms of it; an entry that did not ask a staging has none. `scope` are the rules that a note
    is about, and of a purge the parts that go. `idempotency_key` names the request that it answers; a request
    that is made again is found by it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: str
    kind: Kind
    verdict: State
    contract_version: str
    rows_in: int
    loaded: int
    quarantined: int
    duplicates: int
    superseded: int
    withheld: int
    reason: str = ""
    decided_by: str = ""
    cause: str = ""
    scope: tuple[str, ...] = ()
    idempotency_key: str = ""
    staging: str = ""
    contract_digest: str = ""
    waivers: Waivers = ()
    quarantine_file: str | None = None
    quarantine_sha256: str | None = None

    @property
    def counts(self) -> Counts:
        """The signed counts of this line."""
        return Counts(**{name: getattr(self, name) for name in Counts.names()})

    @property
    def is_alike(self) -> bool:
        """Whether a delivery was judged again and as many rows of each kind were found."""
        return self.kind == "replay" and self.counts == Counts()


@dataclass(frozen=True)
class Net:
    """Where a delivery stands after all its entries.

    `loaded_version` orders those that are in the table: a delivery that is replayed keeps its place. `staged`
    is the newest entry that names a staging, `purged` what retention took of it. `checked` names the staging
    whose check was behind the verdict, when it was given with this reason by this person.
    """

    counts: Counts
    verdict: State
    contract_version: str
    reason: str
    decided_by: str
    loaded_version: int
    staged: Entry | None = None
    purged: frozenset[str] = frozenset()
    checked: str = ""

    @property
    def staging(self) -> str:
        """The name of the staging by which it stands in the books; empty where no entry has one."""
        return self.staged.staging if self.staged else ""

    @property
    def waivers(self) -> Waivers:
        """What was waived for it, by that staging."""
        return self.staged.waivers if self.staged else ()


def entries(table: LakeTable) -> Iterator[tuple[int, Entry]]:
    """Every line of a table's books, oldest first: Delta version, entry."""
    yield from lines_of(table.commits())


def requested(table: LakeTable, delivery: DeliveryId, idempotency_key: str) -> Entry | None:
    """The entry by which a request about a delivery was carried out, whatever came after it; else None.

    Args:
        idempotency_key: names the request; one that has none is never found.
    """
    if not idempotency_key:
        return None
    subject = str(delivery)
    found = (line for _, line in entries(table) if line.idempotency_key == idempotency_key)
    return next((line for line in found if line.delivery == subject), None)


def moving(commit: Commit) -> list[Entry]:
    """The entries of a commit that moved rows or changed a verdict.

    Not a note, and no replay that found nothing to change; one that exchanged rows for as many others has
    added files.
    """
    lines = [Entry.model_validate(line) for line in commit.facts.get("entries", ())]
    return [line for line in lines if line.kind not in NOTES and (commit.adds or not line.is_alike)]


def net(lines: Iterable[tuple[int, Entry]], before: Mapping[str, Net] | None = None) -> dict[str, Net]:
    """The net per delivery of lines in order, each with the Delta version of its commit.

    Args:
        before: what earlier lines have given.
    """
    found = dict(before or {})
    for version, line in lines:
        known = found.get(line.delivery)
        counts = line.counts + known.counts if known else line.counts
        if known is not None and (line.cause or _is_noted(line)):
            found[line.delivery] = _noted(replace(known, counts=counts), line)
            continue
        stays = known is not None and line.kind == "replay"
        found[line.delivery] = Net(
            counts,
            line.verdict,
            line.contract_version,
            line.reason,
            line.decided_by,
            known.loaded_version if known and stays else version if line.verdict == "accepted" else 0,
            line if line.staging else known.staged if known else None,
            _still_purged(known, line),
            checked=line.staging or (known.checked if known else ""),
        )
    return found


def _still_purged(known: Net | None, line: Entry) -> frozenset[str]:
    """What was purged comes back with another staging, and with no verdict on the same one."""
    same = known is not None and (
        not line.staging or (known.staged is not None and _staging_of(line) == _staging_of(known.staged))
    )
    return known.purged if known is not None and same else frozenset()


def _staging_of(line: Entry) -> tuple[str, str | None]:
    return line.staging, line.quarantine_file


def _is_noted(line: Entry) -> bool:
    """Whether the verdict stays as it is, with its reason and the name behind it.

    A replay by nobody in particular that finds the delivery alike takes no approval back.
    """
    return line.kind in NOTES or (line.is_alike and not line.decided_by)


def _noted(net: Net, line: Entry) -> Net:
    """A purge names another file of quarantined rows for the same staging, a replay another staging."""
    staged = line if line.staging else net.staged
    if line.kind == "purge":
        return replace(net, staged=staged, purged=net.purged | frozenset(line.scope))
    if line.kind == "replay":
        return replace(net, staged=staged, contract_version=line.contract_version)
    return net


def table_net(table: LakeTable) -> dict[str, Net]:
    """The net per delivery of a table, from its commits; handles that share a log read the new ones alone."""
    nothing: Mapping[str, Net] = {}
    found = table.fold(_net_after, nothing)
    return dict(found)


def _net_after(before: Mapping[str, Net], commits: Sequence[Commit]) -> Mapping[str, Net]:
    return net(lines_of(commits), before)


def lines_of(commits: Iterable[Commit]) -> Iterator[tuple[int, Entry]]:
    """Every line of some commits: Delta version, entry."""
    for commit in commits:
        for line in commit.facts.get("entries", ()):
            yield commit.version, Entry.model_validate(line)


def entry(
    delivery: str,
    kind: Kind,
    verdict: State,
    contract_version: str,
    difference: Counts,
    *,
    reason: str = "",
    decided_by: str = "",
    cause: str = "",
    scope: tuple[str, ...] = (),
    idempotency_key: str = "",
    staging: Staging | None = None,
) -> Entry:
    """One line, checked.

    Args:
        difference: what it adds to the delivery's net.
        scope: the rules that a note is about, or the parts that a purge takes.
        idempotency_key: names the request that it answers, if that may be made again.
        staging: what decided which of its rows are good; its terms and its quarantine file are noted.

    Raises:
        FaultError: it does not balance; nothing must be committed with it.
    """
    if not difference.balanced:
        raise FaultError(
            "an entry does not balance: rows would be lost or counted twice",
            given=f"{delivery} {asdict(difference)}",
            allowed="rows_in = loaded + quarantined + duplicates + superseded + withheld",
        )
    return Entry(
        delivery=delivery,
        kind=kind,
        verdict=verdict,
        contract_version=contract_version,
        reason=reason,
        decided_by=decided_by,
        cause=cause,
        scope=scope,
        idempotency_key=idempotency_key,
        **(staging.model_dump(include=OF_STAGING) if staging else {}),
        **asdict(difference),
    )
