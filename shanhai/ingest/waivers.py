"""Waivers: rules that a person let rows of a delivery break, with a name and a reason."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from shanhai.contracts.model import Contract
from shanhai.quality.rules import rules_for

_MALFORMED = "malformed."

MOST_ROWS = 1_000
"""Rows that one waiver may list: they stand in the metadata of a commit."""


class Waiver(BaseModel):
    """Rules that are waived, for all rows of a delivery or for some.

    A row is good when each rule that it breaks is waived for it. `rows` are (body, position) as the
    quarantine has them; None means every row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, int], ...] | None = Field(default=None, min_length=1, max_length=MOST_ROWS)
    by: str
    reason: str


Waivers = tuple[Waiver, ...]


def waived_rows(waivers: Iterable[Waiver]) -> dict[str, frozenset[tuple[str, int]] | None]:
    """What waivers mean together: for each rule the rows for which it is waived, None for all of them."""
    found: dict[str, frozenset[tuple[str, int]] | None] = {}
    for waiver in waivers:
        for rule in waiver.rules:
            before = found.get(rule, frozenset())
            found[rule] = None if waiver.rows is None or before is None else before | set(waiver.rows)
    return dict(sorted(found.items()))


def canonical(waivers: Iterable[Waiver]) -> str:
    """One text for all waivers that mean the same: who gave them, and in what order, does not matter."""
    meant = {
        rule: None if rows is None else sorted(map(list, rows)) for rule, rows in waived_rows(waivers).items()
    }
    return json.dumps(meant, ensure_ascii=False, separators=(",", ":"))


def _alike(contract: Contract, rule: str) -> str:
    """The rules that a person may have meant, or else where all of them stand."""
    names = [known.name for known in rules_for(contract)]
    meant = [name for name in names if name.endswith(f".{rule.rpartition('.')[2]}")]
    near = difflib.get_close_matches(rule, names) or meant
    return f"rules such as {', '.join(near)}" if near else "those of `shanhai quarantine list`"


def is_unknown(contract: Contract, rule: str) -> bool:
    """Whether a contract has no rule of that name. Records that cannot be read break rules of each."""
    return not rule.startswith(_MALFORMED) and all(known.name != rule for known in rules_for(contract))


def why_not_waivable(contract: Contract, rule: str) -> str | None:
    """Why a rule cannot be waived under a contract; None when it can."""
    if rule.startswith(_MALFORMED):
        return "a record that cannot be read has no values to keep"
    found = next((known for known in rules_for(contract) if known.name == rule), None)
    if found is None:
        return f"the contract has no such rule; it has {_alike(contract, rule)}"
    if found.kind == "type":
        return "a text that is not of the type gives no value to keep"
    if found.kind == "required" and found.column in contract.key:
        return "a row without its key is a row of nothing"
    if found.kind == "required" and found.column == contract.versions.by:
        return "versions are told apart by it"
    return None
