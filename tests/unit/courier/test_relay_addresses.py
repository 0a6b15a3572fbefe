"""Which texts are the address of a relay; what is none is shown as it was typed."""

from __future__ import annotations

import pytest

from shanhai.courier.relays.opening import check_address
from shanhai.errors import ConfigurationError


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
        "tar:",
        "tar:/",
        "tar:/media/usb/",
        "tar:/media/usb/..",
        "tar:/media/\x1b[2J.tar",
        "file:///srv/relay?x=1",
    ],
)
def test_what_is_no_address_of_a_relay(address: str):
    with pytest.raises(ConfigurationError, match="not the address"):
        check_address(address)


@pytest.mark.parametrize("address", ["file:///srv/relay", "s3://bucket", "s3://bucket/a", "tar:/media/a.tar"])
def test_what_is_one(address: str):
    assert check_address(address) == address


def test_an_address_that_is_none_is_shown_as_it_was_typed():
    for address, shown in (("/media/中 继", "/media/中 继"), ("/media/\x1b[2J", "'/media/\\x1b[2J'")):
        with pytest.raises(ConfigurationError) as met:
            check_address(address)
        assert met.value.given == shown
