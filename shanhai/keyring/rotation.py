"""Which keys a keyset names: the first version, and the next one with an overlap (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from shanhai.errors import ConfigurationError
from shanhai.exchange.algorithms import ED25519, SIGNING, SigningKey
from shanhai.exchange.keysets import HPKE, LOG, SIGN, Keyset, NodeKey, node_id
from shanhai.exchange.suites import SUITES, OpenKey
from shanhai.keyring.holdings import Holdings, PrivateKey, Roots

VALID = timedelta(days=365)
OVERLAP = timedelta(days=30)


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
) -> Keyset:
    """The next version: new keys beside the old ones, which end after the overlap.

    Args:
        keys: the new ones.
        compromised: since when a key is not to be believed, by its id.

    Raises:
        ConfigurationError: a compromised key is not in the keyset, or is said to be so later than now.
    """
    unknown = set(compromised) - {one.kid for one in keyset.keys}
    if unknown:
        raise ConfigurationError(
            "no such key in the keyset",
            given=", ".join(sorted(unknown)),
            allowed=[one.kid for one in keyset.keys],
        )
    if any(since > now for since in compromised.values()):
        raise ConfigurationError(
            "a key is compromised in the future",
            given=max(compromised.values()),
            allowed=f"a moment until now, {now}",
        )
    # A compromised key stays listed: what it signed before that moment still counts.
    old = [
        one if one.kid in compromised else replace(one, not_after=min(one.not_after, now + overlap))
        for one in keyset.keys
        if one.not_after > now
    ]
    return replace(
        keyset,
        version=keyset.version + 1,
        keys=(*old, *_entries(keys, now, policy.valid)),
        require=policy.require,
        suites=policy.suites,
        compromised={**keyset.compromised, **compromised},
        digest="",
    )


def needed(holdings: Holdings, keysets: Collection[Keyset]) -> Holdings:
    """The private keys without those that signed for a version before the newest only.

    Keys that open are kept, since something sealed to them may still be under way: whoever knows that nothing
    is, deletes them (`Holdings.without`).

    Args:
        keysets: all versions, the newest last.
    """
    newest = {one.kid for one in tuple(keysets)[-1].keys}
    listed = {one.kid for keyset in keysets for one in keyset.keys}
    kept = (key for key in holdings.keys if key.kid in (listed if isinstance(key, OpenKey) else newest))
    return replace(holdings, keys=tuple(kept))


def policy_of(keyset: Keyset, valid: timedelta = VALID) -> Policy:
    """The policy that a keyset was made by."""
    return Policy(keyset.require, keyset.suites, valid)


def _entries(
    keys: Mapping[str, Collection[PrivateKey]], now: datetime, valid: timedelta
) -> tuple[NodeKey, ...]:
    start = now.replace(microsecond=0)
    return tuple(NodeKey(key.public, use, start, start + valid) for use in keys for key in keys[use])
