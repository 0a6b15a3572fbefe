"""The Merkle tree of RFC 6962, section 2.1: hashes, roots and proofs from the hashes of complete subtrees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

Subtrees = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree (level, index): of the 2**level leaves from index * 2**level on."""


@dataclass(frozen=True)
class Subtree:
    """A complete subtree, whose hash never changes again."""

    level: int
    index: int
    hash: bytes


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(size: int, leaf: bytes, subtrees: Subtrees) -> tuple[Subtree, ...]:
    """What a tree of `size` leaves gains with one more: the leaf, then every subtree that it completes.

    Args:
        leaf: the hash of the new leaf, whose index is `size`.
        subtrees: reads the hashes of the tree as it is.
    """
    gained = [Subtree(0, size, leaf)]
    while gained[-1].index % 2:
        last = gained[-1]
        joined = node_hash(subtrees(last.level, last.index - 1), last.hash)
        gained.append(Subtree(last.level + 1, last.index // 2, joined))
    return tuple(gained)


def root(size: int, subtrees: Subtrees) -> bytes:
    """The Merkle tree hash of the first `size` leaves."""
    return _of(0, size, subtrees) if size else EMPTY_ROOT


def inclusion(leaf: int, size: int, subtrees: Subtrees) -> tuple[bytes, ...]:
    """The audit path of a leaf in the tree of `size` leaves, from its sibling up (section 2.1.1).

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= leaf < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {leaf}")
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _left(end - start)
        if leaf < middle:
            path.append(_of(middle, end, subtrees))
            end = middle
        else:
            path.append(_of(start, middle, subtrees))
            start = middle
    return tuple(reversed(path))


def consistency(old: int, new: int, subtrees: Subtrees) -> tuple[bytes, ...]:
    """The proof that the tree of `new` leaves begins with the one of `old` (section 2.1.2).

    Raises:
        ValueError: `old` is not between 1 and `new`.
    """
    if not 1 <= old <= new:
        raise ValueError(f"no proof leads from {old} leaves to {new}")
    start, end, path = 0, new, list[bytes]()
    while old != end:
        middle = start + _left(end - start)
        if old <= middle:
            path.append(_of(middle, end, subtrees))
            end = middle
        else:
            path.append(_of(start, middle, subtrees))
            start = middle
    # The verifier holds the old root: it is left out where it is itself a subtree of the new tree.
    return tuple(reversed(path if start == 0 else [*path, _of(start, end, subtrees)]))


def _left(width: int) -> int:
    """The largest power of two below `width`: how many leaves go to the left."""
    return 1 << ((width - 1).bit_length() - 1)


def _of(start: int, end: int, subtrees: Subtrees) -> bytes:
    """The hash of the leaves [start, end); a power of two not below the width divides `start`."""
    width = end - start
    if width & (width - 1) == 0:
        return subtrees(width.bit_length() - 1, start // width)
    middle = start + _left(width)
    return node_hash(_of(start, middle, subtrees), _of(middle, end, subtrees))
