"""The folder of a node's keys: what is locked, what is public, and the few ways in which it changes."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from shanhai.errors import BusyError, ConfigurationError, DataError, NotFoundError, as_typed
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.keyset_documents import named_roots, read_keyset
from shanhai.exchange.keysets import LOG, Keyset
from shanhai.exchange.secret import Secret
from shanhai.exchange.strict import canonical, from_base64, parse, to_base64
from shanhai.keyring import age
from shanhai.keyring.core_dumps import forbid_core_dumps
from shanhai.keyring.failures import OtherKeyError
from shanhai.keyring.files import read_locked, read_private, remove_locked, write_locked
from shanhai.keyring.holdings import Holdings, Roots
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import make_folders, sync_folder, write_durably

FOLDER = "keyring"
ROOT = "root.age"
NODE = "node.age"
KEYSET = "keyset.json"
RECIPIENT = "recipient.txt"
_FILES = (ROOT, f"{ROOT}.sha256", NODE, f"{NODE}.sha256", KEYSET, RECIPIENT)
_FOLDERS = ("keysets", "sets")


class Keyring:
    """A folder of keys.

    `root.age` may be taken away after `shanhai node init`; it is needed to change the keyset only.
    `keyset.json` is the signed keyset as partners get it, `keysets/` holds every version. Keys of sets lie in
    `sets/`, locked to `recipient.txt`, whose identity is in `node.age`: writing one takes no passphrase.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def exists(self) -> bool:
        """Whether the node has a keyset."""
        return (self.folder / KEYSET).is_file()

    @property
    def remains(self) -> tuple[str, ...]:
        """The names of all that is there of keys; new keys never take their place."""
        return tuple(name for name in (*_FILES, *_FOLDERS) if (self.folder / name).exists())

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Change the keys in this process alone, up to the keyset that counts; a process that dies lets go.

        Raises:
            BusyError: another one does.
            StoreError: the folder cannot be written.
        """
        with disk_errors(self.folder):
            make_folders(self.folder)
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BusyError(
                    "another process changes the keys", given=self.folder, hint="wait until it is done"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Let the newest version count, where a process died before it did; else nothing changes.

        What such a process had not put in its place goes: it may be keys. Only while `changing`.
        """
        for folder in (self.folder, self.folder / "keysets"):
            _sweep(folder)
        versions = self.keysets()
        if versions and (not self.exists or self.keyset().version < versions[-1].version):
            newest = self._version(versions[-1].version)
            write_durably(self.folder / KEYSET, newest.read_bytes())

    def set_aside(self, now: datetime) -> Path:
        """Move all that is there of keys into a folder of its own beside them; nothing is deleted.

        Raises:
            StoreError: the folder cannot be written.
        """
        target = self.folder / f"before-{now:%Y%m%dT%H%M%SZ}"
        with disk_errors(target):
            target.mkdir(mode=0o700)
            for name in self.remains:
                (self.folder / name).rename(target / name)
            sync_folder(target)
            sync_folder(self.folder)
        return target

    @property
    def envelope(self) -> bytes:
        """The signed keyset, as partners get it.

        Raises:
            NotFoundError: the node has none yet.
        """
        if not self.exists:
            raise NotFoundError("this home has no keyset", given=self.folder, hint=self._hint())
        return (self.folder / KEYSET).read_bytes()

    def keyset(self) -> Keyset:
        """The newest keyset.

        Raises:
            NotFoundError: the node has none yet.
            DataError: the file is damaged.
        """
        return _read(self.envelope, self.folder / KEYSET)

    def keysets(self) -> tuple[Keyset, ...]:
        """All versions, the oldest first."""
        return tuple(
            _read(file.read_bytes(), file) for file in sorted((self.folder / "keysets").glob("*.json"))
        )

    def log_keys(self) -> tuple[bytes, ...]:
        """The public log keys of all versions of the present generation that are believed, 32 bytes each."""
        return self._log_keys(taken_back=False)

    def log_keys_taken_back(self) -> tuple[bytes, ...]:
        """Those that the newest keyset names as compromised: what they signed proves nothing by itself."""
        return self._log_keys(taken_back=True)

    def _log_keys(self, *, taken_back: bool) -> tuple[bytes, ...]:
        newest = self.keyset()
        keys = (
            key
            for keyset in self.keysets()
            if keyset.generation == newest.generation
            for key in keyset.of_use(LOG)
            if (key.kid in newest.compromised) is taken_back
        )
        return tuple(dict.fromkeys(key.key.public for key in keys))

    def lock_roots(self, roots: Roots, passphrase: Secret) -> None:
        """Write `root.age`."""
        self._write(self.folder / ROOT, age.lock(roots.document(), passphrase))

    def unlock_roots(self, passphrase: Secret, file: Path | None = None) -> Roots:
        """The root keys.

        Args:
            file: where `root.age` is, when not in the folder.

        Raises:
            NotFoundError: it is not there.
            PassphraseError, DamagedKeyFileError, OpenKeyFileError: it stays closed.
        """
        return Roots.read(_unlocked(self.root_file(file), passphrase))

    def root_file(self, file: Path | None = None) -> Path:
        """Where `root.age` is; NotFoundError: it is not there."""
        if not (place := file or self.folder / ROOT).is_file():
            raise NotFoundError(
                "root.age is not here",
                given=place,
                hint="name the file where it was moved to: shanhai keys rotate --root /media/usb/root.age",
            )
        return place

    def lock(self, holdings: Holdings, passphrase: Secret) -> None:
        """Write `node.age`, and to whom the node's own files are locked."""
        self._write(self.folder / NODE, age.lock(holdings.document(), passphrase))
        write_durably(self.folder / RECIPIENT, age.recipient_of(holdings.identity).encode() + b"\n")

    def unlock(self, passphrase: Secret) -> Holdings:
        """The private keys of the node.

        Raises:
            NotFoundError: the node has none yet.
            PassphraseError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
            OtherKeyError: the node's files would be locked to somebody else.
        """
        holdings = Holdings.read(_unlocked(self.folder / NODE, passphrase))
        if self._recipient() != age.recipient_of(holdings.identity):
            raise OtherKeyError(
                "recipient.txt is not the one of node.age: keys of sets may have been locked to another",
                given=self.folder / RECIPIENT,
                hint="put back the file of this node, and ask who wrote the other",
            )
        return holdings

    def publish(self, envelope: bytes) -> Keyset:
        """Make a signed keyset the newest; the private keys that it names must be locked before."""
        keyset = _read(envelope, self.folder / KEYSET)
        write_durably(self._version(keyset.version), envelope)
        write_durably(self.folder / KEYSET, envelope)
        return keyset

    def keep_set(self, set_id: str, keys: Mapping[str, Secret]) -> None:
        """Lock the keys of a set that the node made, by key id. Takes no passphrase.

        Raises:
            NotFoundError: the node has no keys yet.
            OpenKeyFileError: others may write to whom its files are locked.
            ConfigurationError: keys of the set are there already.
        """
        file = self._set(set_id)
        if file.is_file():
            raise ConfigurationError("the keys of a set never change", given=set_id)
        recipient = self._recipient()
        forbid_core_dumps()
        document = canonical({name: to_base64(key.bytes) for name, key in keys.items()})
        self._write(file, age.lock_to(Secret(document), recipient))

    def keys_of_set(self, set_id: str, holdings: Holdings) -> dict[str, Secret]:
        """The keys of a set, by key id.

        Raises:
            NotFoundError: they were never kept, or the set was retired.
            OtherKeyError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
        """
        file = self._set(set_id)
        document = age.unlock_with(read_locked(file), holdings.identity, name=file.name).bytes
        fields = parse(document, most_bytes=len(document), stage=Stage.OPENING)
        found = fields.items() if isinstance(fields, dict) else ()
        return {name: Secret(from_base64(str(key))) for name, key in found}

    def retire_set(self, set_id: str) -> None:
        """Delete the keys of a set: from then on nobody can be given it. Once more does no harm."""
        remove_locked(self._set(set_id))

    def sweep_sets(self) -> None:
        """Remove keys of sets that a process which died had half written; only while nobody writes any."""
        _sweep(self.folder / "sets")

    def _version(self, version: int) -> Path:
        return self.folder / "keysets" / f"{version:06}.json"

    def _recipient(self) -> str:
        return read_private(self.folder / RECIPIENT).decode("ascii", errors="replace").strip()

    def _hint(self) -> str:
        if not self.remains:
            return "make them: shanhai node init"
        return "put back keyset.json and keysets/ from a copy; a partner has keyset.json as well"

    def _set(self, set_id: str) -> Path:
        if len(set_id) != 32 or not set(set_id) <= set("0123456789abcdef"):
            raise ConfigurationError(
                "not the id of a set", given=as_typed(set_id), allowed="32 digits of hex"
            )
        return self.folder / "sets" / f"{set_id}.age"

    def _write(self, path: Path, data: bytes) -> None:
        make_folders(path.parent)
        write_locked(path, data)


def keyset_in(data: bytes, file: Path) -> Keyset:
    """A keyset signed by the roots that it names; whose roots they are is for people to compare.

    Args:
        file: where it came from, for the error.

    Raises:
        Refused: the codes of `read_keyset`, with the file: it is somebody else's, who signed no such thing.
    """
    try:
        return read_keyset(data, roots=named_roots(data))
    except Refused as refusal:
        refusal.given = refusal.given or str(file)
        refusal.hint = refusal.hint or "keyring/keyset.json of its node, whole: have its people send it again"
        raise


def log_keys_of(keyset: Keyset) -> tuple[bytes, ...]:
    """The public log keys that a keyset names and does not take back, 32 bytes each.

    The key tells no moment at which it signed, so a compromised one is not believed of any.
    """
    return tuple(one.key.public for one in keyset.of_use(LOG) if one.kid not in keyset.compromised)


def _sweep(folder: Path) -> None:
    with disk_errors(folder):
        for cut_off in folder.glob(".*.new"):
            cut_off.unlink(missing_ok=True)


def _unlocked(file: Path, passphrase: Secret) -> Secret:
    locked = read_locked(file)
    forbid_core_dumps()
    return age.unlock(locked, passphrase, name=file.name)


def _read(envelope: bytes, file: Path) -> Keyset:
    """A keyset of our own: the roots that it names must have signed it."""
    try:
        return read_keyset(envelope, roots=named_roots(envelope))
    except Refused as refusal:
        raise DataError(
            "not a keyset that its roots signed",
            given=f"{file}: {refusal.code}",
            hint="keyring/keysets/ has each version: the newest lies in keyset.json, too",
        ) from refusal
