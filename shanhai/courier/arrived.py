"""A message that came from a partner: its bytes, how far it got, and what it held."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shanhai.exchange.failures import SETTLING, Seen, waits_for_a_voucher


class InboxState(StrEnum):
    """How far a message got.

    opening: verified, and its event is written; what follows may have been cut off. opened: a parcel whose
    contents hold. admitted: loaded under our own contract. taken: a message that is no parcel, done.
    refused: for good, or, at a stage that the relay may be the cause of, until it passes.
    """

    OPENING = "opening"
    OPENED = "opened"
    ADMITTED = "admitted"
    REFUSED = "refused"
    TAKEN = "taken"


@dataclass(frozen=True)
class Arrived:
    """One message.

    Attributes:
        digest: of its payload.
        type: of its body; None while it is closed.
        envelope, statement: the bytes as they came; the statement is that of the set, if it names one.
        received: when it was first verified; every later look judges it by that moment.
        keyset_digest: of the partner's keyset by which it was verified.
        code, stage: why and where it was refused.
        subject, version: what a parcel is of.
        opened_file: where what was opened lies in the home, once this row is committed.
        opened_sha256: of that file; of an application the digest of its listing.
        delivery: the delivery that it became.
        body: opened, without keys; shown, it proves the `body_sha256` of the header.
        executable: of an application, the digest of which of its files may be run.
    """

    digest: str
    pairing: str
    generation: int
    seq: int
    type: str | None
    envelope: bytes = field(repr=False)
    statement: bytes | None = field(repr=False)
    received: datetime
    keyset_digest: str | None
    state: InboxState
    code: str | None = None
    stage: str | None = None
    subject: str | None = None
    version: str | None = None
    opened_file: str | None = None
    opened_sha256: str | None = None
    delivery: str | None = None
    body: bytes | None = field(default=None, repr=False)
    executable: str | None = None

    @property
    def version_number(self) -> int | None:
        """The version of what a parcel is of; None before it is opened, and of any other message."""
        return None if self.version is None else int(self.version)

    @property
    def settled(self) -> bool:
        """Whether it keeps its number: no other bytes, and no later look, can change that."""
        if self.state is InboxState.REFUSED:
            return self.stage in SETTLING
        return self.state is not InboxState.OPENING

    @property
    def waits_for_a_voucher(self) -> bool:
        """Whether it has no number yet: its keys were over or compromised when it came."""
        return self.state is InboxState.REFUSED and waits_for_a_voucher(self.code, self.stage)

    @property
    def seen(self) -> Seen:
        """Its numbers, as refusals carry them."""
        return Seen(self.digest, self.pairing, self.generation, self.seq)


@dataclass(frozen=True)
class Came:
    """A message whose signatures hold, with its bytes; fields as of `Arrived`."""

    seen: Seen
    envelope: bytes = field(repr=False)
    statement: bytes | None = field(repr=False)
    received: datetime
    keyset_digest: str

    def row(self, state: InboxState, code: str | None = None, stage: str | None = None) -> Arrived:
        """Its row, while nobody has read what it says."""
        return Arrived(
            digest=self.seen.digest,
            pairing=self.seen.pairing,
            generation=self.seen.generation,
            seq=self.seen.seq,
            type=None,
            envelope=self.envelope,
            statement=self.statement,
            received=self.received,
            keyset_digest=self.keyset_digest,
            state=state,
            code=code,
            stage=stage,
        )


@dataclass(frozen=True)
class Contents:
    """What was found in an opened parcel; see `Arrived`."""

    subject: str
    version: str
    file: str
    sha256: str
    executable: str | None = None
