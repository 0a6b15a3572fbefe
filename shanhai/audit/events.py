"""One event of the exchange: what happened, by whom, when, about which ids; committed to with a salt."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from shanhai.audit.failures import EvidenceError
from shanhai.audit.tree import leaf_hash
from shanhai.errors import ConfigurationError, as_typed
from shanhai.exchange.strict import Json, canonical, from_base64, read_moment, to_base64, write_moment

SYSTEM = "system"
"""Who did what no person decided."""

SALT_BYTES = 32
MOST_BYTES = 4096

KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "keyset": ("node", "version", "digest"),
        "partner-keyset": ("pairing", "node", "version", "digest"),
        "generation-confirmed": ("pairing", "generation"),
        "offer": ("pairing", "digest"),
        "accept": ("pairing", "digest"),
        "confirm": ("pairing", "digest"),
        "suspend": ("pairing",),
        "resume": ("pairing",),
        "end": ("pairing",),
        "grant": ("pairing", "grant", "revision", "digest"),
        "revoke": ("pairing", "grant", "revision", "digest"),
        "approve": ("pairing", "grant", "revision", "set", "message"),
        "release": ("pairing", "grant", "revision", "set", "message"),
        "ship": ("pairing", "generation", "seq", "message"),
        "take-back": ("pairing", "generation", "seq", "message"),
        "opening": ("pairing", "message"),
        "admitted": ("pairing", "message"),
        "refused": ("pairing", "message", "code"),
        "fork": ("pairing", "generation", "seq", "message"),
        "fork-decided": ("pairing", "message"),
        "skip": ("pairing", "generation", "seq", "message"),
        "receipt": ("pairing", "message", "outcome"),
        "adopt": ("application", "set"),
        "application-retired": ("application",),
        "retire": ("set",),
        "erase": ("leaf",),
    }
)
"""Kind of event → what it has to be about.

`digest` is SHA-256, in hex: of the signed payload of a keyset, an offer, a pairing document or a set; of a
grant its canonical JSON, and so of the record of who adopted or retired an application, and why. So no
other document of the same number or name fits the event.
"""

ABOUT: Mapping[str, type[str] | type[int]] = MappingProxyType(
    {
        **dict.fromkeys(("generation", "leaf", "revision", "rows", "seq", "version"), int),
        **dict.fromkeys(
            (
                "application",
                "code",
                "dataset",
                "digest",
                "grant",
                "kid",
                "message",
                "node",
                "outcome",
                "pairing",
                "partner",
                "set",
            ),
            str,
        ),
    }
)
"""What an event may be about: names and numbers of the exchange. There is no place for a value of a row."""

_PREFIX = b"shanhai/event/1\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHO = re.compile(r"[^\W_](?:[\w .,'·@-]{0,98}[\w.])?")
_FIELDS = {"about", "at", "kind", "salt", "v", "who"}
_LARGEST = 2**53 - 1


@dataclass(frozen=True)
class Event:
    """What happened.

    Args:
        kind: one of `KINDS`.
        who: the person who did it, by name, or `SYSTEM`.
        at: when, in UTC, to the second.
        about: names of `ABOUT` with an id or a number each; at least those of the kind.
        salt: 32 random bytes, so that nobody can guess the event from its commitment.

    Raises:
        ConfigurationError: `who` is not the name of a person.
        ValueError: anything else is not as stated.
    """

    kind: str
    who: str
    at: datetime
    about: Mapping[str, str | int]
    salt: bytes

    def __post_init__(self) -> None:
        check_name(self.who)
        if self.at.utcoffset() is None or self.at.microsecond:
            raise ValueError("the moment of an event is in UTC and has no fraction of a second")
        if len(self.salt) != SALT_BYTES or missing_or_strange(self.kind, self.about):
            raise ValueError(f"not an event of the kind {self.kind!r}")

    @property
    def document(self) -> bytes:
        """The JSON that is kept, committed to and disclosed: keys sorted, no blanks, UTF-8."""
        fields: Json = {
            "v": 1,
            "kind": self.kind,
            "who": self.who,
            "at": write_moment(self.at),
            "about": dict(self.about),
            "salt": to_base64(self.salt),
        }
        return canonical(fields)


def check_name(who: str) -> None:
    """Return if an event can say by this name who did it.

    Raises:
        ConfigurationError: it is empty, too long, or has characters that no name has.
    """
    if not _WHO.fullmatch(who):
        raise ConfigurationError(
            "not the name of a person",
            given=as_typed(who),
            allowed="letters, digits, blanks and . , ' - @, at most 100",
        )


def is_system(name: str) -> bool:
    """Whether a name is, or looks like, the one that stands for nobody."""
    return unicodedata.normalize("NFKC", name).strip().casefold() == SYSTEM


def happened(kind: str, *, who: str, at: datetime, **about: str | int) -> Event:
    """A new event with a salt of its own; `at` loses its fraction of a second.

    Raises:
        ConfigurationError: `who` is not the name of a person.
        ValueError: the kind is unknown, or it is about something else.
    """
    return Event(kind, who, at.replace(microsecond=0), about, secrets.token_bytes(SALT_BYTES))


def digest_of(document: bytes) -> str:
    """The SHA-256 of an event's JSON, in hex: all that the tree knows of it."""
    return hashlib.sha256(document).hexdigest()


def leaf_data(digest: str) -> bytes:
    """The data of the leaf of an event, from the digest of its JSON."""
    return _PREFIX + digest.encode()


def leaf_of(digest: str) -> bytes:
    """The hash of the leaf of an event, from the digest of its JSON."""
    return leaf_hash(leaf_data(digest))


def read_event(document: bytes) -> Event:
    """An event from its JSON, which must be written exactly as we write it.

    Raises:
        EvidenceError: `event-disclosure-altered`.
    """
    try:
        if len(document) > MOST_BYTES:
            raise ValueError("too long")
        fields = json.loads(document)
        if not isinstance(fields, dict) or fields.keys() != _FIELDS or fields["v"] != 1:
            raise ValueError("other fields")
        at, salt = read_moment(fields["at"]), from_base64(fields["salt"])
        event = Event(fields["kind"], fields["who"], at, fields["about"], salt)
        written = event.document
    except (
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        ConfigurationError,
    ) as error:
        raise EvidenceError("event-disclosure-altered") from error
    if written != document:
        raise EvidenceError("event-disclosure-altered")
    return event


def missing_or_strange(kind: str, about: Mapping[str, str | int]) -> bool:
    """Whether the kind is unknown, something of it is missing, or a value is no id and no number."""
    if kind not in KINDS or not set(KINDS[kind]) <= about.keys():
        return True
    return any(not _fits(name, value) for name, value in about.items())


def _fits(name: str, value: object) -> bool:
    if ABOUT.get(name) is int:
        return type(value) is int and 0 <= value <= _LARGEST
    form = _DIGEST if name == "digest" else _NAME
    return ABOUT.get(name) is str and isinstance(value, str) and form.fullmatch(value) is not None
