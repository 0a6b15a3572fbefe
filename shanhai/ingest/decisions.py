"""Decisions: all that a person may decide about a delivery and its refused rows, called by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

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


@dataclass(frozen=True)
class Decided:
    """What a decision did: its entry, unless nothing was to be done, and whether rows moved."""

    entry: Entry | None
    moved: bool


def carry_out(
    node: Node, delivery: DeliveryId, decision: Decision, *, by: str, reason: str, rules: Collection[str] = ()
) -> Decided:
    """Carry out one decision, in one commit.

    Args:
        by: the name of the person.
        reason: why; both stand in the ledger for good.
        rules: of `release`, `revoke`, `discard` and `reopen`: which broken rules it is about.

    Raises:
        ConfigurationError: there is no such decision, or it is not about rules.
        ShanhaiError: as the function that is called so.
    """
    if rules and decision not in _OF_RULES:
        raise ConfigurationError(
            f"the decision {decision} is about a whole delivery", given=", ".join(rules), allowed="no rules"
        )
    match decision:
        case "approve" | "refuse" | "withdraw":
            return Decided(decide(node, delivery, decision, by=by, reason=reason), moved=True)
        case "replay":
            done = replay(node, delivery, by=by, reason=reason)
        case "release":
            done = release(node, delivery, rules, by=by, reason=reason)
        case "revoke":
            done = revoke(node, delivery, rules, by=by, reason=reason)
        case "discard":
            return Decided(discard(node, delivery, rules=rules, by=by, reason=reason), moved=False)
        case "reopen":
            return Decided(reopen(node, delivery, rules=rules, by=by, reason=reason), moved=False)
        case _:
            raise ConfigurationError("no such decision", given=decision, allowed=get_args(Decision))
    return Decided(done.entry, moved=done.changes)
