"""TLS certificates are verified, and nothing falls back to plain text."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web.sending import tls
from shanhai.connect.web.session import HttpSession
from shanhai.errors import ConfigurationError, DeniedError
from tests.conformance.far_side import FarSide, Reply
from tests.support.certificate import certificate_for_loopback


@pytest.fixture(autouse=True)
def authorities_are_read_anew() -> Iterator[None]:
    tls.cache_clear()
    yield
    tls.cache_clear()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certificate_for_loopback(tmp_path)


@pytest.fixture
def far(certificate: Path) -> Iterator[FarSide]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with FarSide(lambda asked: Reply(b"data"), tls=tls) as far_side:
        yield far_side


def get(address: str) -> bytes:
    context = ConnectContext(address, attempts=2, sleep=lambda seconds: None)
    with HttpSession(context) as session:
        return b"".join(session.get(session.base).chunks)


def test_an_unknown_certificate_is_refused(far: FarSide) -> None:
    with pytest.raises(ConfigurationError, match=r"certificate of https://.* cannot be verified"):
        get(far.address)
    assert far.asked == []


def test_a_trusted_certificate_is_accepted(
    far: FarSide, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert get(far.address) == b"data"


def test_a_redirect_to_plain_text_is_refused(
    far: FarSide, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FarSide(lambda asked: Reply(b"data")) as plain:
        far.answer = lambda asked: Reply(status=302, headers={"Location": plain.address})
        with pytest.raises(DeniedError, match="from https to http"):
            get(far.address)
        assert plain.asked == []
