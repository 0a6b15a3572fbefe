"""Release: a person waives rules for rows of an accepted delivery, so that they enter; and takes it back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.approved import Person
from shanhai.ingest.node import Node
from shanhai.ingest.replay import Replayed, judge_again
from shanhai.ingest.waivers import MOST_ROWS, Waiver, Waivers, canonical, why_not_waivable

Row = tuple[str, int]
"""A row in quarantine: the name of its body, and its position."""


def release(
    node: Node,
    delivery: DeliveryId,
    rules: Collection[str],
    rows: Collection[Row] | None = None,
    *,
    by: str,
    reason: str,
    idempotency_key: str = "",
    dry_run: bool = False,
) -> Replayed:
    """Let rows of an accepted delivery enter although they break certain rules; `revoke` undoes it.

    A row enters when every rule that it breaks is waived for it. The delivery is judged by the contract as it
    is now, and what was waived earlier stays waived. The rules still count as broken. Done again, it changes
    nothing.

    Args:
        rules: what is waived, as the quarantine names reasons.
        rows: for which rows; by default for every row of the delivery.
        by: the name of the person.
        reason: why; both stand in the ledger for good.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.

    Raises:
        ConfigurationError: the name, the reason or the rules are missing, or there are too many rows.
        DeniedError: a rule cannot be waived, no row would be released, or as `replay`.
        BusyError: others kept deciding about the delivery meanwhile.
    """
    person = Person.who_decides(by, reason, idempotency_key)
    waiver = _waiver(rules, rows, person)

    def more(waivers: Waivers) -> Waivers:
        _check_waivable(node.federation.contract(delivery.dataset), rules)
        return (*waivers, waiver)

    would = judge_again(node, delivery, more, person, dry_run=True)
    if not would.changes:
        return would
    released = next((one for one in would.counts if one.name == "released"), None)
    if released is None or released.after < released.before:
        raise DeniedError(
            "no row would be released by that",
            given=f"{delivery.short}: {', '.join(sorted(rules))}",
            allowed="every rule that a row breaks, together",
            hint="shanhai quarantine show",
        )
    return would if dry_run else judge_again(node, delivery, more, person)


def revoke(
    node: Node,
    delivery: DeliveryId,
    rules: Collection[str] = (),
    rows: Collection[Row] | None = None,
    *,
    by: str,
    reason: str,
    idempotency_key: str = "",
    dry_run: bool = False,
) -> Replayed:
    """Take releases back: the rules are waived no longer, and the rows go where they were.

    Args:
        rules: by default every rule that is waived.
        rows: for which rows, of those that releases list; by default for all of them.
        idempotency_key: as of `release`.

    Raises:
        ConfigurationError: the name or the reason is missing.
        DeniedError: nothing of that is waived, or as `replay`.
        BusyError: others kept deciding about the delivery meanwhile.
    """
    chosen = frozenset(rules)

    def fewer(waivers: Waivers) -> Waivers:
        left = tuple(_without(waivers, chosen, None if rows is None else frozenset(rows)))
        if canonical(left) == canonical(waivers):
            raise DeniedError(
                "nothing of that is waived for the delivery",
                given=f"{delivery.short}: {', '.join(sorted(chosen)) or 'every rule'}",
                allowed=sorted({rule for waiver in waivers for rule in waiver.rules}) or "nothing",
            )
        return left

    person = Person.who_decides(by, reason, idempotency_key)
    return judge_again(node, delivery, fewer, person, dry_run=dry_run)


def _without(waivers: Waivers, rules: frozenset[str], rows: frozenset[Row] | None) -> Iterable[Waiver]:
    """What is left of each waiver: rules that are not named, and of the others rows that are not."""
    for waiver in waivers:
        stays = tuple(rule for rule in waiver.rules if rules and rule not in rules)
        taken = tuple(rule for rule in waiver.rules if rule not in stays)
        if stays:
            yield waiver.model_copy(update={"rules": stays})
        if rows is None or not taken:
            continue
        if waiver.rows is None:
            raise DeniedError(
                "the rule was waived for every row, and is taken back for every row only",
                given=", ".join(taken),
                hint="take it back, then release the rows that stay",
            )
        left = tuple(row for row in waiver.rows if row not in rows)
        if left:
            yield waiver.model_copy(update={"rules": taken, "rows": left})


def _check_waivable(contract: Contract, rules: Collection[str]) -> None:
    refused = {rule: why for rule in sorted(rules) if (why := why_not_waivable(contract, rule)) is not None}
    if refused:
        raise DeniedError(
            "a rule cannot be waived",
            given="; ".join(f"{rule}: {why}" for rule, why in refused.items()),
            allowed="rules about values that are there",
            hint="such a row needs another contract, or other data",
        )


def _waiver(rules: Collection[str], rows: Collection[Row] | None, person: Person) -> Waiver:
    if not rules:
        raise ConfigurationError("a release names rules", given="none", hint="shanhai quarantine show")
    if rows is not None and not 0 < len(rows) <= MOST_ROWS:
        raise ConfigurationError(
            "a release lists rows, or is of every row", given=len(rows), allowed=f"1 to {MOST_ROWS}"
        )
    listed = None if rows is None else tuple(sorted(set(rows)))
    return Waiver(rules=tuple(sorted(set(rules))), rows=listed, by=person.by, reason=person.reason)
