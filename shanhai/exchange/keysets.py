"""A keyset: the keys of a node, what each is for and when, and what may be believed of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import ED25519, SIGNING, VerifyKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.suites import SEALING, SUITES, SealKey, strongest

SIGN, HPKE, LOG, COSIGN = "sign", "hpke", "log", "cosign"
USES = {SIGN: SIGNING, HPKE: SEALING, LOG: (ED25519,), COSIGN: (ED25519,)}
"""The algorithms that a key of each use may have."""

NAME = r"[a-z][a-z0-9_]{0,62}"
MOST_KEYS = 128


@dataclass(frozen=True)
class NodeKey:
    """One key of a keyset.

    Attributes:
        key: the public key; `VerifyKey` unless the use is hpke.
        use: sign, hpke, log or cosign: one only.
        not_before, not_after: valid from the first, until before the second.
    """

    key: VerifyKey | SealKey
    use: str
    not_before: datetime
    not_after: datetime

    @property
    def kid(self) -> str:
        """Key id."""
        return self.key.kid


@dataclass(frozen=True)
class Keyset:
    """The keys of one node in one version.

    Attributes:
        node: identity, which is the digest of the roots.
        name: for people; proves nothing.
        version: from 1; a newer one replaces an older.
        generation: of the node's numbering; raised after a restore.
        roots: in the order of their key ids; the whole list must sign.
        keys: in the order of their key ids.
        require: algorithms that must all sign what the node says.
        suites: in which the node accepts messages.
        compromised: since when a key is not to be believed, by key id.
        digest: SHA-256 of the signed payload, hex; "" until it is signed.
    """

    node: str
    name: str
    version: int
    generation: int
    roots: tuple[VerifyKey, ...]
    keys: tuple[NodeKey, ...]
    require: tuple[str, ...]
    suites: tuple[str, ...]
    compromised: Mapping[str, datetime] = field(default_factory=dict)
    digest: str = ""

    def of_use(self, use: str) -> tuple[NodeKey, ...]:
        """The keys that are for `use`."""
        return tuple(key for key in self.keys if key.use == use)

    def sealing(self, kid: str) -> SealKey | None:
        """The hpke key of that id, whenever it is valid: what was sealed to it may be long under way."""
        found = [one.key for one in self.of_use(HPKE) if one.kid == kid]
        return found[0] if found and isinstance(found[0], SealKey) else None

    def seals_to(self, suites: Iterable[str], now: datetime) -> tuple[str, SealKey] | None:
        """The suite and the key by which a message to this node is sealed now; None where there is none.

        The strongest suite of both that has a key which is valid and not compromised, and its newest key.

        Args:
            suites: those that the pairing allows.
        """
        for suite in strongest(set(suites) & set(self.suites)):
            keys = [
                one for one in self.of_use(HPKE) if one.key.alg == SUITES[suite] and self.is_usable(one, now)
            ]
            for one in sorted(keys, key=lambda one: (one.not_before, one.not_after, one.kid), reverse=True):
                if isinstance(one.key, SealKey):
                    return suite, one.key
        return None

    def speaks(self, now: datetime) -> bool:
        """Whether the node has a valid key for all that must sign what it says, and for its log."""
        wanted = [*((SIGN, alg) for alg in self.require), (LOG, ED25519)]
        return all(
            any(one.key.alg == alg and self.is_usable(one, now) for one in self.of_use(use))
            for use, alg in wanted
        )

    def is_usable(self, key: NodeKey, now: datetime) -> bool:
        """Whether a key of this keyset may be used for something new: it is valid and nobody else had it."""
        return key.not_before <= now < key.not_after and key.kid not in self.compromised

    def signers_of(self, envelope: dsse.Envelope) -> frozenset[str]:
        """The ids of the sign keys that signed, at least one.

        Raises:
            Refused: the codes of `signed_by`, key-use-wrong.
        """
        uses = {one.kid: one for one in self.keys if isinstance(one.key, VerifyKey)}
        found = dsse.signed_by(envelope, [one.key for one in uses.values() if isinstance(one.key, VerifyKey)])
        if any(uses[key.kid].use != SIGN for key in found):
            raise Refused("key-use-wrong")
        return frozenset(key.kid for key in found)

    def check_signed(self, envelope: dsse.Envelope) -> frozenset[str]:
        """As `signers_of`, where every required algorithm is among them.

        Raises:
            Refused: the codes of `signers_of`, sig-algorithm-missing, sig-forged.
        """
        found = self.signers_of(envelope)
        signs = [one.key for one in self.of_use(SIGN) if isinstance(one.key, VerifyKey)]
        for alg in self.require:
            able = [key for key in signs if key.alg == alg]
            if not found & {key.kid for key in able}:
                forged = dsse.claimed(envelope, able)
                raise Refused("sig-forged" if forged else "sig-algorithm-missing")
        return found

    def check_valid(self, kids: Iterable[str], issued: datetime) -> None:
        """Return if each of the keys was valid at the moment `issued` that they signed.

        Raises:
            Refused: key-not-yet-valid, signer-expired, signer-revoked.
        """
        for key in (one for one in self.keys if one.kid in set(kids)):
            if issued < key.not_before:
                raise Refused("key-not-yet-valid")
            if issued >= key.not_after:
                raise Refused("signer-expired")
            if key.kid in self.compromised and issued >= self.compromised[key.kid]:
                raise Refused("signer-revoked")

    def check_received(self, kids: Iterable[str], received: datetime) -> None:
        """Return if what the keys signed was first received while they could be believed.

        The moment of issue is told by whoever holds the key, a thief too; the moment of receipt is not.

        Raises:
            Refused: signer-expired, signer-compromised-since; at stage order, since nothing is known by it.
        """
        try:
            self.check_uncompromised(kids, received)
        except Refused as refusal:
            raise Refused(refusal.code, stage=Stage.ORDER) from None
        if any(one.kid in set(kids) and received >= one.not_after for one in self.keys):
            raise Refused("signer-expired", stage=Stage.ORDER)

    def check_uncompromised(self, kids: Iterable[str], received: datetime) -> None:
        """Return if what the keys signed was received before any of them was compromised.

        Raises:
            Refused: signer-compromised-since, at stage time.
        """
        for kid in kids:
            if kid in self.compromised and received >= self.compromised[kid]:
                raise Refused("signer-compromised-since")
