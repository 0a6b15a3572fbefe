"""A person, or a schedule, at the keys of one node: what every act in the exchange needs."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.clock import Clock, running_clock
from shanhai.courier.database import open_state
from shanhai.courier.own_keys import publish_log
from shanhai.courier.progress import Tell, silent
from shanhai.courier.speaking import Speaker, open_speaker
from shanhai.courier.withdrawn import Tables
from shanhai.errors import ConfigurationError, RetryableError
from shanhai.exchange.secret import Secret

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """An open node.

    Attributes:
        home: of the node.
        connection: to the state of its exchange.
        speaker: its keys, and the moment.
        who: the person who acts, by name, or `SYSTEM`.
        tell: is told how far a long act has come.
        clock: goes on from the moment of the keys.
        tables: of the home, as far as what waits to leave is made of them.
    """

    home: Path
    connection: sqlite3.Connection
    speaker: Speaker
    who: str
    tell: Tell = field(default=silent, repr=False, compare=False)
    clock: Clock = field(init=False, repr=False, compare=False)
    tables: Tables = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", running_clock(self.speaker.now))
        object.__setattr__(self, "tables", Tables(self.home))

    @property
    def now(self) -> datetime:
        """The moment of whatever is done here, in UTC and without a fraction of a second."""
        return self.speaker.now

    @property
    def me(self) -> str:
        """The id of this node."""
        return self.speaker.keyset.node

    @property
    def envelope(self) -> bytes:
        """The signed keyset of this node, as partners get it."""
        return self.speaker.envelope

    def later(self) -> Desk:
        """The same at the moment that it is by now: whoever has waited, or worked for long, goes on by it."""
        by_now = replace(self, speaker=replace(self.speaker, now=self.clock()))
        object.__setattr__(by_now, "tables", self.tables)
        return by_now

    def record(self, kind: str, **about: str | int) -> int:
        """Append an event within the transaction of what it tells, and give its leaf.

        Raises:
            LogUnwritableError: it could not be written; the transaction must be rolled back.
            ConfigurationError: `who` is not the name of a person.
        """
        return EventLog(self.connection).append(happened(kind, who=self.who, at=self.now, **about))


@contextlib.contextmanager
def open_desk(
    home: Path, passphrase: Secret, *, who: str, now: datetime, tell: Tell = silent
) -> Iterator[Desk]:
    """Open a node; when it is left, also by an error, the files of its log are brought up to its events.

    What was done was done, with its events: where the log cannot be published, it is next time.

    Raises:
        NotFoundError: the home has no keys.
        PassphraseError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
        LogUnwritableError: the state of the exchange cannot be opened.
    """
    speaker = open_speaker(home, passphrase, now=now)
    with contextlib.closing(open_state(home)) as connection:
        try:
            yield Desk(home, connection, speaker, who, tell)
        finally:
            _publish(home, speaker)


def _publish(home: Path, speaker: Speaker) -> None:
    try:
        publish_log(home, speaker.holdings, now=speaker.now)
    except (ConfigurationError, RetryableError) as error:
        log.warning("the files of the log are behind its events: %s", error)
