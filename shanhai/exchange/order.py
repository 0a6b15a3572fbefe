"""In which place a message stands among those of its sender: next, known, missing one, or a fork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shanhai.exchange.failures import Gap, Refused, Seen


class Arrival(StrEnum):
    """What a message is to its recipient."""

    NEXT = "next"
    KNOWN = "known"
    REOPENED = "reopened"


@dataclass(frozen=True)
class Pending:
    """A message of the sender whose signer cannot be believed any more; see `Position.pending`.

    Attributes:
        seen: its numbers and digest.
        prev: digest of the message before it, as its header says.
    """

    seen: Seen
    prev: str | None


@dataclass(frozen=True)
class Position:
    """How far the recipient has come with one sender in one pairing.

    Attributes:
        generation: of the sender, which a person confirmed if it is not 0.
        next_seq: number of the message that comes next; 0 at the start of a generation.
        last: digest of the message before that; None at the start.
        known: digest by (generation, seq) of messages that were settled. An entry that is lacking makes a
            message that comes again `replayed`; it never lets one pass.
        pending: by digest, messages that came signed by keys which were over or compromised by then. They
            take no number: only a message by keys that hold tells, by `prev`, that they are the sender's.
    """

    generation: int = 0
    next_seq: int = 0
    last: str | None = None
    known: Mapping[tuple[int, int], str] = field(default_factory=dict)
    pending: Mapping[str, Pending] = field(default_factory=dict)

    def after(self, seen: Seen) -> Position:
        """The position once that next message is settled, accepted or refused."""
        known = {**self.known, (seen.generation, seen.seq): seen.digest}
        return replace(self, generation=seen.generation, next_seq=seen.seq + 1, last=seen.digest, known=known)

    def vouched_by(self, seen: Seen, prev: str | None) -> tuple[Seen, ...]:
        """The pending messages between the last one and this, in their order; none where one is missing.

        Args:
            seen: of a message whose keys hold.
            prev: digest of the message before it, as its header says.
        """
        chain: list[Seen] = []
        while (seen.generation, seen.seq) > (self.generation, self.next_seq):
            before = self.pending.get(prev or "")
            if before is None or before.seen.generation != seen.generation or before.seen.seq != seen.seq - 1:
                return ()
            chain.insert(0, before.seen)
            seen, prev = before.seen, before.prev
        whole = (seen.generation, seen.seq) == (self.generation, self.next_seq) and prev == self.last
        return tuple(chain) if whole else ()


def place(seen: Seen, prev: str | None, *, position: Position, signed_generation: int) -> Arrival:
    """Whether the message is the next, or known already.

    Args:
        seen: numbers and digest of the message.
        prev: digest of the message before it, as its header says.
        position: how far the recipient has come.
        signed_generation: the generation in the sender's keyset, which its root signed.

    Raises:
        Refused: generation-raised-without-root, generation-old, fork-same-seq, replayed, fork-prev-mismatch.
        Gap: generation-not-confirmed, gap.
    """
    digest = position.known.get((seen.generation, seen.seq))
    if digest == seen.digest:
        return Arrival.KNOWN
    if digest is not None:
        raise Refused("fork-same-seq")
    if seen.generation > signed_generation:
        raise Refused("generation-raised-without-root")
    if seen.generation < position.generation:
        raise Refused("generation-old")
    if seen.generation > position.generation:
        raise Gap("generation-not-confirmed")
    if seen.seq < position.next_seq:
        raise Refused("replayed")
    if seen.seq > position.next_seq:
        raise Gap("gap")
    if prev != position.last:
        raise Refused("fork-prev-mismatch")
    return Arrival.NEXT


@dataclass(frozen=True)
class Acknowledged:
    """Up to which message of ours the partner says that it has settled them."""

    generation: int
    seq: int
    digest: str


@dataclass(frozen=True)
class Sent:
    """What we sent in one pairing.

    Attributes:
        digests: by (generation, seq).
        acknowledged: the highest that the partner acknowledged so far.
    """

    digests: Mapping[tuple[int, int], str]
    acknowledged: Acknowledged | None = None


def check_acknowledgement(ack: Acknowledged | None, sent: Sent) -> None:
    """Return if the acknowledgement is of what we sent and not below an earlier one.

    Raises:
        Refused: ack-below-ours (the partner fell back behind what it had), ack-of-other-bytes.
    """
    before = sent.acknowledged
    if before is not None and (ack is None or (ack.generation, ack.seq) < (before.generation, before.seq)):
        raise Refused("ack-below-ours")
    if ack is not None and sent.digests.get((ack.generation, ack.seq)) != ack.digest:
        raise Refused("ack-of-other-bytes")
