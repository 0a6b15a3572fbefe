"""The gate: Great Expectations counts again what staging counted; a disagreement fails the delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shanhai.contracts.kinds import Dimension
from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError, GateDisagreementError
from shanhai.quality.checked import CHECKED
from shanhai.quality.great import count_unexpected
from shanhai.quality.rules import Rule, checked_violation, rules_for


@dataclass(frozen=True)
class CheckResult:
    """One rule over all well-formed rows of a delivery.

    `sql` gives `unexpected` again in plain DuckDB, over the table `checked`.
    """

    rule: str
    dimension: Dimension
    sql: str
    unexpected: int
    total: int

    @property
    def success(self) -> bool:
        """Whether no row breaks the rule."""
        return self.unexpected == 0


def run_gate(
    contract: Contract,
    database: Path,
    suite: Mapping[str, Any],
    staging_counts: Mapping[str, int],
    *,
    config: Mapping[str, Any] | None = None,
) -> list[CheckResult]:
    """Run a suite over `checked` and compare its counts with staging's.

    Args:
        database: the scratch file of the delivery, which nobody has open for writing.
        suite: the generated suite of the contract, as committed.
        staging_counts: by rule name, how many rows staging found to break it.
        config: DuckDB settings of the session, such as memory_limit and threads.

    Returns:
        One result per rule, in the contract's order.

    Raises:
        ConfigurationError: the suite has other rules than the contract.
        GateDisagreementError: the first rule that the two counted differently.
    """
    rules = rules_for(contract)
    _check_same_rules(contract, suite, rules)
    if not rules:
        return []
    total, found = count_unexpected(database, suite, config=config)
    for rule in rules:
        _check_agreement(contract, rule, found[rule.name], staging_counts.get(rule.name))
    return [
        CheckResult(
            rule=rule.name,
            dimension=rule.dimension,
            sql=f"SELECT count(*) FROM {CHECKED} WHERE {checked_violation(rule, contract)}",
            unexpected=found[rule.name],
            total=total,
        )
        for rule in rules
    ]


def _check_same_rules(contract: Contract, suite: Mapping[str, Any], rules: tuple[Rule, ...]) -> None:
    stated = [rule.name for rule in rules]
    suited = [expectation["meta"]["rule"] for expectation in suite["expectations"]]
    if stated != suited:
        raise ConfigurationError(
            f"the suite of {contract.dataset} is not the contract's",
            given=sorted(set(stated) ^ set(suited)) or "another order",
            allowed=stated,
            hint="run shanhai generate",
        )


def _check_agreement(contract: Contract, rule: Rule, gate: int, staging: int | None) -> None:
    if gate != staging:
        raise GateDisagreementError(
            f"{contract.dataset}: the gate and staging disagree on {rule.name}",
            given=f"gate {gate}, staging {staging}",
            allowed="equal counts",
            hint="one of the two renderers is wrong; until it is mended: shanhai delivery refuse",
        )
