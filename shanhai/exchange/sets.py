"""The set statement: immutable, names its files and nobody; the relay may see it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shanhai.exchange import dsse
from shanhai.exchange.algorithms import SigningKey
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.messages import ID
from shanhai.exchange.parquet.profile import MOST_FILE_BYTES, PROFILE, column_key_id, footer_key_id
from shanhai.exchange.strict import Fields, Json, canonical, parse

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:shanhai:set:v1"

MOST_FILES = 4_096
_SMALLEST_FILE = 12


@dataclass(frozen=True)
class SetFile:
    """One file of a set: its size in bytes and its SHA-256, hex."""

    sha256: str
    size: int

    @property
    def name(self) -> str:
        """`<sha256>.parquet`."""
        return f"{self.sha256}.parquet"


@dataclass(frozen=True)
class SetStatement:
    """What is signed of a set.

    Attributes:
        set: 16 random bytes, hex.
        node: whose it is.
        signer: id of the sign key that answers for it.
        files: in the order in which their rows stand.
        facts_sha256: of the facts, which only recipients see.
        digest: SHA-256 of the payload, hex; "" until it is written.
    """

    set: str
    node: str
    signer: str
    files: tuple[SetFile, ...]
    facts_sha256: str
    digest: str = ""

    @property
    def footer_key(self) -> str:
        """Id of the key of the footers."""
        return footer_key_id(self.set)

    def column_key(self, number: int) -> str:
        """Id of the key of column `number`, counted from 0."""
        return column_key_id(self.set, number)


def sign_set(statement: SetStatement, keys: Sequence[SigningKey]) -> bytes:
    """The envelope of a set.

    Raises:
        ValueError: the signer is not among the keys.
    """
    if statement.signer not in {key.kid for key in keys}:
        raise ValueError("the signer's key is not among those that sign")
    return dsse.write(dsse.sign(write_set(statement), dsse.SET, keys))


def write_set(statement: SetStatement) -> bytes:
    """The payload: an in-toto Statement v1."""
    subject: list[Json] = [{"name": one.name, "digest": {"sha256": one.sha256}} for one in statement.files]
    sizes: list[Json] = [one.size for one in statement.files]
    return canonical(
        {
            "_type": STATEMENT,
            "subject": subject,
            "predicateType": PREDICATE,
            "predicate": {
                "v": 1,
                "set": statement.set,
                "node": statement.node,
                "signer": statement.signer,
                "sizes": sizes,
                "profile": PROFILE,
                "facts_sha256": statement.facts_sha256,
            },
        }
    )


def set_digest(statement: SetStatement) -> str:
    """Hex SHA-256 of the payload: `set` in the header of a message."""
    return hashlib.sha256(write_set(statement)).hexdigest()


def read_set(data: bytes, *, keyset: Keyset, digest: str | None) -> SetStatement:
    """The set that a verified message names.

    Neither when its keys were valid is asked, nor whether every required algorithm signed: the message names
    these very bytes, and its keys are judged. What is found of them, whose digest holds, is told at stage
    contents: no relay will ever give others.

    Args:
        data: the envelope.
        keyset: of the sender of the message, by which the message was verified.
        digest: `set` of the message's header; None verifies a set by itself.

    Raises:
        Refused: json codes, set-not-named, set-of-other-node, the codes of `Keyset.signers_of`,
            profile-unknown, size-huge.
    """
    envelope = dsse.read(data, dsse.SET)
    if digest is not None and envelope.digest != digest:
        raise Refused("set-not-named")
    try:
        signers = keyset.signers_of(envelope)
    except Refused as refusal:
        code = "set-of-other-node" if refusal.code == "sig-unknown-key" else refusal.code
        raise Refused(code, stage=Stage.SET) from None
    statement = _parsed(envelope, Stage.CONTENTS if digest is not None else Stage.SET)
    if statement.node != keyset.node:
        raise Refused("set-of-other-node", stage=Stage.CONTENTS if digest is not None else Stage.SET)
    if statement.signer not in signers:
        raise Refused("from-not-signer", stage=Stage.SET)
    return statement


def check_files(statement: SetStatement, found: Mapping[str, tuple[int, str]]) -> None:
    """Return if the files that were found, by name (size, SHA-256), are exactly those of the set.

    Raises:
        Refused: file-omitted, file-added, size-lies, file-altered; `given` names the first such file.
    """
    named = {one.name: one for one in statement.files}
    if missing := sorted(set(named) - set(found)):
        raise Refused("file-omitted", given=_first_of(missing))
    if foreign := sorted(set(found) - set(named)):
        raise Refused("file-added", given=_first_of(foreign))
    for name, one in named.items():
        size, sha256 = found[name]
        if size != one.size:
            raise Refused("size-lies", given=name)
        if sha256 != one.sha256:
            raise Refused("file-altered", given=name)


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _parsed(envelope: dsse.Envelope, stage: Stage) -> SetStatement:
    value = parse(envelope.payload, most_bytes=dsse.MOST_BYTES[dsse.SET], stage=stage)
    whole = Fields(value, "_type subject predicateType predicate", stage=stage)
    whole.one_of("_type", (STATEMENT,))
    if whole.text("predicateType") != PREDICATE:
        raise Refused("version-unknown", stage=stage, field="predicateType")
    names = "set node signer sizes profile facts_sha256"
    inside = Fields(whole.value("predicate"), names, stage=stage, version=1)
    if inside.text("profile") != PROFILE:
        raise Refused("profile-unknown", stage=stage)
    digests = [_subject(one) for one in whole.each("subject", "name digest", least=1, most=MOST_FILES)]
    sizes = inside.items("sizes", least=1, most=MOST_FILES)
    if len(sizes) != len(digests) or len(set(digests)) != len(digests):
        raise inside.wrong("sizes")
    return SetStatement(
        set=inside.text("set", ID),
        node=inside.hex("node"),
        signer=inside.hex("signer"),
        files=tuple(
            SetFile(digest, _size(size, inside)) for digest, size in zip(digests, sizes, strict=True)
        ),
        facts_sha256=inside.hex("facts_sha256"),
        digest=envelope.digest,
    )


def _subject(one: Fields) -> str:
    digest = one.inside("digest", "sha256").hex("sha256")
    if one.text("name") != f"{digest}.parquet":
        raise one.wrong("name")
    return digest


def _size(size: Json, inside: Fields) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or size < _SMALLEST_FILE:
        raise inside.wrong("sizes")
    if size > MOST_FILE_BYTES:
        raise Refused("size-huge", stage=inside.stage)
    return size
