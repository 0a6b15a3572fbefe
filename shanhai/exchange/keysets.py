"""A keyset: the keys of a node, what each is for and when, signed by all its roots."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import ED25519, SIGNING, SigningKey, VerifyKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64, write_moment
from shanhai.exchange.suites import HYBRID, SEALING, SUITES, X25519, SealKey, strongest

SIGN, HPKE, LOG, COSIGN = "sign", "hpke", "log", "cosign"
USES = {SIGN: SIGNING, HPKE: SEALING, LOG: (ED25519,), COSIGN: (ED25519,)}
"""The algorithms that a key of each use may have."""

NAME = r"[a-z][a-z0-9_]{0,62}"
FIELDS = "node name version generation roots keys require suites compromised"
MOST_ROOTS, MOST_KEYS, MOST_COMPROMISED = 4, 128, 256


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


def node_id(roots: Iterable[VerifyKey]) -> str:
    """Hex SHA-256("shanhai/node/1\\n" ‖ root key ids, sorted, joined with newlines)."""
    kids = "\n".join(sorted(root.kid for root in roots))
    return hashlib.sha256(b"shanhai/node/1\n" + kids.encode()).hexdigest()


def sign_keyset(keyset: Keyset, roots: Sequence[SigningKey]) -> bytes:
    """The envelope of a keyset, signed by all its roots and read back.

    Raises:
        ValueError: it is not one that a partner would accept.
    """
    data = dsse.write(dsse.sign(_payload(keyset), dsse.KEYSET, roots))
    try:
        read_keyset(data, roots=keyset.roots)
    except Refused as error:
        raise ValueError(f"nobody would accept this keyset: {error.code}") from None
    return data


def read_keyset(data: bytes, *, roots: Sequence[VerifyKey], known: Keyset | None = None) -> Keyset:
    """The keyset of an envelope.

    Args:
        data: the envelope.
        roots: those that were compared by people, or told by the offer that will be.
        known: the newest keyset of that node so far.

    Raises:
        Refused: at stage envelope the json codes; keyset-not-by-root, keyset-of-other-node,
            keyset-older-version, keyset-fork, keyset-unusable, public-key-wrong, sig-small-order-key,
            hpke-x25519-key-used-in-hybrid.
    """
    envelope = dsse.read(data, dsse.KEYSET)
    _check_roots_signed(envelope, roots)
    value = parse(envelope.payload, most_bytes=dsse.MOST_BYTES[dsse.KEYSET], stage=Stage.SIGNATURE)
    keyset = _parsed(value, envelope.digest)
    if {root.kid for root in keyset.roots} != {root.kid for root in roots} or keyset.node != node_id(roots):
        raise Refused("keyset-of-other-node")
    if known is not None and keyset.version < known.version:
        raise Refused("keyset-older-version")
    if known is not None and keyset.generation < known.generation:
        raise Refused("keyset-older-version")
    if known is not None and keyset.version == known.version and keyset.digest != known.digest:
        raise Refused("keyset-fork")
    _check_usable(keyset)
    if known is not None:
        _check_still_compromised(keyset, known)
    return keyset


def named_roots(data: bytes) -> tuple[VerifyKey, ...]:
    """The roots that a keyset names. **Nothing is verified**: people compare them, or they are one's own.

    Raises:
        Refused: the json codes, public-key-wrong, sig-small-order-key.
    """
    payload = dsse.read(data, dsse.KEYSET).payload
    value = parse(payload, most_bytes=dsse.MOST_BYTES[dsse.KEYSET], stage=Stage.SIGNATURE)
    return read_roots(Fields(value, FIELDS, stage=Stage.SIGNATURE, version=1), "roots")


def check_distinct(keyset: Keyset, others: Iterable[Keyset]) -> None:
    """Return if no key of a keyset is one of another node: nobody proves that he holds what he lists.

    Raises:
        Refused: keyset-unusable.
    """
    taken = {public for other in others if other.node != keyset.node for public in _publics(other)}
    if taken & set(_publics(keyset)):
        raise Refused("keyset-unusable")


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


def _check_roots_signed(envelope: dsse.Envelope, roots: Sequence[VerifyKey]) -> None:
    try:
        found = dsse.signed_by(envelope, roots)
    except Refused as refusal:
        if refusal.code in ("sig-forged", "sig-unknown-key"):
            raise Refused("keyset-not-by-root") from None
        raise
    if len(found) != len(roots):
        raise Refused("keyset-not-by-root")


def _parsed(value: Json, digest: str) -> Keyset:
    whole = Fields(value, FIELDS, stage=Stage.SIGNATURE, version=1)
    compromised = whole.each("compromised", "kid since", most=MOST_COMPROMISED)
    kids = [one.hex("kid") for one in compromised]
    if kids != sorted(set(kids)):
        raise Refused("keyset-unusable")
    return Keyset(
        node=whole.hex("node"),
        name=whole.text("name", NAME),
        version=whole.integer("version", least=1),
        generation=whole.integer("generation", least=0),
        roots=read_roots(whole, "roots"),
        keys=tuple(
            _key(one)
            for one in whole.each("keys", "kid use alg pub not_before not_after", least=1, most=MOST_KEYS)
        ),
        require=whole.texts("require", "|".join(SIGNING), least=1, most=len(SIGNING)),
        suites=whole.texts("suites", "|".join(SUITES), least=1, most=len(SUITES)),
        compromised={kid: one.moment("since") for kid, one in zip(kids, compromised, strict=True)},
        digest=digest,
    )


def _key(one: Fields) -> NodeKey:
    use = one.one_of("use", tuple(USES))
    alg = one.one_of("alg", USES[use])
    public = one.raw("pub", most=2048)
    key = SealKey(alg, public) if use == HPKE else VerifyKey(alg, public)
    entry = NodeKey(key, use, one.moment("not_before"), one.moment("not_after"))
    if one.hex("kid") != entry.kid:
        raise one.wrong("kid")
    if entry.not_before >= entry.not_after:
        raise one.wrong("not_after")
    return entry


def _publics(keyset: Keyset) -> list[bytes]:
    return [key.key.public for key in keyset.keys] + [root.public for root in keyset.roots]


def _check_usable(keyset: Keyset) -> None:
    kids = [key.kid for key in keyset.keys]
    publics = _publics(keyset)
    signs = {key.key.alg for key in keyset.of_use(SIGN)}
    seals = {key.key.alg for key in keyset.of_use(HPKE)}
    if kids != sorted(set(kids)) or len(set(publics)) != len(publics):
        raise Refused("keyset-unusable")
    if not set(keyset.require) <= signs or not {SUITES[suite] for suite in keyset.suites} <= seals:
        raise Refused("keyset-unusable")
    classic = {
        key.key.x25519
        for key in keyset.of_use(HPKE)
        if isinstance(key.key, SealKey) and key.key.alg == X25519
    }
    hybrid = {
        key.key.x25519
        for key in keyset.of_use(HPKE)
        if isinstance(key.key, SealKey) and key.key.alg == SUITES[HYBRID]
    }
    if classic & hybrid:
        raise Refused("hpke-x25519-key-used-in-hybrid")


def _check_still_compromised(keyset: Keyset, known: Keyset) -> None:
    """What was said to be compromised stays so, from no later moment."""
    for kid, since in known.compromised.items():
        if kid not in keyset.compromised or keyset.compromised[kid] > since:
            raise Refused("keyset-unusable")


def _payload(keyset: Keyset) -> bytes:
    keys: list[Json] = [
        {
            "kid": one.kid,
            "use": one.use,
            "alg": one.key.alg,
            "pub": to_base64(one.key.public),
            "not_before": write_moment(one.not_before),
            "not_after": write_moment(one.not_after),
        }
        for one in sorted(keyset.keys, key=lambda one: one.kid)
    ]
    compromised: list[Json] = [
        {"kid": kid, "since": write_moment(since)} for kid, since in sorted(keyset.compromised.items())
    ]
    return canonical(
        {
            "v": 1,
            "node": keyset.node,
            "name": keyset.name,
            "version": keyset.version,
            "generation": keyset.generation,
            "roots": write_roots(keyset.roots),
            "keys": keys,
            "require": list(keyset.require),
            "suites": list(keyset.suites),
            "compromised": compromised,
        }
    )
