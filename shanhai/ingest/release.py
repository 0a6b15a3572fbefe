"""Release: a person waives rules for rows of an accepted delivery, so that they enter; and takes it back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError, DeniedError, as_typed
from shanhai.ids import DeliveryId
from shanhai.ingest.already import AlreadySoError, already_so
from shanhai.ingest.approved import Person
from shanhai.ingest.books import Entry, entries
from shanhai.ingest.listed import Row, require_released
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.quarantine import groups
from shanhai.ingest.records import present_terms, read_staging
from shanhai.ingest.replay import Replayed, judge_again
from shanhai.ingest.waivers import (
    MOST_ROWS,
    Waiver,
    Waivers,
    canonical,
    is_unknown,
    waived_rows,
    why_not_waivable,
)


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
    is now, and what was waived earlier stays waived. The rules still count as broken. Of rows that are
    listed all are released, or none.

    Args:
        rules: what is waived, as the quarantine names reasons.
        rows: for which rows; by default for every row of the delivery.
        by: the name of the person.
        reason: why; both stand in the ledger for good.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.

    Raises:
        ConfigurationError: the name, the reason or the rules are missing, the contract has no such rule,
            there are too many rows, or one would stay where it is.
        AlreadySoError: all of that is waived.
        DeniedError: a rule cannot be waived, no row would be released, or as `replay`.
        BusyError: others kept deciding about the delivery meanwhile.
    """
    person = Person.who_decides(by, reason, idempotency_key)
    waiver, asked = _waiver(rules, rows, person), list[Waivers]()

    def more(waivers: Waivers) -> Waivers:
        _check_waivable(node, delivery, rules)
        asked.append((*waivers, waiver))
        return asked[-1]

    would = judge_again(node, delivery, more, person, dry_run=True)
    if rows is not None and asked:
        staging = read_staging(node, delivery, present_terms(node, delivery, asked[-1]))
        require_released(node, delivery, rows, staging)
    if not would.changes:
        if would.entry is None:
            raise _waived(node, delivery, waiver)
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
        ConfigurationError: the name or the reason is missing, or something of that was never waived.
        AlreadySoError: all of that was taken back.
        DeniedError: the rule was waived for every row and rows are listed, or as `replay`.
        BusyError: others kept deciding about the delivery meanwhile.
    """
    chosen, listed = frozenset(rules), None if rows is None else frozenset(rows)

    def fewer(waivers: Waivers) -> Waivers:
        left = tuple(_without(waivers, chosen, listed))
        _check_waived(node, delivery, waivers, chosen, listed)
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


def _check_waived(
    node: Node, delivery: DeliveryId, waivers: Waivers, rules: frozenset[str], rows: frozenset[Row] | None
) -> None:
    """Make sure that each rule and row that is named is waived, so that it can be taken back.

    Raises:
        AlreadySoError: all of it was waived once, and nothing of it is any more.
        ConfigurationError: some of it is not waived.
    """
    missing = _not_waived(waivers, rules, rows)
    if not missing:
        return
    table, given = open_table(node, delivery.dataset), f"revoke {', '.join(missing)}"
    lines = [line for _, line in entries(table) if line.delivery == str(delivery)]
    ever = [waiver for line in lines for waiver in line.waivers]
    if not _are_waived(waivers, rules, rows) and not _not_waived(ever, rules, rows):
        raise already_so(
            table,
            delivery,
            f": {', '.join(sorted(rules)) or 'every rule'} is taken back",
            lambda lines: not _are_waived(_waivers(lines), rules, rows),
            given=given,
            allowed="release",
        )
    raise ConfigurationError(
        "something of that is not waived for the delivery; nothing was changed",
        given=f"{delivery.short}: {given}",
        allowed=sorted(waived_rows(waivers)) or "nothing",
        hint=f"shanhai quarantine list --state released --dataset {delivery.dataset}",
    )


def _not_waived(waivers: Iterable[Waiver], rules: frozenset[str], rows: frozenset[Row] | None) -> list[str]:
    """What is named and not waived: rules, and rows for which none of the rules is."""
    known = waived_rows(waivers)
    missing = [as_typed(rule) for rule in sorted(rules) if rule not in known]
    of = [known[rule] for rule in rules or known if rule in known]
    if rows is not None and None not in of:
        covered = frozenset[Row]().union(*(some for some in of if some is not None))
        missing += [f"{as_typed(body)}:{position}" for body, position in sorted(rows - covered)]
    return missing if known or missing else ["every rule"]


def _are_waived(waivers: Waivers, rules: frozenset[str], rows: frozenset[Row] | None) -> bool:
    """Whether anything is waived of what is named."""
    named = {rule: of for rule, of in waived_rows(waivers).items() if not rules or rule in rules}
    return any(of is None or rows is None or of & rows for of in named.values())


def _waived(node: Node, delivery: DeliveryId, waiver: Waiver) -> AlreadySoError:
    return already_so(
        open_table(node, delivery.dataset),
        delivery,
        f": {', '.join(waiver.rules)} is released",
        lambda lines: canonical((*_waivers(lines), waiver)) == canonical(_waivers(lines)),
        given=f"release {', '.join(waiver.rules)}",
        allowed="revoke",
    )


def _waivers(lines: Sequence[Entry]) -> Waivers:
    """What is waived after entries of a delivery."""
    return next((line.waivers for line in reversed(lines) if line.staging), ())


def _check_waivable(node: Node, delivery: DeliveryId, rules: Collection[str]) -> None:
    contract = node.federation.contract(delivery.dataset)
    refused = {rule: why for rule in sorted(rules) if (why := why_not_waivable(contract, rule)) is not None}
    told = "; ".join(f"{as_typed(rule)}: {why}" for rule, why in refused.items())
    if any(is_unknown(contract, rule) for rule in refused):
        raise ConfigurationError(
            "there is no such rule to waive",
            given=told,
            allowed=_waivable(node, delivery, contract),
            hint=f"shanhai quarantine show {delivery.short}",
        )
    if refused:
        raise DeniedError(
            "a rule cannot be waived",
            given=told,
            allowed="rules about values that are there",
            hint="such a row needs another contract, or other data",
        )


def _waivable(node: Node, delivery: DeliveryId, contract: Contract) -> list[str] | str:
    """The rules that open rows of a delivery broke and that can be waived; else why there is none."""
    found = groups(node, delivery=delivery)
    broken = sorted({one.reason for one in found if one.state == "open"})
    if waivable := [rule for rule in broken if why_not_waivable(contract, rule) is None]:
        return waivable
    if broken:
        return f"nothing: its open rows broke {', '.join(broken)}, and none of that can be waived"
    if found:
        states = sorted({f"{one.reason} ({one.state})" for one in found})
        return f"nothing: no row of it is open any more: {', '.join(states)}"
    return "nothing: the delivery has no refused row"


def _waiver(rules: Collection[str], rows: Collection[Row] | None, person: Person) -> Waiver:
    if not rules:
        raise ConfigurationError("a release names rules", given="none", hint="shanhai quarantine show")
    if rows is not None and not 0 < len(rows) <= MOST_ROWS:
        raise ConfigurationError(
            "a release lists rows, or is of every row", given=len(rows), allowed=f"1 to {MOST_ROWS}"
        )
    listed = None if rows is None else tuple(sorted(set(rows)))
    return Waiver(rules=tuple(sorted(set(rules))), rows=listed, by=person.by, reason=person.reason)
