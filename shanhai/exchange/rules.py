"""The rules of a pairing: what both nodes agree on before anything crosses."""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.exchange.strict import Fields, Json
from shanhai.exchange.suites import HYBRID, SUITES

MINUTE, HOUR, DAY = 60, 3600, 86400

BOUNDS = {
    "head_interval": (MINUTE, 400 * DAY),
    "skew": (0, DAY),
    "retention": (DAY, 36_500 * DAY),
    "max_uncosigned": (HOUR, 400 * DAY),
}
"""Least and most seconds of each."""


@dataclass(frozen=True)
class Rules:
    """What a pairing allows; all times in seconds.

    Attributes:
        suites: in which messages may be sealed.
        head_interval: within which each side is heard of at least once.
        skew: by which a message may be issued later than the recipient's clock says.
        retention: for which evidence of messages is kept.
        max_uncosigned: how old the newest cosignature may be for releases to go on.
    """

    suites: tuple[str, ...] = (HYBRID,)
    head_interval: int = DAY
    skew: int = 5 * MINUTE
    retention: int = 3650 * DAY
    max_uncosigned: int = 3 * DAY

    def widened(self, new: Rules) -> tuple[str, ...]:
        """The names of the rules by which `new` allows more; such a change needs both signatures."""
        names = [name for name in BOUNDS if getattr(new, name) > getattr(self, name)]
        return tuple(names + (["suites"] if set(new.suites) - set(self.suites) else []))


def as_duration(seconds: int) -> str:
    """As people write it, in the largest unit that divides it: `30d`, `36h`, `5m`, `90s`."""
    units = {"d": DAY, "h": HOUR, "m": MINUTE}
    unit = next((one for one, size in units.items() if seconds and seconds % size == 0), None)
    return f"{seconds}s" if unit is None else f"{seconds // units[unit]}{unit}"


def write_rules(rules: Rules) -> dict[str, Json]:
    """The object that stands in offers and pairings."""
    return {"suites": list(rules.suites), **{name: getattr(rules, name) for name in BOUNDS}}


def read_rules(fields: Fields) -> Rules:
    """The rules of an offer or a pairing.

    Raises:
        Refused: the json codes.
    """
    inside = fields.inside("rules", " ".join(["suites", *BOUNDS]))
    seconds = {name: inside.integer(name, least=low, most=high) for name, (low, high) in BOUNDS.items()}
    return Rules(suites=inside.texts("suites", "|".join(SUITES), least=1, most=len(SUITES)), **seconds)
