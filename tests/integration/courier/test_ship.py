"""Ship: only stored bytes, files before what names them, never over other bytes; a folder and a tar alike."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from seller import Seller

from shanhai.audit.database import transaction
from shanhai.courier import granting, outbox, partners, sealing, sets, standing
from shanhai.courier.desk import Desk
from shanhai.courier.receipts import sent
from shanhai.courier.relays.layout import Place, RelayConflictError, file_key, message_key, statement_key
from shanhai.courier.relays.opening import check_address, place_of, relay_of
from shanhai.courier.relays.store import StoreRelay
from shanhai.courier.relays.tar import TarRelay
from shanhai.courier.shipping import Shipped, ship
from shanhai.courier.status import PartnerStatus, status
from shanhai.errors import ConfigurationError, DataError, NotFoundError, StoreError
from shanhai.exchange.order import Acknowledged
from shanhai.exchange.pairing_states import Step
from shanhai.exchange.receipts import ADMITTED
from shanhai.storage import MemoryStore


@pytest.fixture
def seller(seller: Seller) -> Seller:
    seller.grant("village", "n")
    return seller


def shipped(seller: Seller, address: str | None = None, *, again: bool = False) -> Shipped:
    with seller.two.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        return ship(seller.home, seller.node.settings, partner, now=desk.now, address=address, again=again)


def relay_folder(seller: Seller) -> Path:
    return Path(unquote(urlsplit(seller.two.relay).path))


def there(seller: Seller) -> dict[str, bytes]:
    """Everything at the relay, by its key."""
    root = relay_folder(seller)
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_stored_bytes_go_to_the_relay_files_first(seller: Seller):
    done = seller.release()
    gone = shipped(seller)
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
    written = {key: (relay_folder(seller) / key).stat().st_mtime_ns for key in found}
    parcel = message_key(folder, done.message.generation, done.message.seq)
    order = [file_key(folder, file.sha256), statement_key(folder, kept.digest), parcel]
    assert sorted(order, key=lambda key: written[key]) == order
    assert (gone.files, gone.size) == (1, len(content))


def test_shipped_once_there_is_nothing_to_do(seller: Seller):
    seller.release()
    shipped(seller)
    before = there(seller)
    assert shipped(seller).messages == ()
    again = shipped(seller, again=True)
    assert [one.digest for one in again.messages] == [one.digest for one in seller.messages()]
    assert there(seller) == before


def test_what_the_relay_lost_is_put_again_until_it_is_settled(seller: Seller):
    done = seller.release()
    shipped(seller)
    before = there(seller)
    for key in before:
        (relay_folder(seller) / key).unlink()
    assert shipped(seller).messages == ()
    shipped(seller, again=True)
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
    place = relay_folder(seller) / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"somebody else's")
    with pytest.raises(RelayConflictError, match=r"other bytes.*somebody else wrote them"):
        shipped(seller)
    assert place.read_bytes() == b"somebody else's"
    assert seller.messages()[-1].uploaded is None
    place.unlink()
    assert done.message.digest in {one.digest for one in shipped(seller).messages}


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
        shipped(seller, address)


def test_the_messages_of_a_relay_are_listed_in_bounds(monkeypatch: pytest.MonkeyPatch):
    """A relay may have any number of them; the first are all that is asked for, in order."""
    place, kept = Place("0" * 32, "a/1", "a/2"), MemoryStore()
    relay = StoreRelay(kept, place)
    for seq in (4, 0, 3, 2, 1):
        kept.put(message_key("a/2", 0, seq), [b"{}"])
    monkeypatch.setattr("shanhai.courier.relays.store.MOST_LISTED", 2)
    assert list(relay.messages(0, 1)) == [(0, 1), (0, 2)]
    assert list(relay.messages(0, 3)) == [(0, 3), (0, 4)]


def test_a_receipt_that_is_withheld_is_shown_missing(seller: Seller):
    """receipt-withheld: a partner that reads and says nothing is not told from one that never had it."""
    seller.release()
    shipped(seller)
    with seller.two.gongshu.desk() as desk:
        standings, partner = seen_at(desk, desk.now)
        assert (standings, partner.expired, partner.silent_since) == (["shipped"], 0, None)
        assert partner.unsettled > 0
        standings, partner = seen_at(desk, desk.now + timedelta(days=31))
        assert (standings, partner.expired) == (["expired"], 1)
        assert partner.silent_since is not None


def test_a_partner_that_owes_no_answer_is_not_silent(seller: Seller):
    shipped(seller)
    with seller.two.gongshu.desk() as desk:
        assert "parcel" not in {one.type for one in seller.messages()}
        later = desk.now + timedelta(days=31)
        assert seen_at(desk, later)[1].silent_since is None
        assert not [one for one in status(desk.home, desk.connection, later).partners if one.expired]


def test_what_is_counted_for_people_is_what_became_of_each_message_and_no_message_is_read(seller: Seller):
    done = seller.release()
    shipped(seller)
    with seller.two.gongshu.desk() as desk:
        connection, now = desk.connection, desk.now
        with transaction(connection):
            outbox.acknowledged(connection, done.message.pairing, Acknowledged(0, 1, "a" * 64), at=now)
        for refused in (False, True):
            if refused:
                with transaction(connection):
                    answer = {"outcome": "refused", "code": "contract-not-met"}
                    outbox.settled(connection, done.message.digest, **answer, at=now)
            for moment in (now, now + timedelta(days=31)):
                every = sent(connection, moment)
                statements: list[str] = []
                connection.set_trace_callback(statements.append)
                (told,) = status(desk.home, connection, moment).partners
                connection.set_trace_callback(None)
                standings = [one.standing for one in every]
                left = [one.message.issued for one in every if one.message.settled is None]
                assert (told.unsettled, told.oldest) == (len(left), min(left, default=None))
                assert (told.expired, told.refused) == (standings.count("expired"), int(refused))
                reading = [one for one in statements if "envelope" in one]
                assert not [one for one in reading if "uploaded IS NULL" not in one]
                assert "release_" not in "".join(statements)


def test_what_may_not_leave_is_not_quiet(seller: Seller):
    seller.release()
    with seller.two.gongshu.desk() as desk:
        assert status(desk.home, desk.connection, desk.now).quiet
        with transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET state = 'suspended_here'")
        found = status(desk.home, desk.connection, desk.now)
        assert (found.partners[0].held, found.quiet) == (1, False)


def seen_at(desk: Desk, now: datetime) -> tuple[list[str], PartnerStatus]:
    """What a person is shown of the parcels and of their recipient."""
    (partner,) = status(desk.home, desk.connection, now).partners
    return [one.standing for one in sent(desk.connection, now) if one.message.type == "parcel"], partner


def test_a_file_that_was_changed_on_the_disk_does_not_leave(seller: Seller):
    done = seller.release()
    (file,) = sealing.folder_of(seller.home, done.release.set_id).iterdir()
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="changed on the disk"):
        shipped(seller)
    file.unlink()
    with pytest.raises(StoreError, match="is gone"):
        shipped(seller)


def test_a_relay_whose_folder_is_not_mounted_is_not_made(seller: Seller):
    relay_folder(seller).rmdir()
    with pytest.raises(StoreError, match="not there"):
        shipped(seller)
    assert not relay_folder(seller).exists()


def test_parcels_wait_while_the_partner_suspends_and_what_follows_with_them(seller: Seller):
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.step(desk.connection, pairing, Step.SUSPEND_THERE)
        granting.add(desk, "longyou", seller.draft("n", purpose="another"))
    gone = shipped(seller)
    assert gone.messages
    assert (done.message.digest in {one.digest for one in gone.messages}, gone.held) == (False, 2)
    with seller.two.gongshu.desk() as desk:
        partners.step(desk.connection, pairing, Step.RESUME_THERE)
    assert [one.type for one in shipped(seller).messages] == ["parcel", "grant"]


def test_a_set_goes_to_the_relay_that_the_pairing_moved_to(seller: Seller, tmp_path: Path):
    done = seller.release()
    shipped(seller)
    other = tmp_path / "other"
    other.mkdir()
    with seller.two.gongshu.desk() as desk:
        assert standing.move(desk.connection, "longyou", other.as_uri()).relay == other.as_uri()
        second = granting.add(desk, "longyou", seller.draft("village", "n", purpose="another"))
    again = seller.release(grant=second.id)
    assert (again.sealed, again.release.set_id) == (False, done.release.set_id)
    gone = shipped(seller)
    assert gone.files == 1
    (file,) = sealing.folder_of(seller.home, done.release.set_id).iterdir()
    assert [path for path in other.rglob("f/*") if path.read_bytes() == file.read_bytes()]


def test_a_frozen_pairing_ships_no_parcel_and_an_ended_one_its_end(seller: Seller):
    shipped(seller)
    with seller.two.gongshu.desk() as desk:
        pairing = partners.named(desk.connection, "longyou").pairing
        partners.freeze(desk.connection, pairing, "f" * 64, desk.now)
        standing.end(desk, "longyou")
    assert [one.type for one in shipped(seller).messages] == ["end"]


def test_the_partner_finds_it_all_in_the_folder(seller: Seller):
    done = seller.release()
    shipped(seller)
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


def test_a_tar_has_the_same_whatever_its_entries_are_called(seller: Seller, tmp_path: Path):
    """tar-names-changed (passes, found by content) and tar-entry-outside (nothing is written anywhere)."""
    done = seller.release()
    tar = tmp_path / "stick" / "gongshu.tar"
    with pytest.raises(StoreError, match="not there"):
        shipped(seller, f"tar:{tar}")
    tar.parent.mkdir()
    shipped(seller, f"tar:{tar}")
    renamed = _renamed(tar, tmp_path / "renamed.tar")
    partner = seller.two.longyou.partner("gongshu")
    with seller.two.gongshu.desk() as desk:
        kept = sets.by_id(desk.connection, done.release.set_id)
        assert kept is not None
        (file,) = sets.files(desk.connection, kept.set_id)
    content = (sealing.folder_of(seller.home, kept.set_id) / file.name).read_bytes()
    for place in (tar, renamed):
        with relay_of(partner, seller.node.settings, address=f"tar:{place}") as relay:
            assert list(relay.messages(0, 0)) == [(one.generation, one.seq) for one in seller.messages()]
            assert relay.message(0, done.message.seq) == done.message.envelope
            assert relay.statement(kept.digest) == kept.statement
            with relay.file(file.sha256) as opened:
                assert opened.read() == content
    # Nothing was unpacked anywhere.
    assert not (tmp_path.parent / "outside").exists()


def _renamed(tar: Path, target: Path) -> Path:
    """The same contents under names that lead outside, with a link and a folder among them."""
    with tarfile.open(tar) as source, tarfile.open(target, "w") as made:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
        for number, member in enumerate(source):
            content = source.extractfile(member)
            assert content is not None
            entry = tarfile.TarInfo(("../../outside/", "/outside/")[number % 2] + str(number))
            entry.size = member.size
            made.addfile(entry, io.BytesIO(content.read()))
    return target


def test_what_both_wrote_into_one_tar_is_told_apart(seller: Seller, tmp_path: Path):
    mine, theirs = tmp_path / "mine.tar", tmp_path / "theirs.tar"
    shipped(seller, f"tar:{mine}")
    with seller.two.longyou.desk() as desk:
        partner = partners.named(desk.connection, "gongshu")
        ship(seller.two.longyou.home, seller.node.settings, partner, now=desk.now, address=f"tar:{theirs}")
    both = tmp_path / "both.tar"
    with tarfile.open(both, "w") as made:
        for one in (mine, theirs):
            with tarfile.open(one) as source:
                for member in source:
                    made.addfile(member, source.extractfile(member))
    relay = TarRelay(both, place_of(partner))
    with seller.two.gongshu.desk() as desk:
        ours = {
            (one.generation, one.seq): one.envelope
            for one in outbox.of_pairing(desk.connection, partner.pairing)
        }
    assert {number: relay.message(*number) for number in relay.messages(0, 0)} == ours


def test_a_tar_that_is_there_is_not_written_over(seller: Seller, tmp_path: Path):
    tar = tmp_path / "a.tar"
    shipped(seller, f"tar:{tar}")
    before = tar.read_bytes()
    # Killed before it was noted: the same is there already.
    shipped(seller, f"tar:{tar}", again=True)
    assert tar.read_bytes() == before
    seller.release()
    with pytest.raises(RelayConflictError, match="another file"):
        shipped(seller, f"tar:{tar}")
    assert tar.read_bytes() == before
    assert seller.messages()[-1].uploaded is None
    assert list(tmp_path.glob(".*")) == []


def test_nothing_begins_to_leave_into_a_tar_that_cannot_be_written(seller: Seller, tmp_path: Path):
    done = seller.release()
    other = tmp_path / "somebody.tar"
    with tarfile.open(other, "w") as made:
        made.addfile(tarfile.TarInfo("theirs"))
    with pytest.raises(RelayConflictError, match="another file"):
        shipped(seller, f"tar:{other}")
    with pytest.raises(StoreError, match="not there"):
        shipped(seller, f"tar:{tmp_path / 'nowhere' / 'a.tar'}")
    assert [one.begun for one in seller.messages()] == [None] * len(seller.messages())
    with seller.two.gongshu.desk() as desk:
        taken = granting.revoke(desk, done.release.grant).taken_back
    assert [one.message for one in taken] == [done.message.digest]


def test_a_damaged_tar_is_an_error_of_its_own(seller: Seller, tmp_path: Path):
    tar = tmp_path / "a.tar"
    seller.release()
    shipped(seller, f"tar:{tar}")
    whole = tar.read_bytes()
    cut = tmp_path / "cut.tar"
    partner = seller.two.longyou.partner("gongshu")
    for content in (b"", b"no tar at all" * 100, whole[: len(whole) // 2]):
        cut.write_bytes(content)
        relay = TarRelay(cut, place_of(partner))
        with pytest.raises(DataError, match="tar"):
            list(relay.messages(0, 0))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "relay",
        "/srv/relay",
        "file://elsewhere/srv/relay",
        "file:relay",
        "http://relay.example/a",
        "s3://",
        "s3://bucket/a b",
        "tar:relative.tar",
        "file:///srv/relay?x=1",
    ],
)
def test_what_is_no_address_of_a_relay(address: str):
    with pytest.raises(ConfigurationError, match="not the address"):
        check_address(address)


@pytest.mark.parametrize("address", ["file:///srv/relay", "s3://bucket", "s3://bucket/a", "tar:/media/a.tar"])
def test_what_is_one(address: str):
    assert check_address(address) == address
