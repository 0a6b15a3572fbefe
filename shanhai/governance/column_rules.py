"""The rules about what of a table leaves: its columns, their masks, its rows."""

from __future__ import annotations

from shanhai.contracts.model import Column
from shanhai.exchange.grants import Grant
from shanhai.exchange.subjects import APPLICATION
from shanhai.governance.findings import Finding
from shanhai.governance.masks import mask_fault
from shanhai.governance.values import Case


def columns_rule(case: Case, grant: Grant) -> Finding | None:
    """Each column is known as it is, in the set, and named by a grant."""
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


def classification_rule(case: Case, grant: Grant) -> Finding | None:
    """What is core or personal is named, also under a mask."""
    named = {*(grant.columns or ()), *_named_by_others(case)}
    for column in case.request.shape.columns:
        if column.name in named:
            continue
        if column.classification == "core":
            return Finding("core-column-without-named-grant", {"given": column.name})
        if column.personal:
            return Finding("personal-column-without-named-grant", {"given": column.name})
    return None


def masks_rule(case: Case, grant: Grant) -> Finding | None:
    """Each column can have its mask, the grant's are applied, and the terms tell them."""
    shape, terms = case.request.shape, case.request.terms
    for column in shape.columns:
        action = shape.masks.get(column.name)
        fault = None if action is None else mask_fault(action, column, key=case.data.key)
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


def rows_rule(case: Case, grant: Grant) -> Finding | None:
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
