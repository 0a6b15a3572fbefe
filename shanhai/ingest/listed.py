"""Rows that a person lists for a release: each is in quarantine and would be let in, or all are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shanhai.contracts.sql import quote_literal
from shanhai.errors import ConfigurationError, as_typed
from shanhai.ids import DeliveryId
from shanhai.ingest.node import Node
from shanhai.ingest.projections import QUARANTINE
from shanhai.ingest.reconcile import reconcile_of
from shanhai.ingest.records import Staging
from shanhai.warehouse.damage import told_if_damaged
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.session import duckdb_session

Row = tuple[str, int]
"""A row in quarantine: the name of its body, and its position."""

_TOLD = 8


def require_released(node: Node, delivery: DeliveryId, rows: Iterable[Row], would: Staging | None) -> None:
    """Make sure that every row that was listed is good by a staging, because it is released or otherwise.

    Args:
        would: the staging with what is waived for them; None where there is none.

    Raises:
        ConfigurationError: some are not: no such row is in quarantine, or it breaks other rules as well. Each
            is named by its place, and nothing of it is told but its rules.
        DamagedError: a file of the quarantine table is lost or damaged.
        RetryableError: a table cannot be read.
    """
    listed = sorted(set(rows))
    file = would.quarantine_file if would else None
    refused = {} if file is None else _refused(node, _parquet(node, file), listed)
    wrong = {row: f"breaks {', '.join(rules)}" for row, rules in refused.items() if rules}
    if missing := [row for row in listed if row not in refused]:
        # What a changed contract lets in is listed rightly, and needs no release any more.
        booked = _booked(node, delivery, missing)
        wrong |= {row: "no such row in quarantine" for row in missing if row not in booked}
    if not wrong:
        return
    named = [f"{as_typed(body)}:{position} {why}" for (body, position), why in sorted(wrong.items())]
    more = [f"and {len(named) - _TOLD} more"] if len(named) > _TOLD else []
    raise ConfigurationError(
        "rows that are listed would not be released; nothing was changed",
        given="; ".join([*named[:_TOLD], *more]),
        allowed="rows in quarantine of which every broken rule is named, or waived already",
        hint=f"shanhai quarantine show {delivery.short}",
    )


def _refused(node: Node, relation: str, rows: list[Row]) -> Mapping[Row, tuple[str, ...]]:
    """Those of some rows that are quarantined, with what keeps each out: no rule, if it is released."""
    places = ", ".join(f"({quote_literal(body)}, {position})" for body, position in rows)
    with duckdb_session(node.settings) as con:
        found = con.execute(
            f'SELECT body, "position", CASE WHEN released THEN [] ELSE reasons END FROM {relation} '
            f'WHERE (body, "position") IN ({places})'
        ).fetchall()
    return {(body, position): tuple(rules) for body, position, rules in found}


def _parquet(node: Node, file: str) -> str:
    return f"read_parquet({quote_literal((node.quarantine / file).as_posix())})"


def _booked(node: Node, delivery: DeliveryId, rows: list[Row]) -> Mapping[Row, tuple[str, ...]]:
    reconcile_of(node, delivery.dataset)
    quarantine = LakeTable.open(node.books(QUARANTINE))
    of_it = f"(SELECT * FROM {quarantine.relation()} WHERE delivery = {quote_literal(str(delivery))})"
    with told_if_damaged(quarantine):
        return _refused(node, of_it, rows)
