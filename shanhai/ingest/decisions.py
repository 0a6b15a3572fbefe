"""Decisions: all that a person may decide about a delivery and its refused rows, called by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypedDict, get_args

from shanhai.errors import ConfigurationError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.decide import decide
from shanhai.ingest.discard import discard, reopen
from shanhai.ingest.node import Node
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay

Decision = Literal["approve", "refuse", "withdraw", "replay", "release", "revoke", "discard", "reopen"]

_OF_RULES = ("release", "revoke", "discard", "reopen")


class _Asked(TypedDict):
    by: str
    reason: str
    idempotency_key: str


def carry_out(
    node: Node,
    delivery: DeliveryId,
    decision: Decision,
    *,
    by: str,
    reason: str,
    rules: Collection[str] = (),
    idempotency_key: str = "",
) -> Entry | None:
    """Carry out one decision, in one commit; returns its entry, None where nothing was to be done.

    Args:
        by: the name of the person.
        reason: why; both stand in the ledger for good.
        rules: of `release`, `revoke`, `discard` and `reopen`: which broken rules it is about.
        idempotency_key: names the request, if that may be made again. One that an entry of the delivery has
            was carried out, whatever came after: that entry is returned, and nothing is done.

    Raises:
        ConfigurationError: there is no such decision, or it is not about rules.
        ShanhaiError: as the function that is called so.
    """
    if rules and decision not in _OF_RULES:
        raise ConfigurationError(
            f"the decision {decision} is about a whole delivery", given=", ".join(rules), allowed="no rules"
        )
    asked = _Asked(by=by, reason=reason, idempotency_key=idempotency_key)
    match decision:
        case "approve" | "refuse" | "withdraw":
            return decide(node, delivery, decision, **asked)
        case "replay":
            return replay(node, delivery, **asked).entry
        case "release":
            return release(node, delivery, rules, **asked).entry
        case "revoke":
            return revoke(node, delivery, rules, **asked).entry
        case "discard":
            return discard(node, delivery, rules=rules, **asked)
        case "reopen":
            return reopen(node, delivery, rules=rules, **asked)
        case _:
            raise ConfigurationError("no such decision", given=decision, allowed=get_args(Decision))
