"""The body of a message: what every body carries, and its content by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shanhai.exchange import dsse
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.grants import Grant, read_grant, write_grant
from shanhai.exchange.order import Acknowledged
from shanhai.exchange.parcels import Parcel, read_parcel, write_parcel
from shanhai.exchange.receipts import Receipt, read_receipt, write_receipt
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.strict import Fields, Json, canonical, parse, to_base64

MOST_CHECKPOINT = 4096
_FIELDS = "salt type ack checkpoint consistency cosignatures checkpoints content"


@dataclass(frozen=True)
class NewKeyset:
    """A newer keyset of the sender: the envelope, to be read with its pinned roots."""

    envelope: bytes


@dataclass(frozen=True, repr=False)
class Suspension:
    """The sender suspends the pairing, or takes that back."""

    suspended: bool
    reason: str | None


@dataclass(frozen=True, repr=False)
class End:
    """The sender ends the pairing."""

    reason: str | None


Content = Parcel | Receipt | Grant | NewKeyset | Suspension | End


@dataclass(frozen=True)
class LogNews:
    """What a message tells of logs; empty where the sender keeps none.

    Attributes:
        checkpoint: the sender's newest, a signed note.
        consistency: proof from the one that the recipient cosigned last.
        cosignatures: lines for checkpoints of the recipient.
        checkpoints: the newest known of every other node.
    """

    checkpoint: str | None = None
    consistency: tuple[bytes, ...] | None = None
    cosignatures: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Body:
    """A body as it is sealed.

    Attributes:
        salt: 32 random bytes, so that the digest of the body tells nothing.
        ack: up to where the sender has settled the recipient's messages; None for none.
        content: what it is about.
        log: what it tells of logs.
    """

    salt: bytes
    ack: Acknowledged | None
    content: Content
    log: LogNews = field(default_factory=LogNews)


def write_body(body: Body, statement: SetStatement | None = None) -> bytes:
    """The bytes whose SHA-256 the header names; a parcel needs the statement of its set.

    Raises:
        ValueError: it is not one that a recipient would accept.
    """
    kind, content = _written(body.content, statement)
    ack, log = body.ack, body.log
    data = canonical(
        {
            "v": 1,
            "salt": to_base64(body.salt),
            "type": kind,
            "ack": None
            if ack is None
            else {"generation": ack.generation, "seq": ack.seq, "digest": ack.digest},
            "checkpoint": _lines(log.checkpoint),
            "consistency": None if log.consistency is None else [to_base64(one) for one in log.consistency],
            "cosignatures": [_lines(one) for one in log.cosignatures],
            "checkpoints": [_lines(one) for one in log.checkpoints],
            "content": content,
        }
    )
    try:
        read_body(data, statement)
    except Refused as error:
        raise ValueError(f"nobody would accept this body: {error.code}") from None
    return data


def read_body(data: bytes, statement: SetStatement | None) -> Body:
    """The body of a message; `statement` is the set that its header names.

    Raises:
        Refused: body-salt-missing, body-type-unknown, body-without-set, those of the content, the json
            codes; all at stage unwrap.
    """
    value = parse(data, most_bytes=dsse.MOST_BYTES[dsse.MESSAGE], stage=Stage.UNWRAP)
    if isinstance(value, dict) and value.get("v") == 1 and "salt" not in value:
        raise Refused("body-salt-missing")
    whole = Fields(value, _FIELDS, stage=Stage.UNWRAP, version=1)
    salt = whole.raw("salt", most=64)
    if len(salt) != 32:
        raise Refused("body-salt-missing")
    kind = whole.text("type", most=64)
    if (kind == "parcel") != (statement is not None):
        raise Refused("body-without-set")
    if statement is not None:
        content: Content = read_parcel(whole.value("content"), statement)
    elif kind in _READERS:
        content = _READERS[kind](whole.value("content"))
    else:
        raise Refused("body-type-unknown")
    return Body(salt, _acknowledged(whole), content, _log(whole))


def _acknowledged(whole: Fields) -> Acknowledged | None:
    if whole.is_null("ack"):
        return None
    ack = whole.inside("ack", "generation seq digest")
    return Acknowledged(ack.integer("generation", least=0), ack.integer("seq", least=0), ack.hex("digest"))


def _log(whole: Fields) -> LogNews:
    return LogNews(
        checkpoint=None if whole.is_null("checkpoint") else _note(whole, "checkpoint"),
        consistency=None if whole.is_null("consistency") else whole.hashes("consistency"),
        cosignatures=_notes(whole, "cosignatures"),
        checkpoints=_notes(whole, "checkpoints"),
    )


def _lines(note: str | None) -> Json:
    # A signed note has lines, and our JSON has no control characters.
    return None if note is None else to_base64(note.encode())


def _note(fields: Fields, name: str) -> str:
    try:
        return fields.raw(name, least=1, most=MOST_CHECKPOINT).decode()
    except UnicodeDecodeError:
        raise fields.wrong(name) from None


def _notes(whole: Fields, name: str) -> tuple[str, ...]:
    return tuple(_note(one, "note") for one in _wrapped(whole, name))


def _wrapped(whole: Fields, name: str) -> list[Fields]:
    return [Fields({"note": one}, "note", stage=Stage.UNWRAP) for one in whole.items(name, most=64)]


def _read_open_grant(value: Json) -> Grant:
    grant = read_grant(value)
    if grant.revoked:
        raise Refused("json-field-wrong", stage=Stage.UNWRAP, field="revoked")
    return grant


def _read_revoked_grant(value: Json) -> Grant:
    grant = read_grant(value)
    if not grant.revoked:
        raise Refused("json-field-wrong", stage=Stage.UNWRAP, field="revoked")
    return grant


def _read_keyset(value: Json) -> NewKeyset:
    whole = Fields(value, "envelope", stage=Stage.UNWRAP, version=1)
    return NewKeyset(whole.raw("envelope", least=2, most=dsse.MOST_BYTES[dsse.KEYSET]))


def _read_suspension(value: Json) -> Suspension:
    whole = Fields(value, "suspended reason", stage=Stage.UNWRAP, version=1)
    return Suspension(whole.flag("suspended"), _reason(whole))


def _read_end(value: Json) -> End:
    return End(_reason(Fields(value, "reason", stage=Stage.UNWRAP, version=1)))


def _reason(fields: Fields) -> str | None:
    return None if fields.is_null("reason") else fields.text("reason", most=1000)


_READERS: Mapping[str, Callable[[Json], Content]] = {
    "receipt": read_receipt,
    "grant": _read_open_grant,
    "revoke": _read_revoked_grant,
    "keyset": _read_keyset,
    "suspend": _read_suspension,
    "end": _read_end,
}


def _written(content: Content, statement: SetStatement | None) -> tuple[str, Json]:
    match content:
        case Parcel():
            if statement is None:
                raise ValueError("a parcel needs the statement of its set")
            return "parcel", write_parcel(content, statement)
        case Receipt():
            return "receipt", write_receipt(content)
        case Grant():
            return ("revoke" if content.revoked else "grant"), write_grant(content)
        case NewKeyset(envelope):
            return "keyset", {"v": 1, "envelope": to_base64(envelope)}
        case Suspension(suspended, reason):
            return "suspend", {"v": 1, "suspended": suspended, "reason": reason}
        case End(reason):
            return "end", {"v": 1, "reason": reason}
