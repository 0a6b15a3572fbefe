"""The tree is that of RFC 6962: the vectors of Certificate Transparency, and the definition itself."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from shanhai.audit.failures import EvidenceError
from shanhai.audit.proofs import check_consistency, check_inclusion
from shanhai.audit.tree import EMPTY_ROOT, Subtree, consistency, grown, inclusion, leaf_hash, node_hash, root

LEAVES = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243")]
LEAVES += [bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
FROM_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
SIZES = range(1, 22)


class Grown:
    """A tree that was appended to, one leaf after the other."""

    def __init__(self, data: list[bytes]) -> None:
        self.known: dict[tuple[int, int], bytes] = {}
        for size, one in enumerate(data):
            for subtree in grown(size, leaf_hash(one), self.read):
                self.keep(subtree)

    def keep(self, subtree: Subtree) -> None:
        assert (subtree.level, subtree.index) not in self.known
        self.known[subtree.level, subtree.index] = subtree.hash

    def read(self, level: int, index: int) -> bytes:
        return self.known[level, index]


def by_definition(data: list[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    split = max(2**power for power in range(len(data)) if 2**power < len(data))
    return hashlib.sha256(b"\x01" + by_definition(data[:split]) + by_definition(data[split:])).digest()


DATA = [number.to_bytes(2, "big") for number in range(max(SIZES) + 1)]
TREE = Grown(DATA)


def test_roots_are_those_of_certificate_transparency():
    tree = Grown(LEAVES)
    assert [root(size, tree.read).hex() for size in range(1, 9)] == ROOTS
    assert root(0, tree.read) == EMPTY_ROOT == by_definition([])


def test_proofs_are_those_of_certificate_transparency():
    tree = Grown(LEAVES)
    assert [one.hex() for one in consistency(6, 8, tree.read)] == FROM_6_TO_8
    assert [one.hex() for one in inclusion(5, 8, tree.read)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", SIZES)
def test_root_is_that_of_the_definition(size: int):
    assert root(size, TREE.read) == by_definition(DATA[:size])


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proven_and_no_other_in_its_place(size: int):
    whole = root(size, TREE.read)
    for leaf in range(size):
        path = inclusion(leaf, size, TREE.read)
        check_inclusion(leaf_hash(DATA[leaf]), leaf, size, path, whole)
        wrong = [
            (leaf_hash(b"another"), leaf, size, path, whole),
            (leaf_hash(DATA[leaf]), leaf, size, path, by_definition(DATA[: size + 1])),
            (leaf_hash(DATA[leaf]), leaf, size, (*path, whole), whole),
            (leaf_hash(DATA[leaf]), size, size, path, whole),
            *((leaf_hash(DATA[leaf]), other, size, path, whole) for other in range(size) if other != leaf),
            *((leaf_hash(DATA[leaf]), leaf, size, path[:end], whole) for end in range(len(path))),
        ]
        for case in wrong:
            with pytest.raises(EvidenceError, match="inclusion-proof-wrong"):
                check_inclusion(*case)


@pytest.mark.parametrize("new", [1, 2, 3, 6, 7, 8, 9, 16, 20, 21])
def test_every_smaller_tree_is_proven_and_none_that_differs(new: int):
    roots = [root(size, TREE.read) for size in range(new + 1)]
    for old in range(new + 1):
        path = consistency(old, new, TREE.read) if old else ()
        check_consistency(old, new, path, old_root=roots[old], new_root=roots[new])
        wrong = [
            (path, node_hash(roots[old], roots[old]), roots[new]),
            (path, roots[old], roots[new - 1]),
            ((*path, roots[new]), roots[old], roots[new]),
            *((path[:end], roots[old], roots[new]) for end in range(len(path))),
            *(((*path[:at], bytes(32), *path[at + 1 :]), roots[old], roots[new]) for at in range(len(path))),
        ]
        for proof, old_root, new_root in wrong:
            if old == 0 and not proof and new_root != roots[new] and old_root == roots[old]:
                continue
            with pytest.raises(EvidenceError, match="consistency-proof-wrong"):
                check_consistency(old, new, proof, old_root=old_root, new_root=new_root)


def test_a_proof_between_two_other_sizes_is_wrong():
    for old, new in itertools.combinations(range(1, 17), 2):
        path = consistency(old, new, TREE.read)
        for size in (old - 1, old + 1):
            if 0 < size < new:
                with pytest.raises(EvidenceError):
                    check_consistency(
                        size, new, path, old_root=root(size, TREE.read), new_root=root(new, TREE.read)
                    )


def test_what_a_tree_does_not_have_cannot_be_proven():
    for impossible in (lambda: inclusion(3, 3, TREE.read), lambda: consistency(4, 3, TREE.read)):
        with pytest.raises(ValueError, match="3"):
            impossible()
