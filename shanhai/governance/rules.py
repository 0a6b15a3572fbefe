"""The rules of a release, one function each: what is wrong with a case, or None.

Every rule is total: any case gives an answer, whatever its parts, and none reads more than the case. Where
there is no grant, each rule that needs one denies.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from shanhai.contracts.model import Column
from shanhai.exchange.grants import ONWARD, Grant
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.subjects import APPLICATION
from shanhai.governance.masks import mask_fault
from shanhai.governance.refusals import ShapeCode
from shanhai.governance.values import Case

Rule = Literal[
    "grant",
    "pairing",
    "validity",
    "standing",
    "share-class",
    "purpose",
    "columns",
    "classification",
    "masks",
    "rows",
    "onward",
    "retention",
    "four-eyes",
    "k-anonymity",
]
"""In the order in which they are told; each is asked, whatever the ones before it say."""

PolicyCode = Literal[
    "no-grant",
    "grant-revoked",
    "grant-of-other-node",
    "grant-of-other-subject",
    "grant-of-other-revision",
    "pairing-not-active",
    "grant-not-yet-valid",
    "grant-expired",
    "data-held",
    "data-withdrawn",
    "not-shared",
    "share-class-differs",
    "purpose-differs",
    "columns-missing",
    "column-not-in-set",
    "column-not-granted",
    "row-order-leaks-withheld",
    "core-column-without-named-grant",
    "personal-column-without-named-grant",
    "mask-missing",
    "terms-untrue",
    "rows-beyond-grant",
    "row-filter-on-masked-column",
    "onward-without-consent",
    "retention-too-long",
    "retention-over",
    "releaser-missing",
    "approver-missing",
    "approver-is-releaser",
    "k-not-stated",
    "k-not-measured",
    "k-rows-not-subjects",
    "k-small-group",
    "k-complement",
    "k-difference-between-versions",
]
RULES: tuple[Rule, ...] = get_args(Rule)
POLICY_CODES: tuple[PolicyCode, ...] = get_args(PolicyCode)

_LEAST_K = 2


@dataclass(frozen=True)
class Finding:
    """What a rule has against a release; `values` fill the sentence: names, numbers, days, never cells."""

    code: PolicyCode | ShapeCode
    values: Mapping[str, str] = field(default_factory=dict)


def _grant(case: Case) -> Finding | None:
    grant, request = case.grant, case.request
    if grant is None:
        return Finding("no-grant")
    if grant.revoked:
        return Finding("grant-revoked")
    if grant.grantee != request.recipient:
        return Finding("grant-of-other-node")
    if not grant.subject == request.subject == case.data.subject:
        return Finding("grant-of-other-subject", {"given": request.subject.name})
    if (grant.id, grant.rev) != (request.terms.grant, request.terms.rev):
        return Finding(
            "grant-of-other-revision", {"given": str(request.terms.rev), "allowed": str(grant.rev)}
        )
    return None


def _pairing(case: Case) -> Finding | None:
    if case.pairing is not PairingState.ACTIVE:
        return Finding("pairing-not-active", {"given": str(case.pairing)})
    return None


def _validity(case: Case, grant: Grant) -> Finding | None:
    if case.now < grant.valid_from:
        return Finding("grant-not-yet-valid", {"allowed": f"{grant.valid_from:%Y-%m-%d}"})
    if case.now >= grant.until:
        return Finding("grant-expired", {"allowed": f"{grant.until:%Y-%m-%d}"})
    return None


def _standing(case: Case) -> Finding | None:
    match case.data.state:
        case "stands":
            return None
        case "held":
            return Finding("data-held")
        case _:
            return Finding("data-withdrawn")


def _share_class(case: Case, grant: Grant) -> Finding | None:
    now = case.data.share_class
    if now not in ("unconditional", "conditional"):
        return Finding("not-shared")
    for given in (grant.share_class, case.request.terms.share_class):
        if given != now:
            return Finding("share-class-differs", {"given": given, "allowed": now})
    return None


def _purpose(case: Case, grant: Grant) -> Finding | None:
    given = case.request.terms.purpose
    received = case.data.received
    stated = [grant.purpose, *([] if received is None or received.purpose is None else [received.purpose])]
    for allowed in stated:
        if not given.strip() or given != allowed:
            return Finding("purpose-differs", {"given": given, "allowed": allowed})
    return None


def _columns(case: Case, grant: Grant) -> Finding | None:
    request = case.request
    known = {column.name: column for column in case.data.columns}
    if not request.terms.columns:
        return Finding("columns-missing")
    for column in request.shape.columns:
        # A column that the contract knows otherwise would be judged by what it was.
        if known.get(column.name) != column:
            return Finding("column-unknown", {"given": column.name})
    for name in request.terms.columns:
        if name not in request.shape.names:
            return Finding("column-not-in-set", {"given": name})
        if not _is_granted(name, case, grant):
            return Finding("column-not-granted", {"given": name})
    return _withheld(case, grant)


def _withheld(case: Case, grant: Grant) -> Finding | None:
    """What the recipient does not read leaves all the same, encrypted, and tells its ranks by the order."""
    request = case.request
    for name in request.shape.names:
        if not _is_granted(name, case, grant) and name not in _named_by_others(case):
            return Finding("column-not-granted", {"given": name})
    for name in request.shape.names if request.order is None else request.order:
        if name not in request.terms.columns:
            return Finding("row-order-leaks-withheld", {"given": name})
    return None


def _named_by_others(case: Case) -> frozenset[str]:
    """The columns that a grant of the same subject, to whomever, names now."""
    return frozenset(
        name
        for one in case.others
        if one.subject == case.data.subject and not one.revoked and one.valid_from <= case.now < one.until
        for name in one.columns or ()
    )


def _is_granted(name: str, case: Case, grant: Grant) -> bool:
    if grant.columns is None:
        return case.data.subject.kind == APPLICATION
    return name in grant.columns


def _classification(case: Case, grant: Grant) -> Finding | None:
    named = {*(grant.columns or ()), *_named_by_others(case)}
    for column in case.request.shape.columns:
        if column.name in named:
            continue
        if column.classification == "core":
            return Finding("core-column-without-named-grant", {"given": column.name})
        if column.personal:
            return Finding("personal-column-without-named-grant", {"given": column.name})
    return None


def _masks(case: Case, grant: Grant) -> Finding | None:
    shape, terms = case.request.shape, case.request.terms
    for column in shape.columns:
        action = shape.masks.get(column.name)
        fault = None if action is None else mask_fault(action, column)
        if fault is not None:
            return Finding(fault, {"given": f"{column.name}: {action}"})
        if column.name not in terms.columns:
            continue
        wanted = grant.masks.get(column.name)
        if wanted is not None and action != wanted:
            return Finding("mask-missing", {"given": column.name, "allowed": wanted})
        if terms.masks.get(column.name) != action:
            return Finding("terms-untrue", {"given": column.name})
    return None


def _rows(case: Case, grant: Grant) -> Finding | None:
    """The owner states which rows; what a mask hides, nobody else may choose rows by."""
    given, owners = case.request.shape.row_filter, grant.row_filter
    text = given.text if given else None
    if text != owners:
        for column in case.data.columns:
            if given is not None and column.name in given.columns and _is_hidden(column, case):
                return Finding("row-filter-on-masked-column", {"given": column.name})
        return Finding("rows-beyond-grant")
    return None if case.request.terms.row_filter == owners else Finding("terms-untrue", {"given": "rows"})


def _is_hidden(column: Column, case: Case) -> bool:
    guarded = column.personal or column.classification != "general"
    masked = column.name in case.request.shape.masks
    return masked or (guarded and column.name not in case.request.terms.columns)


def _onward(case: Case, grant: Grant) -> Finding | None:
    given, received = case.request.terms.onward, case.data.received
    consented = ONWARD[: ONWARD.index(grant.onward) + 1] if grant.onward in ONWARD else ()
    if given not in consented:
        return Finding("onward-without-consent", {"given": given, "allowed": grant.onward})
    if received is not None and not received.stands:
        return Finding("onward-without-consent", {"given": given, "allowed": ONWARD[0]})
    if received is None or received.onward == "open":
        return None
    if received.onward == "named" and case.request.recipient in received.named and given == "none":
        return None
    return Finding("onward-without-consent", {"given": given, "allowed": received.onward})


def _retention(case: Case, grant: Grant) -> Finding | None:
    until, received = case.request.terms.retain_until, case.data.received
    if until <= case.now:
        return Finding("retention-over", {"given": f"{until:%Y-%m-%d}"})
    days = [timedelta(days=min(max(grant.retention_days, 0), timedelta.max.days))]
    if received is not None and received.retain_until is not None:
        days.append(received.retain_until - case.now)
    if until - case.now > min(days):
        allowed = max(min(days), timedelta()).days
        return Finding("retention-too-long", {"given": f"{until:%Y-%m-%d}", "allowed": str(allowed)})
    return None


def _four_eyes(case: Case) -> Finding | None:
    releaser, approver = _name(case.request.releaser), _name(case.request.approver or "")
    if not releaser:
        return Finding("releaser-missing")
    personal = next((column.name for column in case.request.shape.columns if column.personal), None)
    if personal is None:
        return None
    if not approver:
        return Finding("approver-missing", {"given": personal})
    if approver == releaser:
        return Finding("approver-is-releaser", {"given": personal})
    return None


def _name(text: str) -> str:
    """A person's name without case, width and blanks: `Wang  Li` is `ｗａｎｇ ｌｉ`."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _k_anonymity(case: Case, grant: Grant) -> Finding | None:
    k, counted = grant.k, case.counted
    if k is None or k < _LEAST_K:
        return Finding("k-not-stated") if case.data.counts_people else None
    own = case.request.measure
    # The same version in another shape, as under another filter, is another release: they may differ by one.
    if counted is None or counted.measure != own or not case.sent - {own} <= counted.compared_with:
        return Finding("k-not-measured", {"allowed": str(k)})
    smallest = counted.smallest_group
    if smallest is not None and smallest < k:
        enough_rows = counted.smallest_rows is not None and counted.smallest_rows >= k
        small: PolicyCode = "k-rows-not-subjects" if enough_rows else "k-small-group"
        return Finding(small, {"given": str(smallest), "allowed": str(k)})
    found: tuple[tuple[PolicyCode, int | None], ...] = (
        ("k-complement", counted.smallest_complement),
        ("k-difference-between-versions", counted.smallest_difference),
    )
    for code, count in found:
        if count is not None and 0 < count < k:
            return Finding(code, {"given": str(count), "allowed": str(k)})
    return None


def _with_grant(check: Callable[[Case, Grant], Finding | None]) -> Callable[[Case], Finding | None]:
    return lambda case: Finding("no-grant") if case.grant is None else check(case, case.grant)


CHECKS: Mapping[Rule, Callable[[Case], Finding | None]] = {
    "grant": _grant,
    "pairing": _pairing,
    "validity": _with_grant(_validity),
    "standing": _standing,
    "share-class": _with_grant(_share_class),
    "purpose": _with_grant(_purpose),
    "columns": _with_grant(_columns),
    "classification": _with_grant(_classification),
    "masks": _with_grant(_masks),
    "rows": _with_grant(_rows),
    "onward": _with_grant(_onward),
    "retention": _with_grant(_retention),
    "four-eyes": _four_eyes,
    "k-anonymity": _with_grant(_k_anonymity),
}
