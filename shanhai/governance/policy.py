"""May this leave: one pure function over everything that a decision rests on. What no rule allows, stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shanhai.errors import DeniedError
from shanhai.governance.findings import RULES, Finding, Rule
from shanhai.governance.rules import CHECKS
from shanhai.governance.values import Case
from shanhai.governance.words import LANGUAGES, Language, change, sentence


@dataclass(frozen=True)
class Outcome:
    """What one rule says of a case; `finding` is None where it has nothing against it."""

    rule: Rule
    finding: Finding | None

    @property
    def allows(self) -> bool:
        return self.finding is None

    def words(self, language: Language) -> str:
        """One sentence: what holds, or what is wrong."""
        return sentence(self.rule, self.finding, language)

    def change(self, language: Language) -> str:
        """What would have to change for the rule to allow it; empty where it does."""
        return "" if self.finding is None else change(self.finding, language)


@dataclass(frozen=True)
class Decision:
    """The answer, with what every rule said, in the order of `RULES`."""

    outcomes: tuple[Outcome, ...]

    @property
    def allowed(self) -> bool:
        """Whether every rule of the list was asked and none has anything against it."""
        return tuple(one.rule for one in self.outcomes) == RULES and all(one.allows for one in self.outcomes)

    @property
    def rule(self) -> Rule | None:
        """The first rule that denies; None: allowed."""
        return next((one.rule for one in self.outcomes if not one.allows), None)

    @property
    def denials(self) -> tuple[Outcome, ...]:
        """Every outcome that denies."""
        return tuple(one for one in self.outcomes if not one.allows)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON in both languages, for a page, an event and `--format json`."""
        return {
            "allowed": self.allowed,
            "rule": self.rule,
            "outcomes": [
                {
                    "rule": one.rule,
                    "allows": one.allows,
                    "code": one.finding.code if one.finding else None,
                    "words": {language: one.words(language) for language in LANGUAGES},
                    "change": {language: one.change(language) for language in LANGUAGES},
                }
                for one in self.outcomes
            ],
        }


class ReleaseDeniedError(DeniedError):
    """Policy does not let a release happen. `decision` has every rule's outcome."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        denials = decision.denials
        super().__init__(
            "the release is denied: " + _once(one.words("en") for one in denials),
            given=", ".join(f"{one.rule}: {one.finding.code}" for one in denials if one.finding),
            hint=_once(_next_step(one) for one in denials),
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (ReleaseDeniedError, (self.decision,))


def _once(sentences: Iterable[str]) -> str:
    """Several rules may say the same, as each that needs a grant does where there is none."""
    return " ".join(dict.fromkeys(sentences))


def _next_step(denial: Outcome) -> str:
    ungranted = denial.finding is not None and denial.finding.code == "no-grant"
    return f"{denial.change('en')} To grant: shanhai grant add." if ungranted else denial.change("en")


def decide(case: Case) -> Decision:
    """Ask every rule. Total and pure: the same case always gives the same decision, and none raises."""
    return Decision(tuple(Outcome(rule, CHECKS[rule](case)) for rule in RULES))


def check_can_release(case: Case) -> Decision:
    """The decision, if it allows.

    Raises:
        ReleaseDeniedError: it denies.
    """
    decision = decide(case)
    if not decision.allowed:
        raise ReleaseDeniedError(decision)
    return decision
