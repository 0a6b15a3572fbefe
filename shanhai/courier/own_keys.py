"""A node's own keys: made, changed by the root, and each change an event before it counts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from shanhai.audit.checkpoints import Checkpoint, LogKey, origin_of
from shanhai.audit.database import FILE, open_database, transaction
from shanhai.audit.events import Event, happened
from shanhai.audit.log import EventLog
from shanhai.audit.projection import FOLDER as LOG_FOLDER
from shanhai.audit.projection import project
from shanhai.courier.database import open_state
from shanhai.courier.log_kept import check_kept, check_log
from shanhai.courier.opening_needs import unneeded
from shanhai.errors import ConfigurationError
from shanhai.exchange.keyset_documents import read_keyset, sign_keyset
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.secret import Secret
from shanhai.keyring import age
from shanhai.keyring.holdings import Holdings, Roots
from shanhai.keyring.keyring import FOLDER, Keyring
from shanhai.keyring.rotation import (
    OVERLAP,
    VALID,
    Policy,
    first_keyset,
    needed,
    new_keys,
    new_roots,
    next_keyset,
    policy_of,
)


@dataclass(frozen=True)
class Passphrases:
    """Of the two files: that of the root keys, and that of the keys that the node works with."""

    root: Secret
    node: Secret


@dataclass(frozen=True)
class Change:
    """What the next keyset is to be.

    Args:
        valid: how long new keys last.
        overlap: for how long the old ones stay valid beside them.
        compromised: since when a key is not to be believed, by its id.
        root: where `root.age` is, when not in the keyring.
    """

    valid: timedelta = VALID
    overlap: timedelta = OVERLAP
    compromised: Mapping[str, datetime] = field(default_factory=dict)
    root: Path | None = None


def keyring_of(home: Path) -> Keyring:
    """The keyring of a home."""
    return Keyring(home / FOLDER)


def create_node(
    home: Path,
    name: str,
    passphrases: Passphrases,
    policy: Policy,
    *,
    who: str,
    now: datetime,
    again: bool = False,
) -> Keyset:
    """Make root keys, the first keyset and the keys that it names. No key file is ever overwritten.

    Args:
        name: of the node, for people.
        who: the person who does it.
        again: go on where it was cut off: a keyset that is there counts from now on; files without any are
            moved into a folder of their own.

    Raises:
        ConfigurationError: the home has keys already, or `who` is no name of a person.
        BusyError: another process changes the keys.
        LogUnwritableError: the event cannot be written.
        StoreError: a key file cannot be written.
    """
    moment = now.replace(microsecond=0)
    keyring = keyring_of(home)
    with keyring.changing():
        check_no_keys(keyring, again=again)
        if again and keyring.keysets():
            holdings = keyring.unlock(passphrases.node)
            keyring.finish()
        else:
            if keyring.remains:
                keyring.set_aside(moment)
            holdings = _first_keys(home, keyring, name, passphrases, policy, who, moment)
        publish_log(home, holdings, now=moment)
        return keyring.keyset()


def check_no_keys(keyring: Keyring, *, again: bool) -> None:
    """Return if new keys may be made: none is there that somebody could miss.

    Raises:
        ConfigurationError: there is one.
    """
    if keyring.exists:
        raise ConfigurationError("this home has keys already", given=keyring.folder, hint="shanhai node show")
    if keyring.remains and not again:
        raise ConfigurationError(
            "this home has keys and no keyset.json",
            given=f"{keyring.folder}: {', '.join(keyring.remains)}",
            allowed="a home without keys",
            hint="put keyset.json and keysets/ back from a copy; only where a first node init was cut "
            "off: --again, which deletes nothing",
        )


def _first_keys(
    home: Path,
    keyring: Keyring,
    name: str,
    passphrases: Passphrases,
    policy: Policy,
    who: str,
    moment: datetime,
) -> Holdings:
    roots, fresh = new_roots(policy), new_keys(policy)
    holdings = Holdings(age.new_identity(), tuple(key for keys in fresh.values() for key in keys))
    keyset = first_keyset(name, roots, fresh, policy, moment)
    envelope = sign_keyset(keyset, roots.keys)
    event = _event(read_keyset(envelope, roots=keyset.roots), who, moment)
    with contextlib.closing(open_database(home / FILE)) as connection:
        with transaction(connection):
            keyring.lock_roots(roots, passphrases.root)
            keyring.lock(holdings, passphrases.node)
            EventLog(connection).append(event)
        keyring.publish(envelope)
    return holdings


def rotate_keys(home: Path, passphrases: Passphrases, change: Change, *, who: str, now: datetime) -> Keyset:
    """Make new keys and the next keyset, signed by the root; killed anywhere, it may be run again.

    Private keys that sign no more are deleted, and those that open and that nobody needs any more.

    Raises:
        NotFoundError: the node has no keys, or `root.age` is elsewhere.
        PassphraseError, DamagedKeyFileError, OpenKeyFileError: a key file stays closed.
        ConfigurationError: a compromised key is none of the keyset; the root keys are of another node.
        EvidenceError: the log does not go on from what it signed last.
        BusyError: another process changes the keys.
        LogUnwritableError: the event cannot be written.
    """
    keyring = keyring_of(home)
    keyring.keyset()
    check_kept(home)
    with keyring.changing():
        keyring.finish()
        return _rotated(home, keyring, passphrases, change, who, now.replace(microsecond=0))


def _rotated(
    home: Path, keyring: Keyring, passphrases: Passphrases, change: Change, who: str, moment: datetime
) -> Keyset:
    before = keyring.keyset()
    roots = keyring.unlock_roots(passphrases.root, change.root)
    _check_roots(roots, before)
    held = keyring.unlock(passphrases.node)
    policy = policy_of(before, change.valid)
    fresh = new_keys(policy)
    keyset = next_keyset(
        before,
        fresh,
        policy,
        moment,
        overlap=change.overlap,
        compromised=change.compromised,
        older=keyring.keysets(),
    )
    envelope = sign_keyset(keyset, roots.keys)
    event = _event(read_keyset(envelope, roots=keyset.roots), who, moment)
    versions = keyring.keysets()
    with contextlib.closing(open_state(home)) as connection:
        with transaction(connection):
            check_log(home, connection)
            # By the versions that count: killed before this one does, what they offer is held.
            gone = unneeded(connection, versions, moment)
            kept = needed(held, (*versions, keyset), moment, unneeded=gone).keys
            holdings = replace(held, keys=(*kept, *(key for keys in fresh.values() for key in keys)))
            keyring.lock(holdings, passphrases.node)
            EventLog(connection).append(event)
        keyset = keyring.publish(envelope)
    publish_log(home, holdings, now=moment)
    return keyset


def _check_roots(roots: Roots, keyset: Keyset) -> None:
    given, own = ({key.kid for key in keys} for keys in ((one.public for one in roots.keys), keyset.roots))
    if given != own:
        raise ConfigurationError(
            "these root keys are not those of this node",
            given=", ".join(sorted(given)),
            allowed=sorted(own),
            hint="--root names the root.age of this node; its fingerprints: shanhai node show",
        )


def log_key(keyset: Keyset, holdings: Holdings, now: datetime) -> LogKey:
    """What signs the checkpoints of the node now."""
    signer = holdings.log_signer(keyset, now)
    return LogKey(origin_of(keyset.node, keyset.generation), signer.public.public, signer.sign)


def publish_log(home: Path, holdings: Holdings, *, now: datetime) -> Checkpoint:
    """Bring the files of the log up to its events, and sign a checkpoint.

    Raises:
        EvidenceError: the log does not continue what it signed last.
        StoreError: the folder cannot be written.
    """
    keyring = keyring_of(home)
    key = log_key(keyring.keyset(), holdings, now)
    with contextlib.closing(open_database(home / FILE)) as connection:
        ever = (*keyring.log_keys(), *keyring.log_keys_taken_back())
        return project(connection, home / LOG_FOLDER, key, ever)


def _event(keyset: Keyset, who: str, now: datetime) -> Event:
    return happened(
        "keyset",
        who=who,
        at=now,
        node=keyset.node,
        version=keyset.version,
        digest=keyset.digest,
        generation=keyset.generation,
    )
