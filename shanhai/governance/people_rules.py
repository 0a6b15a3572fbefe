"""The rules about people: who decides, and how few may be told apart by what leaves."""

from __future__ import annotations

import unicodedata

from shanhai.exchange.grants import Grant
from shanhai.governance.findings import Finding, PolicyCode
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Case

_LEAST_K = 2


def four_eyes_rule(case: Case) -> Finding | None:
    """Somebody releases it by name; a personal column somebody else approves."""
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


def k_anonymity_rule(case: Case, grant: Grant) -> Finding | None:
    """Nothing that was counted is fewer people than the grant's `k`, and all that is needed was counted."""
    counted, k = case.counted, _least_people(case, grant)
    if case.data.counts_people and (grant.k or 0) < _LEAST_K:
        return Finding("k-not-stated")
    if k < _LEAST_K:
        return None
    if counted is None or not _is_of(counted, case):
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


def _least_people(case: Case, grant: Grant) -> int:
    """The greatest `k` of all grants of the subject to this recipient, which has what left under each."""
    beside = (
        one.k
        for one in case.others
        if (one.grantee, one.subject) == (case.request.recipient, case.data.subject) and not one.revoked
    )
    return max(k or 0 for k in (grant.k, *beside))


def _is_of(counted: Counted, case: Case) -> bool:
    """Whether the numbers are of this release, and of it beside all that the recipient has."""
    own = case.request.measure
    # The same version in another shape, as under another filter, is another release: they may differ by one.
    return (
        counted.measure == own
        and case.sent - {own} <= counted.compared_with
        and case.read.union(case.request.terms.columns) <= counted.columns
    )
