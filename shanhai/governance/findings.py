"""What the rules of a release are called, and what each may find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from shanhai.governance.refusals import ShapeCode

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


@dataclass(frozen=True)
class Finding:
    """What a rule has against a release; `values` fill the sentence: names, numbers, days, never cells."""

    code: PolicyCode | ShapeCode
    values: Mapping[str, str] = field(default_factory=dict)
