"""Decide: a person approves, refuses or withdraws a delivery, with a name and a reason on record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from shanhai.errors import BusyError, ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry, Kind, requested, table_net
from shanhai.ingest.check import check
from shanhai.ingest.committed import committed_staging
from shanhai.ingest.load import Decision, commit_decision, open_table
from shanhai.ingest.node import Node
from shanhai.ingest.records import State, present_terms
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.stage import stage
from shanhai.ingest.withdraw import withdraw

Action = Literal["approve", "refuse", "withdraw"]

TRANSITIONS: Mapping[tuple[State, Action], State] = MappingProxyType(
    {
        ("held", "approve"): "accepted",
        ("held", "refuse"): "refused",
        ("refused", "approve"): "accepted",
        ("accepted", "withdraw"): "withdrawn",
        ("withdrawn", "approve"): "accepted",
    }
)
"""What a person may decide, and what the delivery is then. Every decision has one that undoes it."""

_KINDS: dict[Action, Kind] = {"approve": "approve", "refuse": "refuse", "withdraw": "withdraw"}


def decide(
    node: Node, delivery: DeliveryId, action: Action, *, by: str, reason: str, idempotency_key: str = ""
) -> Entry:
    """Carry out a person's decision in one commit.

    Args:
        by: the name of the person.
        reason: why; it stands in the ledger and in the report for good.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.

    Raises:
        ConfigurationError: the name, the reason or the action is missing or unknown.
        DeniedError: the delivery is not in a state that allows the action, or it was purged.
        BusyError: somebody else decided at the same time; look again.
    """
    by, reason = by.strip(), reason.strip()
    if not by or not reason:
        raise ConfigurationError("a decision needs a name and a reason", given=f"by={by!r} reason={reason!r}")
    node = node.with_logs(delivery.dataset)
    table = open_table(node, delivery.dataset)
    if (known := requested(table, delivery, idempotency_key)) is not None:
        return known
    net = table_net(table).get(str(delivery))
    if net is None:
        raise DeniedError(
            "the delivery has no verdict yet", given=delivery.short, hint="let it be checked and loaded first"
        )
    verdict = check_can_decide(delivery, net.verdict, action)
    if verdict == "accepted":
        require_unpurged(delivery, net.purged, "quarantine", "snapshot")
        # Rows enter by the contract as it is now, so the gate must have seen them under it.
        staging = stage(node, delivery, present_terms(node, delivery, net.waivers))
        check(node, delivery, net.waivers)
    else:
        staging = committed_staging(node, delivery, net)
    if verdict == "accepted" and staging.good == 0:
        raise DeniedError("the delivery has no good rows to load", given=delivery.short, allowed="refuse")
    decision = Decision(_KINDS[action], verdict, reason, by, idempotency_key)
    number = table.transaction(str(delivery))
    if action == "withdraw":
        written = withdraw(node, delivery, decision, expected=number)
    else:
        written = commit_decision(node, delivery, staging, decision, expected=number)
    if written is None:
        raise BusyError(
            "somebody else decided at the same time", given=delivery.short, hint="shanhai delivery show"
        )
    return written


def check_can_decide(delivery: DeliveryId, state: State, action: Action) -> State:
    """The state that `action` leads to.

    Raises:
        ConfigurationError: there is no such action.
        DeniedError: the state does not allow it.
    """
    if action not in _KINDS:
        raise ConfigurationError("unknown action", given=action, allowed=list(_KINDS))
    after = TRANSITIONS.get((state, action))
    if after is None:
        allowed = [known for (before, known) in TRANSITIONS if before == state]
        raise DeniedError(
            f"a delivery that is {state} cannot be changed so",
            given=f"{action} {delivery.short}",
            allowed=allowed or "nothing",
        )
    return after
