"""No value and no name is found in what a release stores, writes on the way and logs; careless ones are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from one_city import City
from pyarrow.parquet import encryption
from seller import COLUMNS, TABLE, Seller, settle
from sent_parcels import relay_folder
from sentinels import found
from two_nodes import Two

from shanhai.courier import sealing
from shanhai.exchange.parquet.encrypt import Packing, encrypt

VILLAGES = ["拱墅区上塘路的卫生站", "Mishixiang-sentinel-0423"]
PERSON = "张三的病历在此"
WORDS = [*VILLAGES, PERSON, "village", "person", TABLE]
ROWS = [f"id-{n},{VILLAGES[n % 2]},{PERSON},{n},2024-02-01T08:00:00Z" for n in range(200)]
BARE = Packing(compression="none", dictionaries=False)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    made = City(tmp_path_factory.mktemp("city") / "root")
    made.declare(COLUMNS)
    made.put("a.csv", "\n".join(["编号,village,person,n,at", *ROWS]) + "\n")
    made.walk()
    return made


@pytest.fixture
def seller(paired: Two, city: City, tmp_path: Path) -> Seller:
    seller = settle(paired, city, tmp_path)
    seller.grant("village", "n")
    return seller


def contents(*folders: Path) -> bytes:
    """Names and bytes of all files."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in files)


class Stored:
    """What lies where others can see it, and in files on their way there."""

    def __init__(self, seller: Seller) -> None:
        self.seller = seller
        self.written = b""

    def encrypt(self, reader: Any, new_file: Callable[[], Any], **options: Any) -> Any:
        """As the courier calls it, without compression; what is on the disk before a rename is kept."""
        files = encrypt(reader, new_file, packing=BARE, **options)
        home = self.seller.home
        self.written += contents(home / sealing.OUTGOING, home / "scratch")
        return files

    def shipped(self) -> bytes:
        """Release, ship, and everything that was written for it."""
        self.seller.release()
        home = self.seller.home
        self.seller.ship()
        places = (home / sealing.OUTGOING, home / "keyring", home / "audit")
        at_the_relay = contents(relay_folder(self.seller.two))
        assert len(at_the_relay) > len(ROWS) * 16
        return self.written + at_the_relay + contents(*places)


@pytest.fixture
def stored(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> Stored:
    made = Stored(seller)
    monkeypatch.setattr(sealing, "encrypt", made.encrypt)
    return made


def leave_plaintext(number: int, **options: Any) -> Any:
    """A configuration that forgets the key of one column."""
    keys = [(key_id, names) for key_id, names in options["column_keys"].items() if names != [f"c{number:04}"]]
    return _CONFIGURATION(**options | {"column_keys": dict(keys)})


_CONFIGURATION = encryption.EncryptionConfiguration


def test_neither_stored_bytes_nor_logs_tell(
    stored: Stored, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with caplog.at_level(logging.DEBUG):
        told = stored.shipped()
        rows = stored.seller.arrive(stored.seller.messages()[-1]).rows("village", "n")
    assert stored.written
    assert sorted(rows, key=lambda row: row[1]) == [(VILLAGES[n % 2], n) for n in range(len(ROWS))]
    assert found(told, WORDS) == []
    printed = "".join(capfd.readouterr())
    assert found((caplog.text + printed).encode(), [*VILLAGES, PERSON]) == []


def test_a_column_that_was_left_plaintext_is_not_released(stored: Stored, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encryption, "EncryptionConfiguration", partial(leave_plaintext, 0))
    with pytest.raises(sealing.SealingError):
        stored.shipped()
    assert found(contents(relay_folder(stored.seller.two)), WORDS) == []


def test_and_without_that_check_it_is_found(stored: Stored, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encryption, "EncryptionConfiguration", partial(leave_plaintext, 0))
    monkeypatch.setattr(sealing, "_check", lambda *_: None)
    assert found(stored.shipped(), WORDS) == VILLAGES
    assert found(stored.written, WORDS) == VILLAGES
    assert found(contents(relay_folder(stored.seller.two)), WORDS) == VILLAGES
