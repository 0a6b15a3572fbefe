"""A home whose node has a keyset and a log with events, made without locking any key."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

from shanhai.audit.checkpoints import LogKey, origin_of
from shanhai.audit.database import FILE, open_database, transaction
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project
from shanhai.clock import system_clock
from shanhai.courier.own_keys import keyring_of
from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import LOG
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots


def known_node(home: Path, *, published: int, after: int = 0) -> LogKey:
    """A node with so many events in its checkpoint, and some after it.

    Returns:
        The key of its log.
    """
    now = system_clock().replace(microsecond=0)
    roots, fresh = new_roots(Policy()), new_keys(Policy())
    keyset = keyring_of(home).publish(
        sign_keyset(first_keyset("longyou", roots, fresh, Policy(), now), roots.keys)
    )
    signer = fresh[LOG][0]
    key = LogKey(origin_of(keyset.node, keyset.generation), signer.public.public, signer.sign)
    with contextlib.closing(open_database(home / FILE)) as connection:
        log = EventLog(connection)
        for count in (published, after):
            with transaction(connection):
                for number in range(log.size, log.size + count):
                    kind, at = ("end", "suspend")[number % 2], now + timedelta(seconds=number)
                    log.append(happened(kind, who="Li Wei", at=at, pairing=f"{number:032x}"))
            if count == published:
                project(connection, home / "audit", key, [key.public])
    return key
