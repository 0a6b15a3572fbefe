"""Which of a node's keys that open may still be needed: who may yet seal to one, and what waits (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shanhai.exchange.keysets import HPKE, Keyset

SLACK = timedelta(days=1)
"""So much later than a keyset a message must be issued to tell that its sender seals by it from then on.

Whoever began something before it knew the keyset may sign later, by the moment at which it began, and a clock
that ran ahead may be set back: by no more than the greatest skew of a pairing."""


@dataclass(frozen=True)
class Sealer:
    """A partner that may seal to keys of this node.

    Attributes:
        name: what the node calls it.
        knows: the version of the node's keyset, at least, by which it seals whatever is not settled yet: its
            messages are numbered, so that all before one that is settled are; 0: nothing tells.
        suites: in which the pairing seals.
        unsettled: the keys to which those messages of it are sealed that are kept and not settled: they were
            cut off while they were opened, or wait for another one.
        forked: whether its numbers tell nothing now: two messages contradict each other and no person has
            decided, or it numbers anew and no person has confirmed it.
    """

    name: str
    knows: int
    suites: tuple[str, ...]
    unsettled: frozenset[str] = frozenset()
    forked: bool = False


def first_listed(keysets: Sequence[Keyset]) -> Mapping[str, int]:
    """The version that lists a key first, by key id.

    Args:
        keysets: versions of one node, the oldest first.
    """
    first: dict[str, int] = {}
    for keyset in keysets:
        for one in keyset.keys:
            first.setdefault(one.kid, keyset.version)
    return first


def sealed_by(kid: str, issued: datetime, keysets: Sequence[Keyset]) -> int:
    """The version that a sender knew when it sealed a message, and that is older by `SLACK`; 0: none is.

    Args:
        kid: the key that it sealed to.
        issued: the moment of the message.
        keysets: all versions of the recipient, the oldest first.
    """
    known = first_listed(keysets).get(kid, 0)
    told = (one.version for one in keysets if one.version <= known and _start(one) + SLACK <= issued)
    return max(told, default=0)


def still_needed(
    keysets: Sequence[Keyset], sealers: Collection[Sealer], now: datetime
) -> dict[str, tuple[str, ...]]:
    """For whom each old key that opens is still needed, by key id: names; none: for nobody.

    Old is one that the newest version offers to nobody any more: it is over, compromised or not listed. If in
    doubt a key is needed; where versions are lacking, none is known to be old.

    Args:
        keysets: all versions of the node that holds the keys, the oldest first.
        sealers: all partners of whom something may yet be received.
    """
    if [one.version for one in keysets] != list(range(1, len(keysets) + 1)):
        return {}
    newest = keysets[-1]
    offered = {
        one.kid for one in newest.of_use(HPKE) if now < one.not_after and one.kid not in newest.compromised
    }
    kids = dict.fromkeys(one.kid for keyset in keysets for one in keyset.of_use(HPKE))
    return {
        kid: tuple(dict.fromkeys(one.name for one in sealers if _needs(one, kid, keysets)))
        for kid in kids
        if kid not in offered
    }


def _needs(sealer: Sealer, kid: str, keysets: Sequence[Keyset]) -> bool:
    if sealer.forked or kid in sealer.unsettled:
        return True
    since = max((_start(one) for one in keysets if one.version <= sealer.knows), default=None)
    coming = (one for one in keysets if one.version >= sealer.knows)
    return any(_may_seal(keyset, kid, sealer.suites, since) for keyset in coming)


def _may_seal(keyset: Keyset, kid: str, suites: Sequence[str], since: datetime | None) -> bool:
    """Whether who knows that version seals to the key at any moment from then on; None: ever.

    Each suite is asked for itself: that a sender takes the strongest is a promise of its own.
    """
    edges = {edge for one in keyset.of_use(HPKE) for edge in (one.not_before, one.not_after)}
    moments = edges if since is None else {since, *(edge for edge in edges if edge > since)}
    found = (keyset.seals_to((suite,), moment) for suite in suites for moment in moments)
    return any(one is not None and one[1].kid == kid for one in found)


def _start(keyset: Keyset) -> datetime:
    """From when on the newest keys of a version are valid."""
    return max(one.not_before for one in keyset.keys)
