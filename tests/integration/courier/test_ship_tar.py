"""Ship into a tar: found by content, told apart by number, never written over."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from seller import Seller

from shanhai.courier import granting, outbox, partners, sealing, sets
from shanhai.courier.relays.layout import RelayConflictError
from shanhai.courier.relays.opening import place_of, relay_of
from shanhai.courier.relays.tar import TarRelay
from shanhai.courier.shipping import ship
from shanhai.errors import DataError, StoreError


@pytest.fixture
def seller(seller: Seller) -> Seller:
    seller.grant("village", "n")
    return seller


def test_a_tar_has_the_same_whatever_its_entries_are_called(seller: Seller, tmp_path: Path):
    """tar-names-changed (passes, found by content) and tar-entry-outside (nothing is written anywhere)."""
    done = seller.release()
    tar = tmp_path / "stick" / "gongshu.tar"
    with pytest.raises(StoreError, match="not there"):
        seller.ship(f"tar:{tar}")
    tar.parent.mkdir()
    seller.ship(f"tar:{tar}")
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
    seller.ship(f"tar:{mine}")
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
    seller.ship(f"tar:{tar}")
    before = tar.read_bytes()
    # Killed before it was noted: the same is there already.
    seller.ship(f"tar:{tar}", again=True)
    assert tar.read_bytes() == before
    seller.release()
    with pytest.raises(RelayConflictError, match="another file"):
        seller.ship(f"tar:{tar}")
    assert tar.read_bytes() == before
    assert seller.messages()[-1].uploaded is None
    assert list(tmp_path.glob(".*")) == []


def test_nothing_begins_to_leave_into_a_tar_that_cannot_be_written(seller: Seller, tmp_path: Path):
    done = seller.release()
    other = tmp_path / "somebody.tar"
    with tarfile.open(other, "w") as made:
        made.addfile(tarfile.TarInfo("theirs"))
    with pytest.raises(RelayConflictError, match="another file"):
        seller.ship(f"tar:{other}")
    with pytest.raises(StoreError, match="not there"):
        seller.ship(f"tar:{tmp_path / 'nowhere' / 'a.tar'}")
    assert [one.begun for one in seller.messages()] == [None] * len(seller.messages())
    with seller.two.gongshu.desk() as desk:
        taken = granting.revoke(desk, done.release.grant).taken_back
    assert [one.message for one in taken] == [done.message.digest]


def test_a_damaged_tar_is_an_error_of_its_own(seller: Seller, tmp_path: Path):
    tar = tmp_path / "a.tar"
    seller.release()
    seller.ship(f"tar:{tar}")
    whole = tar.read_bytes()
    cut = tmp_path / "cut.tar"
    partner = seller.two.longyou.partner("gongshu")
    for content in (b"", b"no tar at all" * 100, whole[: len(whole) // 2]):
        cut.write_bytes(content)
        relay = TarRelay(cut, place_of(partner))
        with pytest.raises(DataError, match="tar"):
            list(relay.messages(0, 0))
