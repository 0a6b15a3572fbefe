"""What crossed, from the state of both ends: releases, parcels, refusals, receipts; and do they agree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.demonstration import OWN, nodes
from infra.local.layout import Layout

if TYPE_CHECKING:
    from shanhai.courier.receipts import Sent
    from shanhai.courier.releases import Release
    from shanhai.settings import Settings

_HEADINGS = ("released", "to", "version", "rows sent", "rows there", "there", "receipt")


@dataclass(frozen=True)
class Crossed:
    """One parcel.

    Attributes:
        version: of the subject.
        rows: that were released; files of an application are rows, too.
        there: what the partner's own state says of it; `-` where it has not come.
        rows_there: what the partner's ledger has of it, or the rows of a folder that came whole.
        receipt: what the sender knows of it.
    """

    subject: str
    partner: str
    version: int
    rows: int
    there: str
    rows_there: int | None
    receipt: str

    @property
    def agrees(self) -> bool:
        """Whether both ends say the same of it."""
        ended = {("admitted", "admitted"), ("opened", "received")}
        return (self.there, self.receipt) in ended and self.rows == self.rows_there


@dataclass(frozen=True)
class Exchanged:
    """All that crossed from Gongshu until now, `before` of it in earlier runs; and what policy denied."""

    parcels: Sequence[Crossed]
    before: int
    denied: Sequence[str]


def parcels_until_now(layout: Layout) -> int:
    """How many parcels the node has released."""
    return len(exchanged(layout, 0).parcels)


def exchanged(layout: Layout, before: int) -> Exchanged:
    """Look at the state of all three nodes; no key is opened."""
    from shanhai.clock import system_clock
    from shanhai.courier import waiting
    from shanhai.courier.database import open_state
    from shanhai.courier.receipts import sent

    known = nodes(layout)
    with contextlib.closing(open_state(known[OWN].home)) as connection:
        messages = sent(connection, system_clock())
        denied = [one.about for one in waiting.open_ones(connection) if one.kind == "release"]
    crossed = [_crossed(known, one, one.release) for one in messages if one.release is not None]
    return Exchanged(crossed, before, denied)


def describe_exchange(found: Exchanged) -> Iterator[str]:
    """The part of the summary that is about the exchange, line by line."""
    yield "exchange of Gongshu with Longyou and Zhaohua, paired for demonstration without people:"
    rows = [_HEADINGS, *(_cells(one) for one in found.parcels)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    for row in rows:
        yield "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for about in found.denied:
        yield f"denied by policy: {about}"
    receipts = sum(1 for one in found.parcels if one.receipt in ("admitted", "received", "refused"))
    refused = sum(1 for one in found.parcels if one.receipt == "refused")
    yield (
        f"{len(found.parcels)} releases, {len(found.parcels) - found.before} of them new in this run;"
        f" {sum(1 for one in found.parcels if one.there != '-')} parcels there; {receipts} receipts;"
        f" refused: {len(found.denied)} by policy, {refused} by partners"
    )


def disagreements(found: Exchanged) -> Iterator[str]:
    """What the two ends tell differently."""
    for one in found.parcels:
        if not one.agrees:
            yield (
                f"the ends disagree: {one.subject} {one.version} to {one.partner}: {one.rows} rows,"
                f" {one.receipt} here; {one.rows_there} rows, {one.there} there"
            )


def _cells(one: Crossed) -> tuple[str, ...]:
    there = "-" if one.rows_there is None else f"{one.rows_there:,}"
    return (one.subject, one.partner, str(one.version), f"{one.rows:,}", there, one.there, one.receipt)


def _crossed(known: Mapping[str, Settings], one: Sent, release: Release) -> Crossed:
    there, rows_there = _there(known[one.partner], release)
    rows = int(release.counts["rows"])
    return Crossed(release.subject.name, one.partner, release.version, rows, there, rows_there, one.standing)


def _there(settings: Settings, release: Release) -> tuple[str, int | None]:
    """What the partner has of a parcel: its state, and how many rows of it its own books know."""
    from shanhai.courier import inbox
    from shanhai.courier.database import open_state
    from shanhai.ingest.ledger import ledger
    from shanhai.ingest.node import open_node

    with contextlib.closing(open_state(settings.home)) as connection:
        row = inbox.by_digest(connection, release.message)
    if row is None:
        return "-", None
    if row.delivery is None:
        came_whole = row.opened_sha256 is not None and row.opened_sha256 == release.counts["lineage"].get(
            "listing"
        )
        return row.state.value, int(release.counts["rows"]) if came_whole else None
    (booked,) = [line for line in ledger(open_node(settings)) if str(line.delivery) == row.delivery]
    counts = booked.counts
    # A newer version takes the place of an older one, whose rows are booked as superseded then.
    return row.state.value, counts.loaded + counts.superseded
