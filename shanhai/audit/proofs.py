"""Proofs about a Merkle tree, checked from the hashes alone (RFC 9162, sections 2.1.3.2 and 2.1.4.2)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from shanhai.audit.failures import EvidenceError
from shanhai.audit.tree import EMPTY_ROOT, node_hash

HASH_BYTES = 32


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """See that a leaf is at its place in the tree.

    Args:
        leaf: the hash of the leaf.
        index: its place, from 0.
        size: how many leaves the tree has.
        path: the hashes beside the way up, 32 bytes each, the leaf's sibling first.
        root: the root of the tree.

    Raises:
        EvidenceError: `inclusion-proof-wrong`.
    """
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in path):
        raise EvidenceError("inclusion-proof-wrong")
    place, last, found = index, size - 1, leaf
    for beside in path:
        if last == 0:
            raise EvidenceError("inclusion-proof-wrong")
        if place % 2 or place == last:
            found = node_hash(beside, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        place, last = place >> 1, last >> 1
    if last or not hmac.compare_digest(found, root):
        raise EvidenceError("inclusion-proof-wrong")


def check_consistency(old: int, new: int, path: Sequence[bytes], *, old_root: bytes, new_root: bytes) -> None:
    """See that a larger tree begins with a smaller one: nothing was changed, nothing left out.

    Raises:
        EvidenceError: `consistency-proof-wrong`.
    """
    if not 0 <= old <= new or any(len(one) != HASH_BYTES for one in path):
        raise EvidenceError("consistency-proof-wrong")
    if old in (0, new):
        expected = new_root if old else EMPTY_ROOT
        if path or not hmac.compare_digest(old_root, expected):
            raise EvidenceError("consistency-proof-wrong")
        return
    _climb(old, new, path if old & (old - 1) else [old_root, *path], old_root, new_root)


def _climb(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Rebuild both roots from the hashes that they share."""
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    if not path:
        raise EvidenceError("consistency-proof-wrong")
    smaller = larger = path[0]
    for beside in path[1:]:
        if last == 0:
            raise EvidenceError("consistency-proof-wrong")
        if place % 2 or place == last:
            smaller, larger = node_hash(beside, smaller), node_hash(beside, larger)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            larger = node_hash(larger, beside)
        place, last = place >> 1, last >> 1
    if last or not (hmac.compare_digest(smaller, old_root) and hmac.compare_digest(larger, new_root)):
        raise EvidenceError("consistency-proof-wrong")
