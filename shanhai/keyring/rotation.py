"""Which keys a keyset names: the first version, and the next one with an overlap (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from shanhai.errors import ConfigurationError
from shanhai.exchange.algorithms import ED25519, SIGNING, SigningKey
from shanhai.exchange.keysets import HPKE, LOG, MOST_KEYS, SIGN, Keyset, NodeKey
from shanhai.exchange.roots import node_id
from shanhai.exchange.suites import SUITES, OpenKey
from shanhai.keyring.holdings import Holdings, PrivateKey, Roots

VALID = timedelta(days=365)
OVERLAP = timedelta(days=30)
LEAST_OVERLAP = timedelta(days=1)
"""What is under way for longer is refused, since its keys are over when it comes."""

LISTED = timedelta(days=3650)
"""How long a key that is over stays listed at least, where room for new ones is wanted."""


@dataclass(frozen=True)
class Policy:
    """What the keys of a node have to be.

    Args:
        require: algorithms that must all sign what the node says.
        suites: in which it accepts messages.
        valid: how long new keys last.
    """

    require: tuple[str, ...] = SIGNING
    suites: tuple[str, ...] = tuple(SUITES)
    valid: timedelta = VALID


def new_roots(policy: Policy) -> Roots:
    """Root keys of every algorithm that the policy requires."""
    return Roots(tuple(SigningKey.generate(alg) for alg in policy.require))


def new_keys(policy: Policy) -> dict[str, list[PrivateKey]]:
    """Fresh private keys, by their use."""
    return {
        SIGN: [SigningKey.generate(alg) for alg in policy.require],
        HPKE: [OpenKey.generate(SUITES[suite]) for suite in policy.suites],
        LOG: [SigningKey.generate(ED25519)],
    }


def first_keyset(
    name: str, roots: Roots, keys: Mapping[str, Collection[PrivateKey]], policy: Policy, now: datetime
) -> Keyset:
    """Version 1 of a new node's keyset, unsigned."""
    publics = tuple(sorted((key.public for key in roots.keys), key=lambda one: one.kid))
    return Keyset(
        node=node_id(publics),
        name=name,
        version=1,
        generation=0,
        roots=publics,
        keys=_entries(keys, now, policy.valid),
        require=policy.require,
        suites=policy.suites,
    )


def next_keyset(
    keyset: Keyset,
    keys: Mapping[str, Collection[PrivateKey]],
    policy: Policy,
    now: datetime,
    *,
    overlap: timedelta = OVERLAP,
    compromised: Mapping[str, datetime] = MappingProxyType({}),
    older: Collection[Keyset] = (),
) -> Keyset:
    """The next version: new keys beside the old ones, which end after the overlap.

    Keys that are over stay listed: something that they signed or that was sealed to them may be under way,
    and sets that they signed are given to others later. A compromised key ends now, whatever its use: what it
    signed before that moment still counts, and nobody seals to it any more.

    Args:
        keys: the new ones.
        overlap: how long the old ones are still valid.
        compromised: since when a key is not to be believed, by its id; an earlier moment stands.
        older: versions before, whose keys may be compromised as well.

    Raises:
        ConfigurationError: a compromised key is in no version, or is said to be so later than now; the
            overlap is too short; there is no room for more keys.
    """
    if overlap < LEAST_OVERLAP:
        raise ConfigurationError(
            "an overlap that refuses what is under way", given=overlap, allowed=f"at least {LEAST_OVERLAP}"
        )
    listed = {one.kid for version in (*older, keyset) for one in version.keys}
    if unknown := set(compromised) - listed:
        raise ConfigurationError(
            "no such key in any keyset of this node", given=", ".join(sorted(unknown)), allowed=sorted(listed)
        )
    if any(since > now for since in compromised.values()):
        raise ConfigurationError(
            "a key is compromised in the future",
            given=max(compromised.values()),
            allowed=f"a moment until now, {now}",
        )
    since = {**compromised, **keyset.compromised}
    for kid, moment in compromised.items():
        since[kid] = min(moment, since[kid])
    ends = {one.kid: now if one.kid in since else now + overlap for one in keyset.keys}
    old = (replace(one, not_after=min(one.not_after, _after(one, ends[one.kid]))) for one in keyset.keys)
    return replace(
        keyset,
        version=keyset.version + 1,
        keys=_with_room((*old, *_entries(keys, now, policy.valid)), now),
        require=policy.require,
        suites=policy.suites,
        compromised=since,
        digest="",
    )


def needed(
    holdings: Holdings, keysets: Collection[Keyset], now: datetime, *, unneeded: Collection[str] = ()
) -> Holdings:
    """The private keys without those that sign no more: over, compromised, or not in the newest version.

    Keys that open are kept, since something sealed to them may still be under way, but for those of which it
    is known that nothing is.

    Args:
        keysets: all versions, the newest last.
        unneeded: ids of keys that nothing is sealed to which could yet be received.
    """
    keyset = tuple(keysets)[-1]
    newest = {one.kid for one in keyset.keys if now < one.not_after and one.kid not in keyset.compromised}
    listed = {one.kid for keyset in keysets for one in keyset.keys}
    kept = (key for key in holdings.keys if key.kid in (listed if isinstance(key, OpenKey) else newest))
    return replace(holdings, keys=tuple(kept)).without(unneeded)


def policy_of(keyset: Keyset, valid: timedelta = VALID) -> Policy:
    """The policy that a keyset was made by."""
    return Policy(keyset.require, keyset.suites, valid)


def _after(one: NodeKey, moment: datetime) -> datetime:
    """That moment, or the first one at which the key may end."""
    return max(moment, one.not_before + timedelta(seconds=1))


def _with_room(keys: tuple[NodeKey, ...], now: datetime) -> tuple[NodeKey, ...]:
    """As many keys as a keyset may have: without those that are over for the longest.

    Raises:
        ConfigurationError: too few are over for long enough.
    """
    over = sorted((one for one in keys if one.not_after <= now - LISTED), key=lambda one: one.not_after)
    dropped = {one.kid for one in over[: max(0, len(keys) - MOST_KEYS)]}
    kept = tuple(one for one in keys if one.kid not in dropped)
    if len(kept) > MOST_KEYS:
        raise ConfigurationError(
            "a keyset has no room for more keys",
            given=f"{len(keys)} keys",
            allowed=f"{MOST_KEYS}, of which those are dropped that are over for {LISTED.days:,} days",
            hint="pair anew with new root keys",
        )
    return kept


def _entries(
    keys: Mapping[str, Collection[PrivateKey]], now: datetime, valid: timedelta
) -> tuple[NodeKey, ...]:
    start = now.replace(microsecond=0)
    return tuple(NodeKey(key.public, use, start, start + valid) for use in keys for key in keys[use])
