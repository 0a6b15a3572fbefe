"""What a keyset must be, by itself and beside others, before anything is verified by it."""

from __future__ import annotations

from shanhai.exchange.failures import Refused
from shanhai.exchange.keysets import HPKE, SIGN, Keyset
from shanhai.exchange.suites import HYBRID, SUITES, X25519, SealKey


def check_usable(keyset: Keyset) -> None:
    """Return if each key stands once and for one thing, and each stated algorithm and suite has its key.

    Raises:
        Refused: keyset-unusable, hpke-x25519-key-used-in-hybrid.
    """
    kids = [key.kid for key in keyset.keys]
    publics = _publics(keyset)
    signs = {key.key.alg for key in keyset.of_use(SIGN)}
    seals = {key.key.alg for key in keyset.of_use(HPKE)}
    if kids != sorted(set(kids)) or len(set(publics)) != len(publics):
        raise Refused("keyset-unusable")
    if not set(keyset.require) <= signs or not {SUITES[suite] for suite in keyset.suites} <= seals:
        raise Refused("keyset-unusable")
    if _x25519_of(keyset, X25519) & _x25519_of(keyset, SUITES[HYBRID]):
        raise Refused("hpke-x25519-key-used-in-hybrid")


def check_follows(keyset: Keyset, known: Keyset) -> None:
    """Return if a keyset may replace the one that is known: it is neither older nor a fork of it.

    Raises:
        Refused: keyset-older-version, keyset-fork.
    """
    if keyset.version < known.version or keyset.generation < known.generation:
        raise Refused("keyset-older-version")
    if keyset.version == known.version and keyset.digest != known.digest:
        raise Refused("keyset-fork")


def check_still_compromised(keyset: Keyset, known: Keyset) -> None:
    """Return if what was said to be compromised stays so, from no later moment.

    Raises:
        Refused: keyset-unusable.
    """
    for kid, since in known.compromised.items():
        if kid not in keyset.compromised or keyset.compromised[kid] > since:
            raise Refused("keyset-unusable")


def check_foreign(keyset: Keyset, mine: Keyset) -> None:
    """Return if a keyset of another node lists no key of ours: nobody proves that he holds what he lists.

    Keys of third nodes do not matter: whoever lists them first would keep their owner out, and what is signed
    names its node.

    Raises:
        Refused: keyset-unusable.
    """
    if set(_publics(mine)) & set(_publics(keyset)):
        raise Refused("keyset-unusable")


def _publics(keyset: Keyset) -> list[bytes]:
    return [key.key.public for key in keyset.keys] + [root.public for root in keyset.roots]


def _x25519_of(keyset: Keyset, alg: str) -> set[bytes]:
    """The X25519 halves of the hpke keys of one algorithm."""
    keys = [one.key for one in keyset.of_use(HPKE)]
    return {key.x25519 for key in keys if isinstance(key, SealKey) and key.alg == alg}
