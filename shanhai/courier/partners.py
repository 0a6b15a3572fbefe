"""The pairings as this node keeps them: who, where it stands, how far each side has come, which keys."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shanhai.courier import waiting
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, as_typed
from shanhai.exchange.order import Acknowledged, Pending, Position
from shanhai.exchange.pairing_states import PairingState, Step, taken
from shanhai.exchange.pairings import Offer, Pairing, kept_offer, kept_pairing
from shanhai.exchange.strict import read_moment, write_moment


@dataclass(frozen=True)
class Partner:
    """One pairing.

    Attributes:
        pairing: its id.
        name: what this node calls the partner; one pairing that has not ended has it.
        state: where it stands.
        offer: the envelope of the offer, ours or the partner's.
        relay: the address at which this node reaches the relay.
        folder_out, folder_in: where each side writes at the relay.
        node: id of the partner; None until it accepted our offer, as are `document` and `keyset`.
        document: the envelope of the pairing, with the signatures that are known here.
        keyset: the envelope of the partner's newest keyset.
        generation_in, next_seq_in, last_in: how far this node has come with the partner's messages.
        generation_out, next_seq_out, last_out: the place of the next message to the partner.
        acked_generation, acked_seq, acked_digest: the newest of ours that the partner says it has settled.
        frozen: digest of the message by which it was frozen; None: it is not.
        heard: when the partner was last heard of.
        told_keyset: version of our own keyset that the partner was told last; 0 before the first.
    """

    pairing: str
    name: str
    state: PairingState
    offer: bytes = field(repr=False)
    relay: str
    folder_out: str
    folder_in: str
    node: str | None = None
    document: bytes | None = field(default=None, repr=False)
    keyset: bytes | None = field(default=None, repr=False)
    generation_in: int = 0
    next_seq_in: int = 0
    last_in: str | None = None
    generation_out: int = 0
    next_seq_out: int = 0
    last_out: str | None = None
    acked_generation: int | None = None
    acked_seq: int | None = None
    acked_digest: str | None = None
    frozen: str | None = None
    heard: datetime | None = None
    told_keyset: int = 0

    @property
    def ack(self) -> Acknowledged | None:
        """The partner's newest message that this node has settled; None before the first."""
        if self.last_in is None:
            return None
        return Acknowledged(self.generation_in, self.next_seq_in - 1, self.last_in)

    @property
    def acknowledged(self) -> Acknowledged | None:
        """The newest message of ours that the partner says it has settled."""
        if self.acked_generation is None or self.acked_seq is None or self.acked_digest is None:
            return None
        return Acknowledged(self.acked_generation, self.acked_seq, self.acked_digest)

    def position(
        self, known: Mapping[tuple[int, int], str], pending: Mapping[str, Pending] = MappingProxyType({})
    ) -> Position:
        """How far this node has come with the partner's messages.

        Args:
            known: digests of settled ones.
            pending: by digest, those that wait for a message that names them.
        """
        return Position(self.generation_in, self.next_seq_in, self.last_in, known, pending)


_NAMES = tuple(one.name for one in dataclasses.fields(Partner))
_COLUMNS = ", ".join(_NAMES)


def add(connection: sqlite3.Connection, partner: Partner) -> None:
    """Keep a new pairing.

    Raises:
        ConfigurationError: a pairing that has not ended has the name already.
    """
    if standing(connection, partner.name) is not None:
        raise ConfigurationError(
            "a partner has this name already", given=partner.name, hint=f"shanhai pair show {partner.name}"
        )
    values = [_stored(getattr(partner, name)) for name in _NAMES]
    places = ", ".join("?" for _ in _NAMES)
    connection.execute(f"INSERT INTO partner ({_COLUMNS}) VALUES ({places})", values)


def every(connection: sqlite3.Connection) -> tuple[Partner, ...]:
    """All pairings by name; of those with the same name the one that has not ended first."""
    return _select(connection, "TRUE")


def find(connection: sqlite3.Connection, pairing: str) -> Partner | None:
    """The pairing of that id."""
    return next(iter(_select(connection, "pairing = ?", pairing)), None)


def of_pairing(connection: sqlite3.Connection, pairing: str) -> Partner:
    """The pairing of that id.

    Raises:
        NotFoundError: there is none.
    """
    partner = find(connection, pairing)
    if partner is None:
        raise NotFoundError("no such pairing", given=pairing, hint="shanhai pair show")
    return partner


def named(connection: sqlite3.Connection, name: str) -> Partner:
    """The pairing with the partner of that name; of several the one that has not ended, else the last.

    Raises:
        NotFoundError: there is none.
    """
    found = _select(connection, "name = ?", name)
    if not found:
        known = list(dict.fromkeys(one.name for one in every(connection))) or "none yet"
        raise NotFoundError("no such partner", given=as_typed(name), allowed=known, hint="shanhai pair show")
    return found[0]


def standing(connection: sqlite3.Connection, name: str) -> Partner | None:
    """The pairing of that name that has not ended."""
    return next(iter(_select(connection, "name = ? AND state <> ?", name, PairingState.ENDED.value)), None)


def offer_of(partner: Partner) -> Offer:
    """The offer that the pairing began with."""
    return kept_offer(partner.offer)


def agreed(partner: Partner) -> Pairing:
    """What both agreed on.

    Raises:
        ConfigurationError: the partner has not accepted yet.
    """
    if partner.document is None:
        raise ConfigurationError(
            "the partner has not accepted the offer yet",
            given=partner.name,
            hint=f"with the file that comes back: shanhai pair confirm {partner.name} FILE",
        )
    return kept_pairing(partner.document)


def sign_too(connection: sqlite3.Connection, pairing: str, document: bytes) -> None:
    """Keep the same document with more signatures."""
    connection.execute("UPDATE partner SET document = ? WHERE pairing = ?", (document, pairing))


def speak_as(connection: sqlite3.Connection, pairing: str, *, generation: int) -> None:
    """Number the messages to the partner in this generation of ours, from 0."""
    connection.execute(
        "UPDATE partner SET generation_out = ?, next_seq_out = 0, last_out = NULL WHERE pairing = ?",
        (generation, pairing),
    )


def step(connection: sqlite3.Connection, pairing: str, step: Step) -> Partner:
    """Take a step, and give the pairing as it then is.

    Raises:
        Refused: pairing-step-wrong.
    """
    partner = of_pairing(connection, pairing)
    after = taken(partner.state, step)
    connection.execute("UPDATE partner SET state = ? WHERE pairing = ?", (after.value, pairing))
    return dataclasses.replace(partner, state=after)


def sent(
    connection: sqlite3.Connection, pairing: str, *, generation: int, seq: int, digest: str | None
) -> None:
    """Note which message was the last to the partner; none with number -1."""
    connection.execute(
        "UPDATE partner SET generation_out = ?, next_seq_out = ?, last_out = ? WHERE pairing = ?",
        (generation, seq + 1, digest, pairing),
    )


def settled(connection: sqlite3.Connection, pairing: str, *, generation: int, seq: int, digest: str) -> None:
    """Note which message of the partner was settled last."""
    connection.execute(
        "UPDATE partner SET generation_in = ?, next_seq_in = ?, last_in = ? WHERE pairing = ?",
        (generation, seq + 1, digest, pairing),
    )


def acked(connection: sqlite3.Connection, pairing: str, ack: Acknowledged) -> None:
    """Note up to where the partner has settled our messages; what it said before is never taken back."""
    connection.execute(
        "UPDATE partner SET acked_generation = ?, acked_seq = ?, acked_digest = ? "
        "WHERE pairing = ? AND (acked_digest IS NULL OR (acked_generation, acked_seq) < (?, ?))",
        (ack.generation, ack.seq, ack.digest, pairing, ack.generation, ack.seq),
    )


def heard(connection: sqlite3.Connection, pairing: str, at: datetime) -> None:
    """Note that something of the partner came that its keys signed."""
    connection.execute("UPDATE partner SET heard = ? WHERE pairing = ?", (write_moment(at), pairing))


def told(connection: sqlite3.Connection, pairing: str, version: int) -> None:
    """Note which version of our own keyset the partner was told."""
    connection.execute("UPDATE partner SET told_keyset = ? WHERE pairing = ?", (version, pairing))


def move(connection: sqlite3.Connection, pairing: str, relay: str) -> None:
    """Reach the relay at another address from now on."""
    connection.execute("UPDATE partner SET relay = ? WHERE pairing = ?", (relay, pairing))


def freeze(connection: sqlite3.Connection, pairing: str, digest: str, at: datetime) -> None:
    """Let nothing be received and nothing be released until a person has decided.

    Args:
        digest: of the message that contradicts what is known; of several the first is kept.
    """
    connection.execute(
        "UPDATE partner SET frozen = ? WHERE pairing = ? AND frozen IS NULL", (digest, pairing)
    )
    waiting.waits(connection, "fork", pairing, at)


def thaw(connection: sqlite3.Connection, pairing: str, *, who: str, at: datetime) -> None:
    """Go on after a person has decided."""
    connection.execute("UPDATE partner SET frozen = NULL WHERE pairing = ?", (pairing,))
    waiting.done(connection, "fork", pairing, who=who, at=at)


def check_thawed(partner: Partner) -> None:
    """Return if the pairing is not frozen.

    Raises:
        DeniedError: it is.
    """
    if partner.frozen is not None:
        raise DeniedError(
            "the pairing is frozen: two messages of the partner contradict each other",
            given=f"{partner.name}, message {partner.frozen}",
            hint=f"speak to the partner, then end it, or: shanhai pair resume {partner.name} --after-fork",
        )


def _select(connection: sqlite3.Connection, condition: str, *values: str) -> tuple[Partner, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM partner WHERE {condition} ORDER BY name, state = 'ended', rowid DESC", values
    ).fetchall()
    return tuple(map(_read, rows))


def _read(row: tuple[Any, ...]) -> Partner:
    values = dict(zip(_NAMES, row, strict=True))
    heard_at = values["heard"]
    return Partner(
        **{
            **values,
            "state": PairingState(values["state"]),
            "heard": None if heard_at is None else read_moment(heard_at),
        }
    )


def _stored(value: Any) -> Any:
    match value:
        case PairingState():
            return value.value
        case datetime():
            return write_moment(value)
        case _:
            return value
