"""Decide: a person approves, refuses or withdraws a delivery, with a name and a reason on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from shanhai.errors import BusyError, ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.already import already_so
from shanhai.ingest.approved import Person
from shanhai.ingest.books import NOTES, Entry, Kind, Net, requested, table_net
from shanhai.ingest.check import check
from shanhai.ingest.committed import committed_staging
from shanhai.ingest.load import Decision, commit_decision, open_table
from shanhai.ingest.node import Node
from shanhai.ingest.records import State, present_terms
from shanhai.ingest.retention import require_unpurged
from shanhai.ingest.stage import stage
from shanhai.ingest.unjudged import refuse_unjudged
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
"""What a person may decide, and what the delivery is then. Every decision has one that undoes it.

Of a delivery without a verdict nothing is decided but that it is refused.
"""

_AFTER: dict[str, State] = {action: after for (_, action), after in TRANSITIONS.items()}
_KINDS: dict[Action, Kind] = {"approve": "approve", "refuse": "refuse", "withdraw": "withdraw"}


def decide(
    node: Node, delivery: DeliveryId, action: Action, *, by: str, reason: str, idempotency_key: str = ""
) -> Entry:
    """Carry out a person's decision in one commit.

    A delivery that has no verdict yet may be refused: where no check of it ends, its dataset goes on.

    Args:
        by: the name of the person.
        reason: why; it stands in the ledger and in the report for good.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.

    Raises:
        ConfigurationError: the name, the reason or the action is missing or unknown.
        AlreadySoError: the delivery is in the state that the action leads to.
        DeniedError: the delivery is not in a state that allows the action, or it was purged.
        BusyError: somebody else decided at the same time; look again.
    """
    person = Person.who_decides(by, reason, idempotency_key)
    node = node.with_logs(delivery.dataset)
    table = open_table(node, delivery.dataset)
    if (known := requested(table, delivery, idempotency_key)) is not None:
        return known
    net = table_net(table).get(str(delivery))
    if net is not None and net.verdict == _AFTER.get(action):
        raise already_so(
            table,
            delivery,
            f" is {net.verdict}",
            lambda lines: _verdict(lines) == net.verdict,
            given=action,
            allowed=_allowed(net.verdict),
        )
    verdict = check_can_decide(delivery, net.verdict if net else None, action)
    decision = Decision(_KINDS[action], verdict, person.reason, person.by, idempotency_key)
    if net is None:
        written = refuse_unjudged(node, delivery, decision)
    else:
        written = _redecided(node, delivery, net, decision, expected=table.transaction(str(delivery)))
    if written is None:
        raise BusyError(
            "somebody else decided at the same time", given=delivery.short, hint="shanhai delivery show"
        )
    return written


def _redecided(
    node: Node, delivery: DeliveryId, net: Net, decision: Decision, *, expected: int
) -> Entry | None:
    if decision.verdict == "accepted":
        require_unpurged(delivery, net.purged, "quarantine", "snapshot")
        # Rows enter by the contract as it is now, so the gate must have seen them under it.
        staging = stage(node, delivery, present_terms(node, delivery, net.waivers))
        check(node, delivery, net.waivers)
    else:
        staging = committed_staging(node, delivery, net)
    # A person may say that a window is empty, and not that what is no good row is one.
    said_to_be_empty = staging.rows_in == 0 and staging.unreadable is None
    if decision.verdict == "accepted" and staging.good == 0 and not said_to_be_empty:
        raise _without_good_rows(delivery, net.verdict)
    if decision.kind == "withdraw":
        return withdraw(node, delivery, decision, expected=expected)
    return commit_decision(node, delivery, staging, decision, expected=expected)


def _without_good_rows(delivery: DeliveryId, state: State) -> DeniedError:
    others = [known for before, known in TRANSITIONS if before == state and known != "approve"]
    return DeniedError(
        "the delivery has no good rows to load",
        given=f"{delivery.short}, {state}",
        allowed=others or "nothing, by this contract",
        hint="shanhai quarantine list; where the contract is wrong, change it first",
    )


def check_can_decide(delivery: DeliveryId, state: State | None, action: Action) -> State:
    """The state that `action` leads to.

    Args:
        state: None: it has no verdict yet.

    Raises:
        ConfigurationError: there is no such action.
        DeniedError: the state does not allow it.
    """
    if action not in _KINDS:
        raise ConfigurationError("unknown action", given=action, allowed=list(_KINDS))
    if state is None:
        if action != "refuse":
            raise DeniedError(
                "the delivery has no verdict yet",
                given=f"{action} {delivery.short}",
                allowed="refuse",
                hint="let it be checked and loaded first",
            )
        return "refused"
    after = TRANSITIONS.get((state, action))
    if after is None:
        raise DeniedError(
            f"a delivery that is {state} cannot be changed so",
            given=f"{action} {delivery.short}",
            allowed=_allowed(state) or "nothing",
        )
    return after


def _allowed(state: State) -> list[Action]:
    return [known for (before, known) in TRANSITIONS if before == state]


def _verdict(lines: Sequence[Entry]) -> State | None:
    """The verdict after entries of a delivery; a note leaves it as it is."""
    return next((line.verdict for line in reversed(lines) if line.kind not in NOTES), None)
