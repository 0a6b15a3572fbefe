"""Ship to a bucket: the same layout, created only, and the same bytes again are fine."""

from __future__ import annotations

import pytest
from seller import Seller

from shanhai.courier import partners, sealing, sets
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.shipping import ship
from shanhai.settings import read_settings
from tests.support.servers.radosgw import REGION, RadosGateway


def test_a_set_goes_through_a_bucket(seller: Seller, ceph: RadosGateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHANHAI_SECRET_RELAY_ACCESS_KEY", ceph.access_key)
    monkeypatch.setenv("SHANHAI_SECRET_RELAY_SECRET_KEY", ceph.secret_key)
    seller.grant("village", "n")
    done = seller.release()
    address = f"s3://{ceph.bucket()}/exchange"
    settings = read_settings(
        home=seller.home, relay_endpoint=ceph.address, s3_region=REGION, free_disk_bytes=0
    )
    with seller.two.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        kept = sets.by_id(desk.connection, done.release.set_id)
        assert kept is not None
        (file,) = sets.files(desk.connection, kept.set_id)
        for again in (False, True):
            ship(seller.home, settings, partner, now=desk.now, address=address, again=again)
    with relay_of(seller.two.longyou.partner("gongshu"), settings, address=address) as relay:
        assert list(relay.messages(0, 0)) == [(one.generation, one.seq) for one in seller.messages()]
        assert relay.message(0, done.message.seq) == done.message.envelope
        assert relay.statement(kept.digest) == kept.statement
        with relay.file(file.sha256) as opened:
            assert opened.read() == (sealing.folder_of(seller.home, kept.set_id) / file.name).read_bytes()
