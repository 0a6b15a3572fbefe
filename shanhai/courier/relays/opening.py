"""From the address of a relay to the relay: `file:///…`, `s3://<bucket>/<prefix>` or `tar:<file>`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shanhai.courier.partners import Partner
from shanhai.courier.relays.layout import Place, Relay
from shanhai.courier.relays.store import StoreRelay
from shanhai.courier.relays.tar import TarRelay
from shanhai.errors import ConfigurationError, StoreError, as_typed
from shanhai.ingest.stores import bucket_store
from shanhai.settings import Settings
from shanhai.storage import LocalStore, ObjectStore
from shanhai.storage.disk import disk_errors
from shanhai.storage.keys import is_key
from shanhai.storage.modes import modes_of

FORMS = "file:///<folder>, s3://<bucket>/<prefix> or tar:/<file>, with the whole path"
ACCESS_KEY, SECRET_KEY = "relay_access_key", "relay_secret_key"

_TAR = "tar:"
_RELAY_FREE_BYTES = 1 << 20
_NOT_THERE = "the folder of the relay is not there"
_MOUNTED = "is its disk mounted? A new relay begins with an empty folder"


def check_address(address: str) -> str:
    """The address, if a relay can be opened by it; nothing is asked of the relay.

    Raises:
        ConfigurationError: it has another form.
    """
    parts = urlsplit(address)
    plain = not (parts.query or parts.fragment) and address.isprintable()
    if address.startswith(_TAR):
        good = address.isprintable() and _names_file(address.removeprefix(_TAR))
    elif parts.scheme == "file":
        good = plain and parts.netloc in ("", "localhost") and Path(unquote(parts.path)).is_absolute()
    else:
        prefix = parts.path.strip("/")
        good = plain and parts.scheme == "s3" and bool(parts.netloc) and (not prefix or is_key(prefix))
    if not good:
        raise ConfigurationError("not the address of a relay", given=as_typed(address), allowed=FORMS)
    return address


def _names_file(path: str) -> bool:
    """Whether a whole path can be that of a file, by its form: none is called as nothing, `.` or `..`."""
    return Path(path).is_absolute() and path.rpartition("/")[2] not in ("", ".", "..")


def check_there(address: str) -> None:
    """Return if a relay may be used by this address from now on; no bucket, and no stick for a tar, is asked.

    Raises:
        ConfigurationError: it has another form, or is a folder that is not there, or a tar that is a folder.
    """
    check_address(address)
    if address.startswith(_TAR) and (tar := Path(address.removeprefix(_TAR))).is_dir():
        raise ConfigurationError(
            "a folder is no tar", given=tar, allowed="the path of a file", hint=f"tar:{tar}/<name>.tar"
        )
    folder = _folder_of(address)
    if folder is not None and not folder.is_dir():
        raise ConfigurationError(_NOT_THERE, given=folder, hint=_MOUNTED)


def _folder_of(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def place_of(partner: Partner) -> Place:
    """The part of a relay that a pairing uses."""
    return Place(partner.pairing, partner.folder_out, partner.folder_in, partner.node)


@contextmanager
def relay_of(partner: Partner, settings: Settings, *, address: str | None = None) -> Iterator[Relay]:
    """The relay of a pairing, or another one for this time.

    Raises:
        ConfigurationError: it is no address, or the keys for a bucket are missing.
    """
    with open_relay(address or partner.relay, place_of(partner), settings) as relay:
        yield relay


@contextmanager
def open_relay(address: str, place: Place, settings: Settings) -> Iterator[Relay]:
    """A relay by its address; a tar is written when the block ends without an error.

    Raises:
        ConfigurationError: it is no address, or the keys for a bucket are missing.
        StoreError: the relay cannot be written or read, or its folder is not there.
    """
    check_address(address)
    if address.startswith(_TAR):
        tar = TarRelay(Path(address.removeprefix(_TAR)), place)
        yield tar
        tar.close()
        return
    yield StoreRelay(_store(address, settings), place, folder=_folder_of(address))


def _store(address: str, settings: Settings) -> ObjectStore:
    folder = _folder_of(address)
    if folder is not None:
        if not folder.is_dir():
            # Made here, it would hide that a disk is not mounted, and nobody would ever see what was left.
            raise StoreError(_NOT_THERE, given=folder, hint=_MOUNTED)
        # Two parties that do not trust each other each have an account of their own.
        with disk_errors(folder):
            modes = modes_of(folder)
        # The room that a home keeps is for work on tables: a stick has less in all, and carries a receipt.
        return LocalStore(
            folder, keep_free_bytes=min(_RELAY_FREE_BYTES, settings.free_disk_bytes), modes=modes
        )
    secrets = ACCESS_KEY, SECRET_KEY
    return bucket_store(address, settings, secrets=secrets, endpoint=settings.relay_endpoint)
