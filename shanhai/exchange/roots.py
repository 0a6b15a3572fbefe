"""The root keys of a node: the identity that they make, and how each document writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from shanhai.exchange.algorithms import SIGNING, VerifyKey
from shanhai.exchange.strict import Fields, Json, to_base64

MOST_ROOTS = 4


def node_id(roots: Iterable[VerifyKey]) -> str:
    """Hex SHA-256("shanhai/node/1\\n" ‖ root key ids, sorted, joined with newlines)."""
    kids = "\n".join(sorted(root.kid for root in roots))
    return hashlib.sha256(b"shanhai/node/1\n" + kids.encode()).hexdigest()


def read_roots(fields: Fields, name: str) -> tuple[VerifyKey, ...]:
    """Root keys as every document writes them: [{alg, pub}], distinct, in the order of their key ids."""
    roots = tuple(
        VerifyKey(one.one_of("alg", SIGNING), one.raw("pub", most=2048))
        for one in fields.each(name, "alg pub", least=1, most=MOST_ROOTS)
    )
    kids = [root.kid for root in roots]
    if kids != sorted(set(kids)):
        raise fields.wrong(name)
    return roots


def write_roots(roots: Iterable[VerifyKey]) -> list[Json]:
    """The form that `read_roots` reads."""
    return [
        {"alg": root.alg, "pub": to_base64(root.public)} for root in sorted(roots, key=lambda one: one.kid)
    ]
