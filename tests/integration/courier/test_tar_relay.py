"""A relay in one tar: two that write it at once, and keys that change on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sent_parcels import settings_of
from two_nodes import Two, rotated

from shanhai.courier import partners, standing
from shanhai.courier.relays.layout import Place, RelayConflictError
from shanhai.courier.relays.opening import place_of
from shanhai.courier.relays.tar import TarRelay
from shanhai.courier.shipping import ship

PLACE = Place("0" * 32, "a/1", "a/2")


class Interrupted(TarRelay):
    """One that another writer of the same tar comes between, once it has written."""

    other: TarRelay

    def _write(self, new: Path) -> None:
        super()._write(new)
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
