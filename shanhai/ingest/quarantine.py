"""The quarantine as people read it: refused rows by delivery, broken rule and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.node import Node
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.reconcile import Behind, reconcile, reconcile_as_far, reconcile_of
from shanhai.warehouse.damage import told_if_damaged
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.session import duckdb_session

State = Literal["open", "discarded", "purged", "released"]
"""open: somebody may still do something about it. discarded: nobody will. purged: its text is gone.
released: it was let through, and counts among the good ones."""


@dataclass(frozen=True)
class Group:
    """Rows of a delivery that broke one rule and are in one state; a row counts under each rule it broke."""

    delivery: DeliveryId
    reason: str
    state: State
    rows: int


@dataclass(frozen=True)
class RefusedRow:
    """One row in quarantine. `raw`, its text, may be personal: it is None unless it was asked for."""

    body: str
    position: int
    reasons: tuple[str, ...]
    state: State
    raw: str | None = None


REFUSED = """
    WITH said AS (
      SELECT delivery, reason, arg_max(kind, (table_version, entry)) AS kind
      FROM (SELECT delivery, unnest(scope) AS reason, kind, table_version, entry FROM {ledger}
            WHERE kind IN ('discard', 'reopen'))
      GROUP BY ALL
    ), discarded AS (
      SELECT delivery, list(reason) AS given_up FROM said WHERE kind = 'discard' GROUP BY ALL
    ), refused AS NOT MATERIALIZED (
      SELECT delivery, body, "position", reasons, raw,
             CASE WHEN released THEN 'released' WHEN raw IS NULL THEN 'purged'
                  WHEN list_has_any(reasons, given_up) THEN 'discarded' ELSE 'open' END AS state
      FROM {quarantine} LEFT JOIN discarded USING (delivery)
    )
"""
"""Every row in quarantine with its state, as `refused`; discarded when one of the rules that it broke is."""

_GROUPS = """
    SELECT delivery, reason, state, count(*) AS rows
    FROM (SELECT delivery, unnest(reasons) AS reason, state FROM refused WHERE $1 IN ('', delivery))
    GROUP BY ALL ORDER BY delivery, rows DESC, reason, state
"""

_ROWS = """
    SELECT body, "position", reasons, state, NULL AS raw FROM refused
    WHERE delivery = $1 AND $2 IN ('', state) AND ($3 = '' OR list_contains(reasons, $3))
    ORDER BY body, "position" LIMIT {limit}
"""
# The rows are chosen without their texts, which may be long: only of those that are chosen they are held.
_ROWS_AND_TEXTS = f"""
    SELECT chosen.* REPLACE (refused.raw AS raw)
    FROM ({_ROWS}) AS chosen JOIN refused USING (body, "position")
    WHERE refused.delivery = $1 ORDER BY body, "position"
"""


def groups(
    node: Node,
    *,
    dataset: DatasetId | None = None,
    delivery: DeliveryId | None = None,
    behind: list[Behind] | None = None,
) -> list[Group]:
    """The refused rows of all deliveries, of a dataset's or of one; brings the books up to date first.

    Args:
        behind: gains what the books could not be brought up to of what was asked for; None: it is raised.

    Raises:
        DamagedError: a file of the books is lost or damaged, or one of refused rows for good.
        RetryableError: a table cannot be read.
    """
    of = delivery.dataset if delivery is not None else dataset
    if behind is not None:
        behind += (one for one in reconcile_as_far(node) if of in (None, one.dataset))
    elif of is not None:
        reconcile_of(node, of)
    else:
        reconcile(node)
    found = _query(node, _GROUPS, str(delivery or ""))
    every = (Group(DeliveryId.parse(known), reason, state, rows) for known, reason, state, rows in found)
    return [group for group in every if dataset in (None, group.delivery.dataset)]


def rows(
    node: Node,
    delivery: DeliveryId,
    *,
    reason: str = "",
    state: str = "",
    limit: int | None = None,
    raw: bool = False,
) -> Iterator[RefusedRow]:
    """The refused rows of a delivery in the order of their bodies; brings the books up to date first.

    Args:
        reason: only those that broke this rule.
        state: only those in this state.
        limit: so many at most; None: all.
        raw: with their text, for the eyes of whoever asked for it and nothing else.

    Raises:
        DamagedError: a file of the books is lost or damaged, or one of the refused rows for good.
        RetryableError: a table cannot be read.
    """
    reconcile_of(node, delivery.dataset)
    query = (_ROWS_AND_TEXTS if raw else _ROWS).format(limit="ALL" if limit is None else int(limit))
    for body, position, reasons, condition, text in _query(node, query, str(delivery), state, reason):
        yield RefusedRow(body, position, tuple(reasons), condition, text)


def _query(node: Node, sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    ledger, quarantine = (LakeTable.open(node.books(name)) for name in (LEDGER, QUARANTINE))
    refused = REFUSED.format(ledger=ledger.relation(), quarantine=quarantine.relation())
    with told_if_damaged(ledger, quarantine), duckdb_session(node.settings) as con:
        return con.execute(refused + sql, list(parameters)).fetchall()
