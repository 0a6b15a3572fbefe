"""Ship: only stored bytes, files before what names them, never over other bytes."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from seller import Seller
from sent_parcels import relay_folder

from shanhai.courier import granting, outbox, partners, sealing, sets, standing
from shanhai.courier.relays.layout import RelayConflictError, file_key, message_key, statement_key
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.shipping import ship
from shanhai.errors import DataError, NotFoundError, StoreError
from shanhai.exchange.pairing_states import Step
from shanhai.exchange.receipts import ADMITTED


@pytest.fixture
def seller(seller: Seller) -> Seller:
    seller.grant("village", "n")
    return seller


def there(seller: Seller) -> dict[str, bytes]:
    """Everything at the relay, by its key."""
    root = relay_folder(seller.two)
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_stored_bytes_go_to_the_relay_files_first(seller: Seller):
    done = seller.release()
    gone = seller.ship()
    assert [one.digest for one in gone.messages] == [one.digest for one in seller.messages()]
    folder = seller.two.gongshu.partner("longyou").folder_out
    with seller.two.gongshu.desk() as desk:
        kept = sets.by_id(desk.connection, done.release.set_id)
        assert kept is not None
        (file,) = sets.files(desk.connection, kept.set_id)
    found = there(seller)
    expected = {message_key(folder, one.generation, one.seq): one.envelope for one in seller.messages()}
    expected[statement_key(folder, kept.digest)] = kept.statement
    content = (sealing.folder_of(seller.home, kept.set_id) / file.name).read_bytes()
    expected[file_key(folder, hashlib.sha256(content).hexdigest())] = content
    assert found == expected
    written = {key: (relay_folder(seller.two) / key).stat().st_mtime_ns for key in found}
    parcel = message_key(folder, done.message.generation, done.message.seq)
    order = [file_key(folder, file.sha256), statement_key(folder, kept.digest), parcel]
    assert sorted(order, key=lambda key: written[key]) == order
    assert (gone.files, gone.size) == (1, len(content))


def test_shipped_once_there_is_nothing_to_do(seller: Seller):
    seller.release()
    seller.ship()
    before = there(seller)
    assert seller.ship().messages == ()
    again = seller.ship(again=True)
    assert [one.digest for one in again.messages] == [one.digest for one in seller.messages()]
    assert there(seller) == before


def test_what_the_relay_lost_is_put_again_until_it_is_settled(seller: Seller):
    done = seller.release()
    seller.ship()
    before = there(seller)
    for key in before:
        (relay_folder(seller.two) / key).unlink()
    assert seller.ship().messages == ()
    seller.ship(again=True)
    assert there(seller) == before
    with seller.two.gongshu.desk() as desk:
        outbox.settled(desk.connection, done.message.digest, outcome=ADMITTED, code=None, at=desk.now)
        partner = partners.named(desk.connection, "longyou")
        left = outbox.unacknowledged(desk.connection, partner.pairing)
    assert done.message.digest not in {one.digest for one in left}


@pytest.mark.parametrize("kind", ["m", "s", "f"])
def test_other_bytes_in_our_place_are_an_error_and_stay(seller: Seller, kind: str):
    done = seller.release()
    folder = seller.two.gongshu.partner("longyou").folder_out
    with seller.two.gongshu.desk() as desk:
        kept = sets.by_id(desk.connection, done.release.set_id)
        assert kept is not None
        (file,) = sets.files(desk.connection, kept.set_id)
    key = {
        "m": message_key(folder, done.message.generation, done.message.seq),
        "s": statement_key(folder, kept.digest),
        "f": file_key(folder, file.sha256),
    }[kind]
    place = relay_folder(seller.two) / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"somebody else's")
    with pytest.raises(RelayConflictError, match=r"other bytes.*somebody else wrote them"):
        seller.ship()
    assert place.read_bytes() == b"somebody else's"
    assert seller.messages()[-1].uploaded is None
    place.unlink()
    assert done.message.digest in {one.digest for one in seller.ship().messages}


@pytest.mark.parametrize("in_a_tar", [False, True], ids=["folder", "tar"])
def test_what_a_copy_of_the_home_shipped_is_told_as_that(seller: Seller, tmp_path: Path, in_a_tar: bool):
    """Removing it, which helps against a stranger's bytes, would hide that two messages have one number."""
    address = f"tar:{tmp_path / 'stick.tar'}" if in_a_tar else None
    copy = replace(seller.two.gongshu, home=tmp_path / "copy")
    shutil.copytree(seller.home, copy.home)
    with copy.desk() as desk:
        standing.suspend(desk, "longyou")
        ship(copy.home, seller.node.settings, copy.partner("longyou"), now=desk.now, address=address)
    seller.grant("n", purpose="another")
    with pytest.raises(RelayConflictError, match=r"keys of this node signed.*remove nothing"):
        seller.ship(address)


def test_a_file_that_was_changed_on_the_disk_does_not_leave(seller: Seller):
    done = seller.release()
    (file,) = sealing.folder_of(seller.home, done.release.set_id).iterdir()
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="changed on the disk"):
        seller.ship()
    file.unlink()
    with pytest.raises(StoreError, match="is gone"):
        seller.ship()


def test_a_relay_whose_folder_is_not_mounted_is_not_made(seller: Seller):
    relay_folder(seller.two).rmdir()
    with pytest.raises(StoreError, match="not there"):
        seller.ship()
    assert not relay_folder(seller.two).exists()


def test_parcels_wait_while_the_partner_suspends_and_what_follows_with_them(seller: Seller):
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.step(desk.connection, pairing, Step.SUSPEND_THERE)
        granting.add(desk, "longyou", seller.draft("n", purpose="another"))
    gone = seller.ship()
    assert gone.messages
    assert (done.message.digest in {one.digest for one in gone.messages}, gone.held) == (False, 2)
    with seller.two.gongshu.desk() as desk:
        partners.step(desk.connection, pairing, Step.RESUME_THERE)
    assert [one.type for one in seller.ship().messages] == ["parcel", "grant"]


def test_a_set_goes_to_the_relay_that_the_pairing_moved_to(seller: Seller, tmp_path: Path):
    done = seller.release()
    seller.ship()
    other = tmp_path / "other"
    other.mkdir()
    with seller.two.gongshu.desk() as desk:
        assert standing.move(desk.connection, "longyou", other.as_uri()).relay == other.as_uri()
        second = granting.add(desk, "longyou", seller.draft("village", "n", purpose="another"))
    again = seller.release(grant=second.id)
    assert (again.sealed, again.release.set_id) == (False, done.release.set_id)
    gone = seller.ship()
    assert gone.files == 1
    (file,) = sealing.folder_of(seller.home, done.release.set_id).iterdir()
    assert [path for path in other.rglob("f/*") if path.read_bytes() == file.read_bytes()]


def test_a_frozen_pairing_ships_no_parcel_and_an_ended_one_its_end(seller: Seller):
    seller.ship()
    with seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing, "f" * 64, desk.now)
        standing.end(desk, "longyou")
    assert [one.type for one in seller.ship().messages] == ["end"]


def test_the_partner_finds_it_all_in_the_folder(seller: Seller):
    done = seller.release()
    seller.ship()
    partner = seller.two.longyou.partner("gongshu")
    with relay_of(partner, seller.node.settings) as relay:
        numbers = list(relay.messages(0, 0))
        assert numbers == [(one.generation, one.seq) for one in seller.messages()]
        assert list(relay.messages(0, done.message.seq)) == [(0, done.message.seq)]
        assert relay.message(0, done.message.seq) == done.message.envelope
        with pytest.raises(NotFoundError):
            relay.message(0, 99)
        with pytest.raises(NotFoundError):
            relay.statement("0" * 64)
