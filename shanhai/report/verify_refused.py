"""Verify refused rows: those in the quarantine table against what the commits say became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.errors import ShanhaiError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Net, net
from shanhai.ingest.node import Node
from shanhai.ingest.projections import QUARANTINE
from shanhai.ingest.waivers import waived_rows
from shanhai.report.booked import booked, datasets
from shanhai.report.differences import Difference, Progress, unreadable
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.session import duckdb_session


@dataclass(frozen=True)
class _Kept:
    """What the quarantine table holds of a delivery; `rules` are those that released rows broke."""

    quarantined: int = 0
    released: int = 0
    with_text: int = 0
    without_text: int = 0
    rules: Sequence[str] = ()


_COUNTED = ("quarantined", "released", "with_text", "without_text", "rules")
_KEPT = """
    SELECT delivery, count(*) FILTER (NOT released), count(*) FILTER (released),
           count(raw), count(*) - count(raw),
           list_sort(list_distinct(flatten(coalesce(list(reasons) FILTER (released), []))))
    FROM {table} GROUP BY delivery
"""


def refused(node: Node, progress: Progress, rows: list[int]) -> Iterator[Difference | None]:
    """Of each delivery: as many rows as are quarantined, released ones as waived, text unless purged.

    Args:
        rows: gains how many refused rows each delivery has in the quarantine table, open or not.
    """
    kept, nets, unread = _kept(node), dict[str, Net](), set[DatasetId]()
    for dataset in datasets(node):
        try:
            nets |= net(booked(node, QUARANTINE, dataset))
        except ShanhaiError as error:
            yield unreadable(f"log of {dataset}", error)
            unread.add(dataset)
    known = sorted({*nets, *(name for name in kept if DeliveryId.parse(name).dataset not in unread)})
    for done, name in enumerate(known, start=1):
        progress("refused rows of deliveries", done, len(known))
        has = kept.get(name, _Kept())
        rows.append(has.quarantined + has.released)
        what = f"refused rows of {DeliveryId.parse(name).short}"
        if name not in nets:
            yield Difference(what, "in quarantine", "no commit of its table says so")
            continue
        yield from _compared(what, has, nets[name])


def _compared(what: str, kept: _Kept, stands: Net) -> Iterator[Difference | None]:
    given, told = f"{kept.quarantined} quarantined", f"{stands.counts.quarantined} quarantined"
    yield None if given == told else Difference(what, given, f"{told} by the commits")
    waived = waived_rows(stands.waivers)
    others = ", ".join(rule for rule in kept.rules if rule not in waived)
    given = f"{kept.released} released, some of which broke {others}"
    yield Difference(what, given, "released by waivers of all their rules") if others else None
    if "quarantine" in stands.purged:
        yield Difference(what, f"{kept.with_text} with their text", "purged") if kept.with_text else None
    else:
        yield Difference(what, f"{kept.without_text} without text", "whole") if kept.without_text else None


def _kept(node: Node) -> dict[str, _Kept]:
    path = node.books(QUARANTINE)
    if not exists(path):
        return {}
    with duckdb_session(node.settings) as con:
        rows: list[tuple[Any, ...]] = con.execute(
            _KEPT.format(table=LakeTable.open(path).relation())
        ).fetchall()
    return {name: _Kept(**dict(zip(_COUNTED, counts, strict=True))) for name, *counts in rows}
