"""A relay that lost everything after a pairing ended: the partner learns of the end all the same."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from one_city import City
from seller import table
from sent_parcels import relay_folder, settings_of
from served_pair import Pair, served_pair
from two_nodes import Two

from shanhai.courier import partners, retiring, standing
from shanhai.courier.receiving import Received, receive_from
from shanhai.courier.shipping import ship
from shanhai.exchange.pairing_states import PairingState


@pytest.fixture
def ended(two: Two, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Two versions were sent, the pairing was ended, and the relay has lost it all."""
    pair = served_pair(two, city, tmp_path, monkeypatch)
    pair.grant("village", "n")
    pair.send()
    pair.seller.city.put("b.csv", table(range(4, 9)))
    pair.seller.city.walk()
    pair.send()
    with pair.seller.two.gongshu.desk() as desk:
        standing.end(desk, "longyou")
    for one in relay_folder(pair.seller.two).iterdir():
        shutil.rmtree(one)
    return pair


def shipped_again(pair: Pair, now: datetime, **how: Any) -> None:
    gongshu = pair.seller.two.gongshu
    with gongshu.desk(now=now) as desk:
        partner = partners.named(desk.connection, "longyou")
        ship(gongshu.home, pair.seller.node.settings, partner, now=now, again=True, **how)


def taken(pair: Pair, now: datetime, **how: Any) -> Received:
    longyou = pair.seller.two.longyou
    with longyou.desk(who="system", now=now) as desk:
        return receive_from(desk, settings_of(longyou), "gongshu", **how)


def retired(pair: Pair, now: datetime) -> int:
    with pair.seller.two.gongshu.desk(now=now) as desk:
        return len(retiring.retire_sets(desk))


def moment(pair: Pair) -> datetime:
    with pair.seller.two.gongshu.desk() as desk:
        return desk.now


def test_sets_are_kept_while_they_can_be_received_before_the_end(ended: Pair):
    now = moment(ended)
    assert retired(ended, now) == 0
    shipped_again(ended, now)
    done = taken(ended, now)
    assert [row.type for row in done.settled][-3:] == ["parcel", "parcel", "end"]
    assert ended.seller.two.longyou.partner("gongshu").state is PairingState.ENDED


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_the_end_is_told_although_sets_before_it_ran_out_and_are_gone(ended: Pair, tmp_path: Path, kind: str):
    late = moment(ended) + timedelta(days=31)
    assert retired(ended, late) == 1
    how = {} if kind == "folder" else {"address": f"tar:{tmp_path / 'stick.tar'}"}
    shipped_again(ended, late, **how)
    done = taken(ended, late, **how)
    assert done.stopped is None
    assert [row.code for row in done.settled][-3:] == ["expired", "expired", None]
    assert ended.seller.two.longyou.partner("gongshu").state is PairingState.ENDED
