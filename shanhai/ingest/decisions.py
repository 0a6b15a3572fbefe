"""Decisions: all that a person may decide about a delivery and its refused rows, called by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from shanhai.errors import ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry, entries
from shanhai.ingest.decide import decide
from shanhai.ingest.discard import discard, reopen
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay

Decision = Literal["approve", "refuse", "withdraw", "replay", "release", "revoke", "discard", "reopen"]

_OF_RULES = ("release", "revoke", "discard", "reopen")
_NOTES = ("discard", "reopen")
_KINDS = {"release": "replay", "revoke": "replay"}


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


def carry_out_again(
    node: Node, delivery: DeliveryId, decision: Decision, *, by: str, reason: str, rules: Collection[str] = ()
) -> Decided:
    """Carry out a decision that was tried before: whoever did it was killed, perhaps after the commit.

    Where the last thing that a person said of the delivery is this, by the same name for the same reason, it
    stands, and is found done rather than denied because it was done.

    Raises:
        ShanhaiError: as `carry_out`.
    """
    try:
        done = carry_out(node, delivery, decision, by=by, reason=reason, rules=rules)
    except DeniedError:
        standing = _standing(node, delivery, decision, by, reason, rules)
        if standing is None:
            raise
        return Decided(standing, moved=decision not in _NOTES)
    if done.entry is not None:
        return done
    standing = _standing(node, delivery, decision, by, reason, rules)
    return Decided(standing, moved=standing is not None)


def _standing(
    node: Node, delivery: DeliveryId, decision: Decision, by: str, reason: str, rules: Collection[str]
) -> Entry | None:
    """The entry by which a decision stands; None where it does not."""
    lines = (line for _, line in entries(open_table(node, delivery.dataset)))
    said = [line for line in lines if line.delivery == str(delivery) and line.decided_by]
    if not said:
        return None
    last = said[-1]
    meant = (_KINDS.get(decision, decision), by.strip(), reason.strip())
    noted = decision not in _NOTES or set(rules) <= set(last.scope)
    return last if (last.kind, last.decided_by, last.reason) == meant and noted else None
