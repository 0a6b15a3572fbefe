"""A disk that is full under a relay, and under a recipient: told as such, nothing half-done, gone on with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from received_parcels import granted_and_sent, opened, states
from seller import Seller
from sent_parcels import GRANTED, TABLE, private_leftovers, received
from small_disk import MountedDisk, mounted_disk
from two_nodes import NodeHome, Two

from shanhai.audit.database import transaction
from shanhai.courier import outbox, partners
from shanhai.courier.receiving import Received, receive_from
from shanhai.courier.shipping import ship
from shanhai.errors import DiskFullError, RetryableError, StoreError
from shanhai.settings import read_settings

PAGE = 4096
_MOST_PAGES = 200
_ROOM_TO_PARSE = 160 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[MountedDisk]:
    place = tmp_path / "disk"
    place.mkdir()
    with mounted_disk(place, size=_ROOM_TO_PARSE) as mounted:
        if mounted is None:
            pytest.skip("this process may not mount a file system")
        yield mounted


@pytest.fixture
def seller(seller: Seller, disk: MountedDisk) -> Seller:
    """Gongshu, with a table released to Longyou; nothing is at the relay, which is on the small disk."""
    seller.grant("village", "n")
    with seller.two.gongshu.desk() as desk, transaction(desk.connection):
        for one in seller.messages():
            # Longyou has it, by hand.
            outbox.uploaded(desk.connection, one.digest, at=desk.now)
    seller.release()
    for node in (seller.two.gongshu, seller.two.longyou):
        with node.desk() as desk, transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET relay = ?", (disk.folder.as_uri(),))
    return seller


def test_a_relay_that_is_full_is_told_and_shows_nothing_half_done(seller: Seller, disk: MountedDisk):
    wanted = len(seller.messages())
    full: list[DiskFullError] = []
    for pages in count():
        assert pages < _MOST_PAGES
        disk.leave(pages * PAGE)
        try:
            assert len(seller.ship().messages) > 0
        except DiskFullError as error:
            full.append(error)
        else:
            break
        # Whatever is there is whole: the partner takes it, or finds nothing, and refuses nothing.
        done = received(seller.two.longyou, "gongshu")
        assert done.stopped is None
        assert not any(row.code for row in done.settled)
    assert len(full) > 3
    assert {(one.recovery, "make room" in (one.hint or "")) for one in full} == {("retry", True)}
    assert len(seller.messages()) == wanted
    received(seller.two.longyou, "gongshu")
    (file,) = opened(seller.two.longyou)
    assert sorted(pq.read_table(file).column("n").to_pylist()) == [0, 1, 2, 3]
    left = [path.name for path in disk.folder.rglob("*") if path.is_file() and "incoming" in str(path)]
    assert left == []
    disk.clear()
    assert seller.ship().messages == ()


def test_a_relay_with_less_room_than_a_home_keeps_takes_what_fits(seller: Seller, disk: MountedDisk):
    settings = seller.node.settings.model_copy(update={"free_disk_bytes": 256 << 20})
    assert shutil.disk_usage(disk.folder).free < settings.free_disk_bytes
    with seller.two.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        disk.leave(0)
        with pytest.raises(DiskFullError) as full:
            ship(seller.home, settings, partner, now=desk.now)
        assert (full.value.given, full.value.allowed) == ("0 bytes free", "at least 1.0 MiB free")
        disk.leave(2 << 20)
        assert ship(seller.home, settings, partner, now=desk.now).messages


def test_a_relay_that_is_read_only_is_told_as_that_and_nothing_begins_to_leave(
    seller: Seller, disk: MountedDisk
):
    """Also where it is full: whoever made room would come back for the same."""
    disk.leave(0)
    with disk.read_only():
        for address in (None, f"tar:{disk.folder}/parcels.tar"):
            with pytest.raises(StoreError) as closed:
                seller.ship(address)
            assert not isinstance(closed.value, DiskFullError)
            assert (closed.value.given, "read-only" in closed.value.hint) == ("Read-only file system", True)
    assert [one for one in seller.messages() if one.begun and not one.uploaded] == []
    disk.clear()
    assert seller.ship().messages


def test_a_full_disk_of_the_recipient_is_no_fault_of_the_parcel(
    pair: Two, disk: MountedDisk, monkeypatch: pytest.MonkeyPatch
):
    granted_and_sent(pair)
    home = Path(shutil.copytree(pair.gongshu.home, disk.folder / "gongshu"))
    node = replace(pair.gongshu, home=home)
    for room in (0, PAGE, 8 * PAGE, 64 * PAGE, 512 * PAGE, 20 << 20):
        disk.leave(room)
        assert isinstance(failure(node), RetryableError), room
        disk.clear()
        assert opened(node) == []
        assert "refused" not in states(node)
        assert not (home / "exchange" / "refused").exists()
    assert failure(node) is None
    (file,) = opened(node)
    assert pq.read_table(file) == TABLE.select(GRANTED)
    assert private_leftovers(node) == []


def failure(node: NodeHome) -> Exception | None:
    """What receiving stopped at, or failed with."""
    try:
        return run(node).stopped
    except RetryableError as error:
        return error


def run(node: NodeHome) -> Received:
    settings = read_settings(home=node.home, federation=node.home, free_disk_bytes=0)
    with node.desk(who="system") as desk:
        return receive_from(desk, settings, "longyou")
