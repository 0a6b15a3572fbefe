"""A relay in one tar: two that write it at once, and keys that change on the way."""

from __future__ import annotations

import fcntl
import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from seller import Seller
from sent_parcels import settings_of
from small_disk import MountedDisk, mounted_disk
from two_nodes import Two, rotated

from shanhai.courier import granting, leaving, partners, standing
from shanhai.courier.relays.layout import Place, RelayConflictError
from shanhai.courier.relays.opening import place_of
from shanhai.courier.relays.tar import TarRelay
from shanhai.courier.shipping import Shipped, ship
from shanhai.errors import DataError, DiskFullError, NotFoundError

PLACE = Place("0" * 32, "a/1", "a/2")


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[MountedDisk]:
    place = tmp_path / "stick"
    place.mkdir()
    with mounted_disk(place) as mounted:
        if mounted is None:
            pytest.skip("this process may not mount a file system")
        yield mounted


class Interrupted(TarRelay):
    """One that another writer of the same tar comes between, once it has written."""

    other: TarRelay

    def _write(self, raw: BinaryIO) -> None:
        super()._write(raw)
        self.other.close()


def test_of_two_writers_of_one_tar_the_later_finds_it_there(tmp_path: Path):
    tar = tmp_path / "stick.tar"
    first, second = Interrupted(tar, PLACE), TarRelay(tar, PLACE)
    first.other = second
    first.put_message(0, 0, b"{1}")
    second.put_message(0, 1, b"{2}" * 1000)
    with pytest.raises(RelayConflictError, match="another file"):
        first.close()
    assert [path.name for path in tmp_path.iterdir()] == ["stick.tar"]
    assert hashlib.sha256(b"{2}" * 1000).hexdigest().encode() in tar.read_bytes()


def test_what_a_killed_writer_left_goes_and_what_another_writes_stays(tmp_path: Path):
    left, others = tmp_path / f".stick.tar.{'0' * 16}.new", tmp_path / ".stick.tar.new"
    held = tmp_path / f".stick.tar.{'1' * 16}.new"
    for file in (left, others, held):
        file.write_bytes(b"half")
    relay = TarRelay(tmp_path / "stick.tar", PLACE)
    relay.put_message(0, 0, b"{1}")
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        relay.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([others.name, held.name, "stick.tar"])
    relay.close()
    assert not held.exists()


def test_a_set_whose_message_was_taken_back_meanwhile_makes_no_tar(tmp_path: Path):
    """Else the next messages would find another file in the place of theirs."""
    relay = TarRelay(tmp_path / "stick.tar", PLACE)
    relay.put_statement("0" * 64, b"{1}")
    relay.close()
    assert list(tmp_path.iterdir()) == []


def test_what_new_keys_signed_is_found_beside_the_keyset_that_brings_them(paired: Two, tmp_path: Path):
    with paired.gongshu.desk() as desk:
        newer = rotated(paired.gongshu, now=desk.now)
    with newer.desk() as desk:
        standing.tell_keyset(desk)
        standing.suspend(desk, "longyou")
        partner = partners.named(desk.connection, "longyou")
        address = f"tar:{tmp_path / 'stick.tar'}"
        gone = ship(newer.home, settings_of(newer), partner, now=desk.now, address=address)
    assert [one.type for one in gone.messages][-2:] == ["keyset", "suspend"]
    relay = TarRelay(tmp_path / "stick.tar", place_of(paired.longyou.partner("gongshu")))
    assert list(relay.messages(0, 0)) == [(one.generation, one.seq) for one in gone.messages]


def test_nothing_begins_to_leave_onto_a_stick_without_room(seller: Seller, stick: MountedDisk):
    seller.grant("village", "n")
    seller.release()
    stick.leave(4096)
    with seller.two.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        address = f"tar:{stick.folder / 'gongshu.tar'}"

        def shipped() -> Shipped:
            return ship(seller.home, seller.node.settings, partner, now=desk.now, address=address)

        with pytest.raises(DiskFullError):
            shipped()
        assert [one.begun for one in seller.messages()] == [None] * len(seller.messages())
        stick.clear()
        assert len(shipped().messages) == len(seller.messages())


def test_what_begins_to_leave_onto_a_stick_that_fails_has_left_and_goes_elsewhere(
    seller: Seller, stick: MountedDisk
):
    grant = seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        place = place_of(partner)
        for one in seller.messages():
            assert leaving.begin(desk.tables, desk.connection, one, desk.now)
    # As it fails after the room was looked at.
    relay = TarRelay(stick.folder / "gongshu.tar", place)
    for one in seller.messages():
        relay.put_message(one.generation, one.seq, one.envelope)
    stick.leave(4096)
    with pytest.raises(DiskFullError):
        relay.close()
    assert list(stick.folder.iterdir()) == []
    with seller.two.gongshu.desk() as desk:
        assert granting.revoke(desk, grant.id).taken_back == ()
        gone = ship(seller.home, seller.node.settings, partner, now=desk.now)
    assert [one.type for one in gone.messages][-2:] == ["parcel", "revoke"]
    assert done.message.digest in {one.digest for one in gone.messages}


@pytest.mark.parametrize("kind", [b"L", b"x"])
@pytest.mark.parametrize("size", [-512, 1 << 94])
def test_a_tar_with_an_impossible_size_is_damaged(tmp_path: Path, kind: bytes, size: int):
    tar = tmp_path / "stick.tar"
    tar.write_bytes(entry_of(kind, size) * 2 + bytes(1024))
    with pytest.raises(DataError, match="not a tar, or a damaged one"):
        list(TarRelay(tar, PLACE).messages(0, 0))


def test_a_folder_in_place_of_a_tar_says_what_to_name(tmp_path: Path):
    with pytest.raises(NotFoundError) as met:
        list(TarRelay(tmp_path, PLACE).messages(0, 0))
    assert (met.value.given, "<folder>/<name>.tar" in met.value.hint) == (str(tmp_path), True)


def test_a_tar_whose_names_never_end_is_damaged(tmp_path: Path):
    tar = tmp_path / "stick.tar"
    tar.write_bytes((entry_of(b"L", 512) + bytes(512)) * 3000 + bytes(1024))
    with pytest.raises(DataError, match="not a tar, or a damaged one"):
        list(TarRelay(tar, PLACE).messages(0, 0))


def entry_of(kind: bytes, size: int) -> bytes:
    """The header of an entry of a tar, with its size in binary, as GNU tar writes large ones."""
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (
        (size % (1 << 96)).to_bytes(12, "big") if size < 0 else b"\x80" + size.to_bytes(12, "big")[1:]
    )
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)
