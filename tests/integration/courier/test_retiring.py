"""Sets that nobody can need any more are retired: their files and keys go, and the log tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from seller import Seller, table

from shanhai.courier import outbox, partners, retiring, sealing, sets, standing
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.releasing import Released
from shanhai.courier.shipping import ship
from shanhai.errors import NotFoundError


def released_twice(seller: Seller) -> tuple[Released, Released]:
    """Two versions of the table under one grant."""
    seller.grant("n")
    first = seller.release()
    seller.city.put("b.csv", table(range(4, 6)))
    seller.city.walk()
    return first, seller.release()


def test_older_sets_are_retired_once_they_arrived(seller: Seller):
    first, second = released_twice(seller)
    assert second.release.version > first.release.version
    with seller.two.gongshu.desk() as desk:
        assert retiring.retire_sets(desk) == ()
        outbox.settled(desk.connection, first.message.digest, outcome="admitted", code=None, at=desk.now)
        assert retiring.retire_sets(desk) == (first.release.set_id,)
        kept = sets.by_id(desk.connection, first.release.set_id)
        assert kept is not None
        assert kept.state == "retired"
        with pytest.raises(NotFoundError):
            keyring_of(seller.home).keys_of_set(first.release.set_id, desk.speaker.holdings)
    assert not sealing.folder_of(seller.home, first.release.set_id).exists()
    assert sealing.folder_of(seller.home, second.release.set_id).is_dir()
    assert seller.two.gongshu.events()[-1] == ("retire", "Li Wei")


def test_keys_that_a_killed_release_had_not_put_in_their_place_go_with_the_next_one(seller: Seller):
    seller.grant("n")
    cut_off = keyring_of(seller.home).folder / "sets" / ".k3v1x0.new"
    cut_off.parent.mkdir(mode=0o700, exist_ok=True)
    cut_off.write_bytes(b"half")
    done = seller.release()
    assert not cut_off.exists()
    assert (cut_off.parent / f"{done.release.set_id}.age").is_file()


def test_older_sets_of_an_ended_pairing_are_retired_once_the_partner_settled_them(seller: Seller):
    first, _ = released_twice(seller)
    with seller.two.gongshu.desk() as desk:
        outbox.settled(desk.connection, first.message.digest, outcome="received", code=None, at=desk.now)
        assert retiring.retire_sets(desk) == ()
        standing.end(desk, "longyou")
        assert retiring.retire_sets(desk) == (first.release.set_id,)


def test_a_set_that_has_begun_to_leave_is_kept_until_it_ran_out(seller: Seller):
    """The end is told behind its message, which nobody takes without the files before."""
    first, _ = released_twice(seller)
    with seller.two.gongshu.desk() as desk:
        outbox.begin(desk.connection, first.message.digest, at=desk.now)
        standing.end(desk, "longyou")
        assert retiring.retire_sets(desk) == ()
        partner = partners.named(desk.connection, "longyou")
        gone = ship(seller.home, seller.node.settings, partner, now=desk.now)
        assert [one.type for one in gone.messages][-2:] == ["parcel", "end"]
        assert retiring.retire_sets(desk) == ()
    with seller.two.gongshu.desk(now=first.message.not_after) as desk:
        assert retiring.retire_sets(desk) == (first.release.set_id,)


def test_an_older_application_is_retired_once_it_was_received(seller: Seller, tmp_path: Path):
    folder = tmp_path / "notice_board"
    folder.mkdir()
    seller.grant(subject="notice_board", columns=None)
    found = []
    for text in ("one", "another"):
        (folder / "a.txt").write_text(text)
        found.append(seller.release(subject="notice_board", folder=folder))
    with seller.two.gongshu.desk() as desk:
        assert retiring.retire_sets(desk) == ()
        outbox.settled(desk.connection, found[0].message.digest, outcome="received", code=None, at=desk.now)
        assert retiring.retire_sets(desk) == (found[0].release.set_id,)
