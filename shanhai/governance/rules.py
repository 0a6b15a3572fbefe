"""The rules of a release, one function each: what is wrong with a case, or None.

Every rule is total: any case gives an answer, whatever its parts, and none reads more than the case. Where
there is no grant, each rule that needs one denies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from shanhai.exchange.grants import ONWARD, Grant
from shanhai.exchange.pairing_states import PairingState
from shanhai.governance.column_rules import classification_rule, columns_rule, masks_rule, rows_rule
from shanhai.governance.findings import Finding, Rule
from shanhai.governance.people_rules import four_eyes_rule, k_anonymity_rule
from shanhai.governance.values import Case


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


def _with_grant(check: Callable[[Case, Grant], Finding | None]) -> Callable[[Case], Finding | None]:
    return lambda case: Finding("no-grant") if case.grant is None else check(case, case.grant)


CHECKS: Mapping[Rule, Callable[[Case], Finding | None]] = {
    "grant": _grant,
    "pairing": _pairing,
    "validity": _with_grant(_validity),
    "standing": _standing,
    "share-class": _with_grant(_share_class),
    "purpose": _with_grant(_purpose),
    "columns": _with_grant(columns_rule),
    "classification": _with_grant(classification_rule),
    "masks": _with_grant(masks_rule),
    "rows": _with_grant(rows_rule),
    "onward": _with_grant(_onward),
    "retention": _with_grant(_retention),
    "four-eyes": four_eyes_rule,
    "k-anonymity": _with_grant(k_anonymity_rule),
}
