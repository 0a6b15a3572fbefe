"""Replay: judge an accepted delivery again by the contract as it is now, and give the table what follows."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from shanhai.errors import BusyError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.altered import is_altered
from shanhai.ingest.approved import Person, responsible
from shanhai.ingest.behind import is_behind
from shanhai.ingest.books import Counts, Entry, Net, entry, requested, table_net
from shanhai.ingest.check import check
from shanhai.ingest.committed import committed_staging, is_as_booked
from shanhai.ingest.files import gone_if_it_fails, in_turn
from shanhai.ingest.load import on_newest, open_table
from shanhai.ingest.mixed import is_mixed
from shanhai.ingest.node import Node
from shanhai.ingest.projections import mend_quarantine
from shanhai.ingest.rebuild import in_the_table, others
from shanhai.ingest.records import (
    Staging,
    Validation,
    forget_validation,
    present_terms,
    read_record,
    read_validation,
)
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.same_rows import Rows, differing_rows
from shanhai.ingest.stage import is_complete, stage
from shanhai.ingest.swap import swap
from shanhai.ingest.terms import Terms
from shanhai.ingest.waivers import Waivers, canonical
from shanhai.warehouse import lake
from shanhai.warehouse.lake import LakeTable

log = logging.getLogger(__name__)

_ATTEMPTS = 5
_PARTS = ("good", "quarantined", "released", "duplicates", "superseded")

Asked = Literal["replay", "release"]
_DENIED: dict[Asked, tuple[str, str]] = {
    "replay": (
        "only an accepted delivery is replayed",
        "to approve a delivery is to judge it by the contract as it is then",
    ),
    "release": (
        "only rows of an accepted delivery are released, or taken back",
        "approve the delivery first: shanhai delivery approve",
    ),
}
"""What is told of a delivery that is not accepted, and the way out."""


Part = Rows | Literal["waivers", "files"]
"""Something in which a delivery may differ from the books though every count is the same."""


@dataclass(frozen=True)
class Change:
    """One count of a delivery, or the rows that break one rule: in the books, and by the contract now."""

    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Replayed:
    """What judging a delivery again has given.

    Attributes:
        differs_in: what is another than in the books, whatever the counts are: what good rows say, which rows
            are refused and for what, what is waived; or files, where they were damaged.
        settles: whether rows of the table were settled by another rule than the contract has now, and are
            settled anew, whichever delivery they are of.
        counts: those that are others.
        mended: whether damaged files were made again.
        entry: as it was committed, or is found of the same request; None when there was nothing to commit, or
            when it was only asked for. One without changes notes that a delivery that was behind its contract
            is judged alike by it.
    """

    delivery: DeliveryId
    contract_version: str
    differs_in: tuple[Part, ...] = ()
    settles: bool = False
    counts: tuple[Change, ...] = ()
    mended: bool = False
    entry: Entry | None = None

    @property
    def differs(self) -> bool:
        """Whether anything of the delivery itself is another than in the books."""
        return bool(self.differs_in)

    @property
    def changes(self) -> bool:
        """Whether there is something to change."""
        return self.differs or self.settles


def replay(
    node: Node,
    delivery: DeliveryId,
    *,
    by: str = "",
    reason: str = "",
    idempotency_key: str = "",
    dry_run: bool = False,
) -> Replayed:
    """Stage and check a delivery by the contract as it is now, and commit what became of its rows.

    One commit takes its old rows out and puts the new ones in, at its old place in the order of loading;
    rows of other deliveries come and go as they settle then. Where nothing changes, that is noted once, and
    it is behind no longer. Done again, it changes nothing. Files of the delivery that are damaged are made
    again from its bytes.

    Args:
        by: the name of a person who wants it although the gate would hold the delivery; who approved it
            earlier need not be named again while the gate has nothing else against it.
        reason: why; both stand in the ledger.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.
        dry_run: tell what would change, and commit nothing.

    Raises:
        DeniedError: the delivery is not accepted, was purged, or would be held or refused now.
        BusyError: others kept deciding about it meanwhile.
        ConfigurationError: files of another delivery are lost, and so is its contract.
    """
    person = Person(by.strip(), reason.strip(), idempotency_key)
    return judge_again(node, delivery, lambda waivers: waivers, person, dry_run=dry_run, asked="replay")


def judge_again(
    node: Node,
    delivery: DeliveryId,
    waive: Callable[[Waivers], Waivers],
    person: Person,
    *,
    dry_run: bool = False,
    asked: Asked = "release",
) -> Replayed:
    """Replay a delivery with other waivers than it has.

    Args:
        waive: from the waivers that it has to those that it shall have.
        asked: what a person wants of it, which is told where it is not accepted.

    Raises:
        ShanhaiError: as `replay`, and whatever `waive` raises.
    """
    node = node.with_logs(delivery.dataset)
    for _ in range(_ATTEMPTS):
        table = open_table(node, delivery.dataset)
        if (known := requested(table, delivery, person.idempotency_key)) is not None:
            return Replayed(delivery, known.contract_version, entry=known)
        expected = table.transaction(str(delivery))
        net = _replayable(delivery, table, asked)
        staging, found, who = _judged(node, table, delivery, net, waive(net.waivers), person)
        if dry_run:
            return found
        mended = mend_quarantine(node, staging)
        if not found.changes and not is_behind(node, node.federation.contract(delivery.dataset), net):
            return replace(found, mended=mended)
        if found.changes:
            written = _commit(node, delivery, staging, who, expected=expected, anew=found.mended)
        else:
            written = _note(node, delivery, staging, who, expected=expected)
        if written is not None:
            return replace(found, entry=written, mended=found.mended or mended)
    raise BusyError("others decided at the same time", given=delivery.short, hint="shanhai delivery show")


def _replayable(delivery: DeliveryId, table: LakeTable, asked: Asked) -> Net:
    net = table_net(table).get(str(delivery))
    if net is None or net.verdict != "accepted":
        message, hint = _DENIED[asked]
        raise DeniedError(
            message,
            given=f"{delivery.short}, {net.verdict if net else 'without a verdict'}",
            allowed="accepted",
            hint=hint,
        )
    require_unpurged(delivery, net.purged, "quarantine", "snapshot")
    return net


def _judged(
    node: Node, table: LakeTable, delivery: DeliveryId, net: Net, waivers: Waivers, person: Person
) -> tuple[Staging, Replayed, Person]:
    before = _booked(node, delivery, net)
    checked = read_record(node, delivery, net.checked, Validation)
    intact = before is not None and is_complete(node, delivery, before)
    terms = present_terms(node, delivery, waivers)
    if terms.id != net.staging:
        _forget_objections(node, delivery, terms, person)
    staging = stage(node, delivery, terms)
    who = responsible(delivery, net, checked, check(node, delivery, waivers), person)
    if before is not None:
        intact = intact and not is_altered(node, table, table_net(table), delivery, before)
    parts: list[Part] = [] if before is None else [*differing_rows(node, before, staging)]
    parts += ["waivers"] if canonical(waivers) != canonical(net.waivers) else []
    parts += [] if intact else ["files"]
    found = Replayed(
        delivery,
        staging.contract_version,
        tuple(parts),
        settles=is_mixed(node, table, node.federation.contract(delivery.dataset)),
        counts=_counts(before, staging, net),
        mended=not intact,
    )
    return staging, found, who


def _booked(node: Node, delivery: DeliveryId, net: Net) -> Staging | None:
    """The record of the staging in the books; None when it is lost, or another was made in its place."""
    known = read_record(node, delivery, net.staging, Staging)
    return known if known is not None and is_as_booked(known, net) else None


def _forget_objections(node: Node, delivery: DeliveryId, terms: Terms, person: Person) -> None:
    """Let a check be made again that speaks against a replay: what it found may be right by now.

    What is plausible is said elsewhere than in the contract, and depends on other deliveries.
    """
    with in_turn(node.staged(delivery)):
        known = read_validation(node, delivery, terms)
        if known is not None and (known.verdict == "refused" or (known.verdict == "held" and not person.by)):
            forget_validation(node, delivery, terms)


def _counts(before: Staging | None, after: Staging, net: Net) -> tuple[Change, ...]:
    """Every count that is another one, and every rule that other rows break."""
    found = [Change("rows in", net.counts.rows_in, after.rows_in)]
    if before is None:
        found.append(Change("quarantined", net.counts.quarantined, after.quarantined))
    else:
        found += [Change(name, getattr(before, name), getattr(after, name)) for name in _PARTS]
        was, now = Counter(before.counts), Counter(after.counts)
        found += [Change(f"rule {rule}", was[rule], now[rule]) for rule in sorted({*was, *now})]
    return tuple(one for one in found if one.before != one.after)


def _note(
    node: Node, delivery: DeliveryId, staging: Staging, person: Person, *, expected: int
) -> Entry | None:
    """Commit that the present contract judges a delivery alike; None when that is no longer known."""
    contract = node.federation.contract(delivery.dataset)

    def attempt(table: LakeTable) -> Entry | None:
        # What others loaded meanwhile by another contract may not be settled alike.
        if table.transaction(str(delivery)) != expected or is_mixed(node, table, contract):
            return None
        line = _line(delivery, staging, person, Counts())
        facts = {"entries": [line.model_dump()]}
        table.commit(lake.Change(transactions={str(delivery): expected + 1}, facts=facts), at=node.clock())
        log.info("replay delivery=%s outcome=alike", delivery.short)
        return line

    return on_newest(node, delivery.dataset, attempt)


def _line(delivery: DeliveryId, staging: Staging, person: Person, difference: Counts) -> Entry:
    return entry(
        str(delivery),
        "replay",
        "accepted",
        staging.contract_version,
        difference,
        reason=person.reason,
        decided_by=person.by,
        idempotency_key=person.idempotency_key,
        staging=staging,
    )


def _commit(
    node: Node, delivery: DeliveryId, staging: Staging, person: Person, *, expected: int, anew: bool
) -> Entry | None:
    """Commit the table with the new rows; None when somebody else decided about the delivery meanwhile."""

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)) != expected:
            return None
        stem = f"{delivery.key}-{expected + 1}-{secrets.token_hex(4)}"
        with gone_if_it_fails(table.path, stem):
            return _commit_on(table, node, delivery, staging, person, expected + 1, stem, anew=anew)

    return on_newest(node, delivery.dataset, attempt)


def _commit_on(
    table: LakeTable,
    node: Node,
    delivery: DeliveryId,
    staging: Staging,
    person: Person,
    number: int,
    stem: str,
    *,
    anew: bool,
) -> Entry:
    subject, books = str(delivery), table_net(table)
    stagings = {
        known: staging if known == subject else committed_staging(node, DeliveryId.parse(known), books[known])
        for known in in_the_table(node, books)
    }
    swapped = swap(node, table, stagings, books, delivery, stem, anew=anew)
    line = _line(delivery, staging, person, swapped.counts(subject, staging) - books[subject].counts)
    lines = [line, *others(stagings, books, swapped, cause=subject)]
    table.commit(
        lake.Change(
            add=swapped.add,
            remove=swapped.remove,
            digests=swapped.digests,
            bounds=swapped.bounds,
            transactions={subject: number},
            facts={"entries": [one.model_dump() for one in lines]},
        ),
        at=node.clock(),
    )
    log.info("replay delivery=%s loaded=%d quarantined=%d", delivery.short, line.loaded, line.quarantined)
    return line
