"""Double entry: every commit on a dataset's table books signed counts, and the net per delivery balances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, fields
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shanhai.errors import ShanhaiError
from shanhai.ingest.records import State
from shanhai.warehouse.lake import LakeTable

Kind = Literal["load", "hold", "refuse", "approve", "withdraw", "supersede", "restore"]


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
    """One line of the books, as it stands in the metadata of a commit. Counts are signed differences."""

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
    quarantine_file: str | None = None
    quarantine_sha256: str | None = None

    @property
    def counts(self) -> Counts:
        """The signed counts of this line."""
        return Counts(**{name: getattr(self, name) for name in Counts.names()})


@dataclass(frozen=True)
class Net:
    """Where a delivery stands after all its entries; `loaded_version` orders those that are in the table."""

    counts: Counts
    verdict: State
    contract_version: str
    reason: str
    decided_by: str
    loaded_version: int


def entries(table: LakeTable) -> Iterator[tuple[int, Entry]]:
    """Every line of a table's books, oldest first: Delta version, entry."""
    for commit in table.commits():
        for line in commit.facts.get("entries", ()):
            yield commit.version, Entry.model_validate(line)


def net(lines: Iterable[tuple[int, Entry]]) -> dict[str, Net]:
    """The net per delivery of lines in order, each with the Delta version of its commit."""
    found: dict[str, Net] = {}
    for version, entry in lines:
        before = found.get(entry.delivery)
        counts = entry.counts + before.counts if before else entry.counts
        if before is not None and entry.cause:
            found[entry.delivery] = Net(
                counts,
                before.verdict,
                before.contract_version,
                before.reason,
                before.decided_by,
                before.loaded_version,
            )
            continue
        found[entry.delivery] = Net(
            counts,
            entry.verdict,
            entry.contract_version,
            entry.reason,
            entry.decided_by,
            version if entry.verdict == "accepted" else 0,
        )
    return found


def table_net(table: LakeTable) -> dict[str, Net]:
    """The net per delivery of a table, from its commits."""
    return net(entries(table))


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
    quarantine: tuple[str | None, str | None] = (None, None),
) -> Entry:
    """One line, checked.

    Args:
        difference: what it adds to the delivery's net.
        quarantine: name and SHA-256 of the file of its quarantined rows.

    Raises:
        ShanhaiError: it does not balance; nothing must be committed with it.
    """
    if not difference.balanced:
        raise ShanhaiError(
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
        quarantine_file=quarantine[0],
        quarantine_sha256=quarantine[1],
        **asdict(difference),
    )
