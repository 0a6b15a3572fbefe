"""The folder of a node's keys: what is locked, what is public, and the few ways in which it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shanhai.errors import ConfigurationError, DataError, NotFoundError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.keysets import LOG, Keyset, named_roots, read_keyset
from shanhai.exchange.secret import Secret
from shanhai.exchange.strict import canonical, from_base64, parse, to_base64
from shanhai.keyring import age
from shanhai.keyring.core_dumps import forbid_core_dumps
from shanhai.keyring.files import read_locked, remove_locked, write_locked
from shanhai.keyring.holdings import Holdings, Roots
from shanhai.storage.durable import make_folders, write_durably

FOLDER = "keyring"
ROOT = "root.age"
NODE = "node.age"
KEYSET = "keyset.json"
RECIPIENT = "recipient.txt"


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
    def envelope(self) -> bytes:
        """The signed keyset, as partners get it.

        Raises:
            NotFoundError: the node has none yet.
        """
        if not self.exists:
            raise NotFoundError(
                "this home has no keys", given=self.folder, hint="make them: shanhai node init"
            )
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
        return Roots.read(_unlocked(file or self.folder / ROOT, passphrase))

    def lock(self, holdings: Holdings, passphrase: Secret) -> None:
        """Write `node.age`, and to whom the node's own files are locked."""
        self._write(self.folder / NODE, age.lock(holdings.document(), passphrase))
        write_durably(self.folder / RECIPIENT, age.recipient_of(holdings.identity).encode() + b"\n")

    def unlock(self, passphrase: Secret) -> Holdings:
        """The private keys of the node.

        Raises:
            NotFoundError: the node has none yet.
            PassphraseError, DamagedKeyFileError, OpenKeyFileError: they stay locked.
        """
        return Holdings.read(_unlocked(self.folder / NODE, passphrase))

    def publish(self, envelope: bytes) -> Keyset:
        """Make a signed keyset the newest; the private keys that it names must be locked before."""
        keyset = _read(envelope, self.folder / KEYSET)
        write_durably(self.folder / "keysets" / f"{keyset.version:06}.json", envelope)
        write_durably(self.folder / KEYSET, envelope)
        return keyset

    def keep_set(self, set_id: str, keys: Mapping[str, Secret]) -> None:
        """Lock the keys of a set that the node made, by key id. Takes no passphrase.

        Raises:
            NotFoundError: the node has no keys yet.
            ConfigurationError: keys of the set are there already.
        """
        file = self._set(set_id)
        if file.is_file():
            raise ConfigurationError("the keys of a set never change", given=set_id)
        if not (self.folder / RECIPIENT).is_file():
            raise NotFoundError(
                "this home has no keys", given=self.folder, hint="make them: shanhai node init"
            )
        forbid_core_dumps()
        recipient = (self.folder / RECIPIENT).read_text(encoding="ascii").strip()
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

    def _set(self, set_id: str) -> Path:
        if len(set_id) != 32 or not set(set_id) <= set("0123456789abcdef"):
            raise ConfigurationError("not the id of a set", given=ascii(set_id), allowed="32 digits of hex")
        return self.folder / "sets" / f"{set_id}.age"

    def _write(self, path: Path, data: bytes) -> None:
        make_folders(path.parent)
        write_locked(path, data)


def keyset_in(file: Path) -> Keyset:
    """The keyset of a file, signed by the roots that it names; whose roots they are is for people to compare.

    Raises:
        DataError: it is no keyset, or its roots did not sign it.
    """
    return _read(file.read_bytes(), file)


def log_keys_of(keyset: Keyset) -> tuple[bytes, ...]:
    """The public log keys that a keyset names and does not take back, 32 bytes each.

    The key tells no moment at which it signed, so a compromised one is not believed of any.
    """
    return tuple(one.key.public for one in keyset.of_use(LOG) if one.kid not in keyset.compromised)


def _unlocked(file: Path, passphrase: Secret) -> Secret:
    locked = read_locked(file)
    forbid_core_dumps()
    return age.unlock(locked, passphrase, name=file.name)


def _read(envelope: bytes, file: Path) -> Keyset:
    """A keyset of our own: the roots that it names must have signed it."""
    try:
        return read_keyset(envelope, roots=named_roots(envelope))
    except Refused as refusal:
        raise DataError("not a keyset that its roots signed", given=f"{file}: {refusal.code}") from refusal
