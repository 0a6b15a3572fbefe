"""What a release and its shipment leave where others see it, on the disk on the way there, and in words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow.parquet import encryption
from seller import Seller
from sent_parcels import relay_folder
from sentinels import found

from shanhai.courier import sealing
from shanhai.exchange.parquet.encrypt import Packing, encrypt

BARE = Packing(compression="none", dictionaries=False)


def contents(*folders: Path) -> bytes:
    """Names and bytes of all files."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in files)


class Stored:
    """Files of one release; `written` is what was on the disk before files had their names."""

    def __init__(self, seller: Seller, patch: pytest.MonkeyPatch) -> None:
        self.seller = seller
        self.written = b""
        home = seller.home
        self.places = {
            "relay": relay_folder(seller.two),
            "outgoing": home / sealing.OUTGOING,
            "scratch": home / "scratch",
            "keyring": home / "keyring",
            "audit": home / "audit",
        }
        patch.setattr(sealing, "encrypt", self._encrypt)

    def _encrypt(self, reader: Any, new_file: Callable[[], Any], **options: Any) -> Any:
        """As the courier calls it, without compression."""
        files = encrypt(reader, new_file, packing=BARE, **options)
        self.written += contents(self.places["outgoing"], self.places["scratch"])
        return files

    def ship(self, **asked: Any) -> None:
        """Release and ship."""
        self.seller.release(**asked)
        self.seller.ship()

    def seen(self) -> dict[str, bytes]:
        """What lies in each place now, and what was written on the way."""
        return {"written": self.written, **{place: contents(one) for place, one in self.places.items()}}


class Told:
    """What was logged at every level, and printed, by this process."""

    def __init__(self, log: pytest.LogCaptureFixture, printed: pytest.CaptureFixture[str]) -> None:
        self.log, self._capture, self._printed = log, printed, ""
        log.set_level(logging.DEBUG)

    def seen(self) -> dict[str, bytes]:
        self._printed += "".join(self._capture.readouterr())
        return {"log": self.log.text.encode(), "printed": self._printed.encode()}


def told_by(seen: Mapping[str, bytes], words: Sequence[str]) -> dict[str, list[str]]:
    """The words that are in there, by place; no place without any."""
    return {place: there for place, content in seen.items() if (there := found(content, words))}


def leave_plaintext(number: int, **options: Any) -> Any:
    """A configuration that forgets the key of one column."""
    keys = [(key_id, names) for key_id, names in options["column_keys"].items() if names != [f"c{number:04}"]]
    return _CONFIGURATION(**options | {"column_keys": dict(keys)})


_CONFIGURATION = encryption.EncryptionConfiguration
