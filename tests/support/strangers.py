"""Somebody with keys of his own who sits where two nodes' files are carried by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shanhai.exchange.keyset_documents import read_keyset, sign_keyset
from shanhai.exchange.keysets import Keyset, NodeKey
from shanhai.exchange.pairings import Side
from shanhai.keyring.age import new_identity
from shanhai.keyring.holdings import Holdings
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots


@dataclass(frozen=True)
class Stranger:
    """His keys, which are in order by themselves."""

    keyset: Keyset
    envelope: bytes
    holdings: Holdings

    def side(self, name: str) -> Side:
        return Side(self.keyset.node, name, self.keyset.roots)


def stranger(now: datetime, *, name: str = "longyou", also: Iterable[NodeKey] = ()) -> Stranger:
    """Who calls himself so.

    Args:
        also: keys of others that he lists among his own.
    """
    roots, fresh = new_roots(Policy()), new_keys(Policy())
    bare = first_keyset(name, roots, fresh, Policy(), now)
    listed = sorted((*bare.keys, *also), key=lambda key: key.kid)
    envelope = sign_keyset(replace(bare, keys=tuple(listed)), roots.keys)
    keyset = read_keyset(envelope, roots=[key.public for key in roots.keys])
    held = Holdings(new_identity(), tuple(key for keys in fresh.values() for key in keys))
    return Stranger(keyset, envelope, held)
