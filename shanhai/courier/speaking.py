"""Who speaks for a node: its newest keyset, its private keys and the moment; and to which key of another."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from shanhai.audit.log import EventLog
from shanhai.courier import partners, their_keys
from shanhai.courier.own_keys import keyring_of, log_key
from shanhai.courier.partners import Partner
from shanhai.errors import ConfigurationError, DataError
from shanhai.exchange.algorithms import SigningKey
from shanhai.exchange.bodies import Body, Content, LogNews, NewKeyset, write_body
from shanhai.exchange.keysets import SIGN, Keyset
from shanhai.exchange.messages import Address, Sealed, seal_message
from shanhai.exchange.rules import Rules
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetStatement
from shanhai.exchange.suites import SealKey
from shanhai.keyring.holdings import Holdings

VALID = timedelta(days=30)
"""How long a parcel can be received after it was issued, at least; else two head intervals."""


@dataclass(frozen=True)
class Carried:
    """What a parcel carries keys for.

    Attributes:
        statement: of the set.
        keys: by key id: the footer's and those of the columns that the recipient may read.
    """

    statement: SetStatement
    keys: Mapping[str, Secret] = field(repr=False)


@dataclass(frozen=True)
class Speaker:
    """A node whose keys are open.

    Attributes:
        keyset: its newest.
        envelope: the same as it is signed.
        holdings: the private keys.
        now: the moment of what it says, in UTC and without a fraction of a second.
    """

    keyset: Keyset
    envelope: bytes = field(repr=False)
    holdings: Holdings = field(repr=False)
    now: datetime

    @property
    def signers(self) -> tuple[SigningKey, ...]:
        """The keys that must all sign what the node says now.

        Raises:
            ConfigurationError: one is not held, or not valid any more.
        """
        return self.holdings.signers(self.keyset, self.now)

    @property
    def announcers(self) -> tuple[SigningKey, ...]:
        """The keys that sign a new keyset of this node: all that are valid, the oldest first.

        A partner that knows the keyset before only finds keys of that one among them.

        Raises:
            ConfigurationError: none is held that is valid.
        """
        held = {key.kid: key for key in self.holdings.keys if isinstance(key, SigningKey)}
        valid = [
            one
            for one in self.keyset.of_use(SIGN)
            if one.kid in held and self.keyset.is_usable(one, self.now)
        ]
        valid.sort(key=lambda one: (one.not_before, one.kid))
        return tuple(held[one.kid] for one in valid) or self.signers


def open_speaker(home: Path, passphrase: Secret, *, now: datetime) -> Speaker:
    """Open the keys of a node.

    Raises:
        NotFoundError: it has none yet.
        PassphraseError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
    """
    keyring = keyring_of(home)
    envelope = keyring.envelope
    return Speaker(keyring.keyset(), envelope, keyring.unlock(passphrase), now.replace(microsecond=0))


def sealing_key(theirs: Keyset, rules: Rules, now: datetime) -> tuple[str, SealKey]:
    """The strongest suite that a recipient and the pairing allow, and the newest valid key for it.

    Raises:
        ConfigurationError: the recipient has no such key now.
    """
    found = theirs.seals_to(rules.suites, now)
    if found is not None:
        return found
    raise ConfigurationError(
        "the partner has no valid key to seal to",
        given=f"{theirs.name}, keyset {theirs.version}",
        allowed=", ".join(rules.suites),
        hint="the partner rotates and brings its keyring/keyset.json: shanhai pair renew PARTNER FILE",
    )


def check_speaks(speaker: Speaker, partner: Partner) -> None:
    """Return if a message to a partner could be sealed and signed now.

    Raises:
        ConfigurationError: one of the two nodes has no valid key, or the partner has not accepted yet.
    """
    sealing_key(their_keys.their_keyset(partner), partners.agreed(partner).rules, speaker.now)
    if speaker.signers:
        log_key(speaker.keyset, speaker.holdings, speaker.now)


def keys_last(mine: Keyset, partner: Partner, now: datetime) -> bool:
    """Whether a message to a partner could be sealed and signed now, as far as keysets tell.

    No key is opened: that those of this node are held is not known by it.

    Raises:
        ConfigurationError: the partner has not accepted yet.
    """
    suites = partners.agreed(partner).rules.suites
    return mine.speaks(now) and their_keys.their_keyset(partner).seals_to(suites, now) is not None


def sealed_to(
    connection: sqlite3.Connection,
    partner: Partner,
    content: Content,
    speaker: Speaker,
    carried: Carried | None,
) -> Sealed:
    """What is said to a partner as its next message: sealed to it and signed; to be kept, or forgotten whole.

    Raises:
        ConfigurationError: one of the two nodes has no valid key.
        DataError: the message would be too large.
    """
    rules = partners.agreed(partner).rules
    theirs = their_keys.their_keyset(partner)
    suite, recipient = sealing_key(theirs, rules, speaker.now)
    signers = speaker.announcers if isinstance(content, NewKeyset) else speaker.signers
    statement = carried.statement if carried else None
    address = Address(
        pairing=partner.pairing,
        sender_node=speaker.keyset.node,
        sender=signers[0].kid,
        recipient_node=theirs.node,
        recipient=recipient,
        suite=suite,
        generation=partner.generation_out,
        seq=partner.next_seq_out,
        prev=partner.last_out,
        issued=speaker.now,
        set_digest=statement.digest if statement else None,
        not_after=speaker.now + max(VALID, timedelta(seconds=2 * rules.head_interval)) if statement else None,
    )
    key = log_key(speaker.keyset, speaker.holdings, speaker.now)
    news = LogNews(checkpoint=EventLog(connection).checkpoint(key).decode())
    body = Body(secrets.token_bytes(32), partner.ack, content, news)
    try:
        return seal_message(
            address,
            write_body(body, statement),
            keys=carried.keys if carried else {},
            signers=signers,
        )
    except ValueError as error:
        raise DataError("the message cannot be sealed", given=str(error)) from error
