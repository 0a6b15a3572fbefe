"""What a stranger can verify of a parcel with the sender's keyset and nothing else, and what nobody can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shanhai.courier.evidence import carried_by
from shanhai.courier.fetching import digest_through, opened
from shanhai.courier.progress import Tell, metered, silent
from shanhai.errors import ConfigurationError
from shanhai.exchange import dsse
from shanhai.exchange.failures import Refused
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.receive import Signed, read_signed
from shanhai.exchange.sets import SetFile, SetStatement, check_files, read_set
from shanhai.exchange.strict import write_moment

UNKNOWN: Mapping[str, str] = {
    "whose": "whether this keyset is the node's: compare the fingerprints of its root keys with its people",
    "newer-keyset": "whether a newer keyset takes one of these keys back",
    "issued": "whether it was issued when it says: whoever holds the key can write any moment",
    "alone": "whether another message has the same number",
    "body": "what it says: the body is sealed, and the header tells its digest only",
    "received": "whether it was received, opened or admitted",
    "before": "whether it follows the message before it: name that with --after",
    "set": "whether its set is signed and whole: name the statement with --set",
    "files": "whether the files are there and as they were signed: name their folder with --files",
    "contents": "what is in the files, how many rows, and whether all of it is encrypted: that takes keys",
}
"""What cannot be known, and why or how it could."""

_OF_EVERY_MESSAGE = ("whose", "newer-keyset", "issued", "alone", "body", "received")


@dataclass(frozen=True)
class Beside:
    """What a stranger may have beside the file.

    Attributes:
        statement: the envelope of the set.
        files: a folder with the files of the set, called by their digests.
        before: the message before it.
        tell: is told how many bytes of the files were read.
    """

    statement: bytes | None = field(default=None, repr=False)
    files: Path | None = None
    before: bytes | None = field(default=None, repr=False)
    tell: Tell = field(default=silent, repr=False)


@dataclass(frozen=True)
class Shown:
    """What was verified.

    Attributes:
        kind: message or set.
        facts: what is signed, by name.
        holds: sentences, each of something that was checked.
        unknown: keys of `UNKNOWN`.
    """

    kind: str
    facts: Mapping[str, object]
    holds: tuple[str, ...]
    unknown: tuple[str, ...]


def verify(data: bytes, keyset: Keyset, beside: Beside) -> Shown:
    """Verify a message, the statement of a set, or what was kept of a refused message.

    Needs no secret and no home. It returns if all that was handed in holds, and says what that leaves open.

    Raises:
        Refused: what does not hold.
        ConfigurationError: the message that was named as the one before is another one.
        DataError: the file is evidence without a message, or damaged.
    """
    carried = carried_by(data)
    message, found = carried if carried else (data, None)
    statement = beside.statement or found
    if carried is None and _is_set(data):
        return _shown_set(data, keyset, beside)
    signed = read_signed(message, keyset)
    keyset.check_valid(signed.signers, signed.header.issued)
    holds = [
        _signed_by(keyset, signed.signers),
        "its keys were valid at the moment that it tells",
    ]
    unknown = list(_OF_EVERY_MESSAGE)
    if beside.before is not None or signed.header.seq == 0:
        holds.append(_in_order(signed, beside.before, keyset))
    else:
        unknown.append("before")
    if signed.header.set_digest is not None or statement is not None:
        _add_set(signed, statement, keyset, beside, holds, unknown)
    return Shown("message", _facts(signed), tuple(holds), tuple(unknown))


def _add_set(
    signed: Signed,
    data: bytes | None,
    keyset: Keyset,
    beside: Beside,
    holds: list[str],
    unknown: list[str],
) -> None:
    if data is None:
        unknown.append("set")
        return
    if signed.header.set_digest is None:
        raise Refused("set-not-named")
    with _of("the statement of the set"):
        statement = read_set(data, keyset=keyset, digest=signed.header.set_digest)
    holds.append(f"the set is the one that it names, signed by keys of the keyset: {_size(statement)}")
    unknown.append(_files(statement, beside, holds))


def _shown_set(data: bytes, keyset: Keyset, beside: Beside) -> Shown:
    statement = read_set(data, keyset=keyset, digest=None)
    holds = [f"signed by keys of the keyset, whose node calls itself {keyset.name}: {_size(statement)}"]
    last = _files(statement, beside, holds)
    facts = {
        "digest": statement.digest,
        "set": statement.set,
        "signer": statement.signer,
        "files": len(statement.files),
        "bytes": sum(one.size for one in statement.files),
    }
    return Shown("set", facts, tuple(holds), ("whose", "newer-keyset", last))


def _files(statement: SetStatement, beside: Beside, holds: list[str]) -> str:
    """Verify the files in a folder. Returns what stays unknown."""
    if beside.files is None:
        return "files"
    found: dict[str, tuple[int, str]] = {}
    with metered(beside.tell, "bytes read", sum(one.size for one in statement.files)) as add:
        for one in statement.files:
            file = _file(beside.files, one)
            if file is not None:
                found[one.name] = _measured(file, one, add)
    check_files(statement, found)
    holds.append("its files are all there, each of its size and SHA-256, and sealed as far as can be seen")
    return "contents"


def _file(folder: Path, one: SetFile) -> Path | None:
    """A file of a set as `<sha256>.parquet`, or as relays call it."""
    return next((folder / name for name in (one.name, one.sha256) if (folder / name).is_file()), None)


def _measured(path: Path, one: SetFile, add: Callable[[int], None]) -> tuple[int, str]:
    with opened(path) as file:
        size, sha256 = digest_through(file, add)
        if (size, sha256) == (one.size, one.sha256):
            with _of(str(path)):
                outline(file, one.size)
    return size, sha256


def _in_order(signed: Signed, before: bytes | None, keyset: Keyset) -> str:
    header = signed.header
    if before is None:
        return f"it is the first message of generation {header.generation}"
    with _of("the message before it"):
        other = read_signed(before, keyset)
    place = (other.header.pairing, other.header.generation, other.header.seq + 1)
    if place != (header.pairing, header.generation, header.seq):
        raise ConfigurationError(
            "this is not the message before it",
            given=f"pairing {other.header.pairing}, {other.header.generation}/{other.header.seq}",
            allowed=f"pairing {header.pairing}, {header.generation}/{header.seq - 1}",
        )
    if header.prev != other.seen.digest:
        raise Refused("fork-prev-mismatch", seen=signed.seen)
    return f"it follows message {other.header.generation}/{other.header.seq}"


def _facts(signed: Signed) -> dict[str, object]:
    header = signed.header
    return {
        "digest": signed.seen.digest,
        "pairing": header.pairing,
        "generation": header.generation,
        "seq": header.seq,
        "prev": header.prev,
        "from": header.sender,
        "to": header.recipient,
        "issued": write_moment(header.issued),
        "not_after": None if header.not_after is None else write_moment(header.not_after),
        "sender": header.sender_node,
        "recipient": header.recipient_node,
        "suite": header.suite,
        "set": header.set_digest,
        "body_sha256": header.body_sha256,
        "signers": sorted(signed.signers),
    }


@contextmanager
def _of(what: str) -> Iterator[None]:
    """Name what something is refused of within the block, where it is not the file to be verified."""
    try:
        yield
    except Refused as refusal:
        refusal.given = refusal.given or what
        raise


def _signed_by(keyset: Keyset, signers: frozenset[str]) -> str:
    algorithms = " and ".join(sorted({one.key.alg for one in keyset.keys if one.kid in signers}))
    return f"signed with {algorithms} by keys of the keyset, whose node calls itself {keyset.name}"


def _size(statement: SetStatement) -> str:
    return f"{len(statement.files):,} files, {sum(one.size for one in statement.files):,} bytes"


def _is_set(data: bytes) -> bool:
    try:
        dsse.read(data, dsse.MESSAGE)
    except Refused as refusal:
        if refusal.code != "dsse-payload-type-wrong" and len(data) <= dsse.MOST_BYTES[dsse.MESSAGE]:
            raise
        dsse.read(data, dsse.SET)
        return True
    return False
