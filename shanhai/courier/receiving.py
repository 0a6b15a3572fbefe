"""Receive from a partner: its messages in their order, each once, however often this is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shanhai.courier import granted, inbox, incoming, outbox, partners, releases, their_keys
from shanhai.courier.arrived import Arrived, InboxState
from shanhai.courier.desk import Desk
from shanhai.courier.fetching import fetch
from shanhai.courier.finishing import finish
from shanhai.courier.opening import Made, Sealed, open_set, room_of
from shanhai.courier.partners import Partner
from shanhai.courier.refusing import keep_evidence, refuse, settle_vouched
from shanhai.courier.relays.layout import Relay
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.releases import Release
from shanhai.courier.settling import begin, take_message, take_parcel
from shanhai.courier.stopping import note_replaced, note_stop
from shanhai.courier.taking_back import read_ahead, unbegun_releases
from shanhai.errors import DeniedError, NotFoundError, RetryableError
from shanhai.exchange import dsse
from shanhai.exchange.failures import Gap, Refused, Seen
from shanhai.exchange.messages import header_in
from shanhai.exchange.order import Arrival, Pending
from shanhai.exchange.pairing_states import check_receives
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receive import Standing, Verified, receive, vouched
from shanhai.exchange.sets import SetStatement, read_set
from shanhai.exchange.suites import OpenKey
from shanhai.exchange.unwrap import Held, Opened, unwrap
from shanhai.settings import Settings

_ASK = "each code and what helps: docs/guide/receive.md, When it stops"


@dataclass(frozen=True)
class Received:
    """What came of one run.

    Attributes:
        partner: by name.
        settled: the messages that were settled in it, in their order.
        stopped: why no later one was looked at; None: there was none.
        taken_back: releases to the partner that had not begun to leave, and do not: a message of it froze the
            pairing, or suspended it, and they would have held what it is to be told.
    """

    partner: str
    settled: tuple[Arrived, ...]
    stopped: Refused | RetryableError | None
    taken_back: tuple[Release, ...] = ()


def receive_from(desk: Desk, settings: Settings, name: str, *, address: str | None = None) -> Received:
    """Receive all that is there from one partner.

    Each message is settled in one transaction: its number, what it does here, the events and the receipt.
    Killed at any moment, the next run goes on where this one stopped; nothing is done twice.

    Args:
        address: of the relay, where it is not the partner's usual one: a stick that somebody brought.

    Raises:
        NotFoundError: there is no such partner.
        DeniedError: the pairing is frozen.
        Refused: pairing-not-confirmed, pairing-suspended, pairing-ended.
        BusyError: another process receives from this partner.
        ConfigurationError: the address of the relay, a key of ours, or the means to confine a parser.
    """
    partner = partners.named(desk.connection, name)
    settled: list[Arrived] = []
    stopped: Refused | RetryableError | None = None
    with incoming.one_at_a_time(desk.home, partner.pairing):
        # First: what an earlier run acknowledged is kept, wherever the pairing stands by now.
        finish(desk.home, desk.connection, partner.pairing)
        partners.check_thawed(partner)
        check_receives(partner.state)
        waiting = unbegun_releases(desk.connection, partner.pairing)
        # A message may take them back, in the transaction that settles it.
        read_ahead(desk)
        run: _Run | None = None
        try:
            with relay_of(partner, settings, address=address) as relay:
                run = _Run(desk, relay, partner.pairing, settings)
                for one in run.messages():
                    settled.append(one)  # noqa: PERF402 -- what was settled before it stops counts
        except (Refused, RetryableError) as error:
            stopped = error
            if isinstance(error, Refused | Gap):
                place = name if run is None else run.looked_at(name)
                error.given = f"{error.given}, {place}" if error.given else place
                error.hint = _ASK
        if run is not None and run.replaced is not None:
            note_replaced(desk, partner.pairing, replaced=run.replaced)
        note_stop(desk, partner.pairing, stopped)
        gone = tuple(one for one in waiting if releases.of_message(desk.connection, one.message) is None)
    return Received(name, tuple(settled), stopped, gone)


@dataclass
class _Run:
    """One run: whose keys, which relay, which pairing, and what it may take.

    Attributes:
        desk: at the moment at which the message in hand was looked at.
        replaced: whether the relay shows something else in the place of a settled message, or what is not the
            next one in its place; None: the run did not look, or not everywhere, since the relay failed.
        place: generation and number of the message in hand; None: none is.
    """

    desk: Desk
    relay: Relay
    pairing: str
    settings: Settings
    replaced: bool | None = None
    place: tuple[int, int] | None = None

    def looked_at(self, name: str) -> str:
        """The message in hand, for people."""
        return name if self.place is None else f"message {self.place[0]}/{self.place[1]} of {name}"

    @property
    def partner(self) -> Partner:
        """The pairing as it stands now: every message may have moved it."""
        return partners.of_pairing(self.desk.connection, self.pairing)

    def messages(self) -> Iterator[Arrived]:
        """Settle what was begun, then what is at the relay; gives what was settled.

        Raises:
            Refused, Gap: at the first message that cannot be settled now.
            RetryableError: the relay, or the home, failed.
        """
        begun = self.desk
        for envelope, past in self._envelopes():
            # Those before it may have taken hours, in which it may have been issued.
            self.desk = begun.later()
            if not past:
                yield from self._vouched(envelope)
            try:
                settled = self._handled(envelope, past=past)
            except Gap:
                if not past:
                    raise
                # It belongs to another place, and is asked for there.
                self.replaced = True
                continue
            if settled is not None:
                yield settled

    def _envelopes(self) -> Iterator[tuple[bytes, bool]]:
        """What is to be looked at, and whether it lies in the place of a message that is settled."""
        partner = self.partner
        begun = inbox.at_place(self.desk.connection, self.pairing, partner.generation_in, partner.next_seq_in)
        # Its bytes are here, whatever the relay shows by now.
        for row in begun:
            self.place = (row.generation, row.seq)
            yield row.envelope, False
        partner, self.place = self.partner, None
        next_place = (partner.generation_in, partner.next_seq_in)
        back = self.relay.looked_back
        first = 0 if back is None else max(0, partner.next_seq_in - back)
        listed = list(self.relay.messages(partner.generation_in, first))
        self.replaced = False
        for place in listed:
            if not self._still_receives():
                return
            envelope = self._at(place, past=place < next_place)
            if envelope is not None:
                yield envelope, place < next_place
            for other in self.relay.others(*place):
                if not self._still_receives():
                    return
                # The one before may have been settled just now.
                yield other, place < (self.partner.generation_in, self.partner.next_seq_in)

    def _still_receives(self) -> bool:
        """Whether the pairing has not ended with the message before."""
        try:
            check_receives(self.partner.state)
        except Refused:
            return False
        return True

    def _at(self, place: tuple[int, int], *, past: bool) -> bytes | None:
        """What lies at a place that was listed; None where nothing can be read, and nothing depends on it.

        Raises:
            RetryableError, DeniedError: the relay gives nothing, in a place that is not settled.
        """
        self.place = place
        try:
            return self.relay.message(*place)
        except NotFoundError:
            # Gone since it was listed, or no file: if something comes after it, that is a gap.
            self.replaced = True
        except DeniedError:
            if not past:
                raise
            self.replaced = True
        except RetryableError:
            if not past:
                raise
            # It may answer next time: nobody is told of a replacement, and what was told before stays.
            self.replaced = self.replaced or None
        return None

    def _vouched(self, envelope: bytes) -> Iterator[Arrived]:
        """Settle as refused what came before by keys that were over by then, and what this message names."""
        for seen in vouched(envelope, standing=self._standing(), now=self.desk.now):
            yield settle_vouched(self.desk, self.partner, seen)

    def _handled(self, envelope: bytes, *, past: bool) -> Arrived | None:
        """Settle one message; None where it is settled already, or nobody needs it any more."""
        seen: Seen | None = None
        statement: bytes | None = None
        try:
            before = inbox.by_digest(self.desk.connection, dsse.read(envelope, dsse.MESSAGE).digest)
            if before is not None and before.settled:
                self._found_again(past=past)
                return None
            at = before.received if before is not None else self.desk.now
            if before is not None and before.state is InboxState.OPENING:
                # Of one that was refused the relay may have shown another.
                statement = before.statement
            verified = receive(envelope, standing=self._standing(), now=at)
            if verified.arrival is Arrival.KNOWN:
                self._found_again(past=past)
                return None
            self._check_alone(verified.seen)
            seen = verified.seen
            statement = statement or self._statement(verified)
            return self._settled(verified, envelope, statement)
        except Refused as refusal:
            # Those that came before its place was found carry what is known of it themselves.
            full = (
                refusal
                if seen is None
                else Refused(
                    refusal.code, stage=refusal.stage, field=refusal.field, seen=seen, given=refusal.given
                )
            )
            if past and (full.seen is None or full.seen.pairing != self.pairing):
                # Of a message that was settled long ago: nothing depends on what the relay shows there.
                self.replaced = True
                keep_evidence(self.desk, self.partner, full, envelope)
                return None
            return refuse(self.desk, self.partner, full, envelope, statement, in_place=seen is not None)

    def _found_again(self, *, past: bool) -> None:
        """A settled message where the next one belongs: what waits is hidden, and nothing behind it tells."""
        if not past:
            self.replaced = True

    def _settled(self, verified: Verified, envelope: bytes, data: bytes | None) -> Arrived:
        statement = self._fetched(verified, data)
        moment = begin(self.desk, self.partner, verified, envelope, data)
        opened = unwrap(verified, held=self._held(), statement=statement, at=moment.received)
        if statement is None or not isinstance(opened.body.content, Parcel):
            return take_message(self.desk, self.partner, verified.seen, opened)
        made = self._made(verified.seen, opened, opened.body.content, statement)
        return take_parcel(self.desk, self.partner, verified.seen, opened, made)

    def _standing(self) -> Standing:
        partner = self.partner
        known = inbox.Known(self.desk.connection, self.pairing)
        return Standing(
            pairing=partners.agreed(partner),
            state=partner.state,
            mine=self.desk.speaker.keyset,
            theirs=their_keys.their_keyset(partner),
            position=partner.position(known, self._pending()),
        )

    def _pending(self) -> dict[str, Pending]:
        rows = inbox.waiting_for_a_voucher(self.desk.connection, self.pairing)
        return {row.digest: Pending(row.seen, header_in(row.envelope).prev) for row in rows}

    def _check_alone(self, seen: Seen) -> None:
        """No other message has this number, not even one that is not settled yet.

        Raises:
            Refused: fork-same-seq.
        """
        others = inbox.at_place(self.desk.connection, self.pairing, seen.generation, seen.seq)
        if any(row.digest != seen.digest and not row.waits_for_a_voucher for row in others):
            raise Refused("fork-same-seq", seen=seen)

    def _statement(self, verified: Verified) -> bytes | None:
        """The set statement that the header names, as the relay has it."""
        digest = verified.header.set_digest
        if digest is None:
            return None
        try:
            return self.relay.statement(digest)
        except NotFoundError:
            raise Refused("file-omitted", field="statement", given=f"statement {digest}") from None

    def _fetched(self, verified: Verified, data: bytes | None) -> SetStatement | None:
        if data is None:
            return None
        statement = read_set(data, keyset=verified.keyset, digest=verified.header.set_digest)
        folder = incoming.folder_for(self.desk.home, verified.seen)
        free = self.settings.free_disk_bytes
        fetch(self.relay, statement, folder, keep_free_bytes=free, tell=self.desk.tell)
        return statement

    def _held(self) -> Held:
        desk = self.desk
        return Held(
            node=desk.me,
            keys={key.kid: key for key in desk.speaker.holdings.keys if isinstance(key, OpenKey)},
            grants=granted.HeldGrants(desk.connection, desk.me),
            sent=outbox.sent_to(desk.connection, self.pairing),
        )

    def _made(self, seen: Seen, opened: Opened, parcel: Parcel, statement: SetStatement) -> Made:
        if opened.facts is None:
            raise AssertionError("a parcel has facts")
        sealed = Sealed(statement, opened.facts, parcel.names, opened.keys)
        folder = incoming.folder_for(self.desk.home, seen)
        return open_set(sealed, folder, room_of(self.settings, self.desk.tell))
