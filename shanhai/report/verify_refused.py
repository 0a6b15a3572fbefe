"""Verify refused rows: those in the quarantine table against what the commits say became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.node import Node
from shanhai.ingest.projections import QUARANTINE
from shanhai.ingest.waivers import waived_rows
from shanhai.report.differences import Difference, Progress
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


def refused(node: Node, progress: Progress) -> Iterator[Difference | None]:
    """Of each delivery: as many rows as are quarantined, released ones as waived, text unless purged."""
    kept = _kept(node)
    nets = {name: net for table in _tables(node) for name, net in table_net(table).items()}
    for done, name in enumerate(sorted({*kept, *nets}), start=1):
        progress("refused rows of deliveries", done, len({*kept, *nets}))
        what = f"refused rows of {DeliveryId.parse(name).short}"
        if name not in nets:
            yield Difference(what, "in quarantine", "no commit of its table says so")
            continue
        yield from _compared(what, kept.get(name, _Kept()), nets[name])


def _compared(what: str, kept: _Kept, net: Net) -> Iterator[Difference | None]:
    given, booked = f"{kept.quarantined} quarantined", f"{net.counts.quarantined} quarantined"
    yield None if given == booked else Difference(what, given, f"{booked} by the commits")
    waived = waived_rows(net.waivers)
    others = ", ".join(rule for rule in kept.rules if rule not in waived)
    given = f"{kept.released} released, some of which broke {others}"
    yield Difference(what, given, "released by waivers of all their rules") if others else None
    if "quarantine" in net.purged:
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


def _tables(node: Node) -> Iterator[LakeTable]:
    for dataset in node.federation.datasets:
        if exists(node.table(dataset)):
            yield LakeTable.open(node.table(dataset))
