"""Whether the rules of a pairing are such that anybody may offer them, and a node keep to them."""

from __future__ import annotations

from shanhai.errors import ConfigurationError
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.rules import BOUNDS, Rules, as_duration


def check_rules(rules: Rules) -> None:
    """Return if each rule is within its bounds.

    Raises:
        ConfigurationError: one is not.
    """
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(rules, name) <= most:
            raise ConfigurationError(
                f"the rule {name} of a pairing",
                given=as_duration(getattr(rules, name)),
                allowed=f"{as_duration(least)} to {as_duration(most)}",
            )


def check_suites(rules: Rules, keyset: Keyset) -> None:
    """Return if a node accepts a suite of the rules.

    Raises:
        ConfigurationError: none of them.
    """
    if not set(rules.suites) & set(keyset.suites):
        raise ConfigurationError(
            f"node {keyset.name} accepts no suite of the rules",
            given=", ".join(rules.suites),
            allowed=keyset.suites,
        )
