"""A source leads to its own origin, to one that options name, or to a public https one, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.network import Terms, keep_terms
from shanhai.connect.web.redirect import check_target, origins
from shanhai.connect.web.session import HttpSession
from shanhai.errors import DeniedError, SourceError
from tests.conformance.far_side import FarSide, Reply

HOME = httpx.URL("http://portal.example.cn/api")
OWN = {address.origin(HOME)}


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(lambda asked: Reply(b"data")) as far_side:
        yield far_side


@pytest.mark.parametrize(
    ("target", "stranger"),
    [
        ("http://portal.example.cn/other", False),
        ("http://portal.example.cn:80/other", False),
        ("http://PORTAL.example.cn/", False),
        ("https://portal.example.cn/api", True),
        ("https://files.example.org/a?signature=1", True),
        ("https://93.184.215.14/", True),
        ("https://[2606:2800:21f::1]/", True),
    ],
)
def test_where_a_source_may_lead(target: str, stranger: bool) -> None:
    assert check_target(HOME, httpx.URL(target), OWN) is stranger


@pytest.mark.parametrize(
    "target",
    [
        *("http://files.example.org/", "http://portal.example.cn:8080/", "http://93.184.215.14/"),
        *("https://127.0.0.1/", "https://localhost/", "https://a.localhost/", "https://10.0.0.7/"),
        *("https://192.168.1.1/", "https://172.16.0.1/", "https://169.254.169.254/latest/meta-data"),
        *("https://[::1]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://0.0.0.0/", "https://100.64.0.1/", "https://intranet/", "https://printer.local/"),
    ],
)
def test_where_it_may_not(target: str) -> None:
    with pytest.raises(DeniedError, match="leads to another origin"):
        check_target(HOME, httpx.URL(target), OWN)
    named = f"{httpx.URL(target).scheme}://{httpx.URL(target).netloc.decode()}"
    assert check_target(HOME, httpx.URL(target), OWN | origins([named])) is False


def test_a_private_system_is_not_reached_by_a_redirect(far: FarSide) -> None:
    with FarSide(lambda asked: Reply(b"private")) as inner:
        far.answer = lambda asked: Reply(status=302, headers={"Location": inner.address})
        context = ConnectContext(far.address, attempts=2, sleep=lambda s: None)
        with HttpSession(context) as session, pytest.raises(DeniedError, match="option origins"):
            session.get(session.base)
        assert inner.asked == []
    assert len(far.asked) == 1


def test_a_public_name_that_stands_for_a_private_address_is_seen_when_it_is_connected_to(
    far: FarSide,
) -> None:
    terms = Terms(lambda: 0.0, stranger=True)
    with httpx.Client() as client:
        keep_terms(client, terms)
        with pytest.raises(httpx.UnsupportedProtocol, match="private address"):
            client.get(far.address)
        assert far.asked == []
        terms.stranger = False
        assert client.get(far.address).content == b"data"


def test_a_head_that_never_ends_is_given_up(far: FarSide) -> None:
    far.answer = lambda asked: Reply(head_pause=0.05)
    context = ConnectContext(far.address, attempts=1, timeout_seconds=1)
    with HttpSession(context) as session, pytest.raises(SourceError, match="too slow"):
        session.get(session.base)
