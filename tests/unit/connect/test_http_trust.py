"""What an HTTP session sends to whom, and what it takes for data."""

from __future__ import annotations

import logging
import traceback
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.session import HttpSession, check_headers
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, ShanhaiError, SourceError
from tests.conformance.far_side import Asked, FarSide, Reply

SECRET = "canary-0b7e55aa91"
DATA = Reply(b"a,b\n1,2\n", media_type="text/csv")
AUTHS = [
    {"kind": "bearer", "secret": "portal"},
    {"kind": "bearer", "secret": "portal", "header": "X-Token"},
    {"kind": "api_key", "secret": "portal", "header": "X-Api-Key"},
    {"kind": "api_key", "secret": "portal", "param": "key"},
    {"kind": "basic", "secret": "portal", "user": "shanhai"},
]
AUTH: TypeAdapter[Auth] = TypeAdapter(Auth)


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(lambda asked: DATA) as far_side:
        yield far_side


@pytest.fixture
def other() -> Iterator[FarSide]:
    with FarSide(lambda asked: DATA) as far_side:
        yield far_side


def session(
    far: FarSide, auth: dict[str, Any] | None = None, secret: str = SECRET, origins: tuple[str, ...] = ()
) -> HttpSession:
    context = ConnectContext(
        f"{far.address}/base",
        lambda name: SecretStr(secret),
        attempts=2,
        sleep=lambda seconds: None,
    )
    parsed = None if auth is None else AUTH.validate_python(auth)
    return HttpSession(context, auth=parsed, headers={"X-Purpose": "statistics"}, origins=origins)


def get(session: HttpSession, window: str | None = None) -> bytes:
    with session:
        return b"".join(session.get(session.base, window=window).chunks)


def sent(asked: Asked) -> str:
    scheme, _, value = asked.headers.get("authorization", "").partition(" ")
    plain = b64decode(value).decode() if scheme == "Basic" else ""
    return f"{asked.raw} {asked.headers} {plain}"


@pytest.mark.parametrize("auth", AUTHS)
def test_the_secret_is_sent_where_it_belongs(far: FarSide, auth: dict[str, Any]) -> None:
    assert get(session(far, auth)) == DATA.body
    assert SECRET in sent(far.asked[0])
    assert far.asked[0].headers["x-purpose"] == "statistics"


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_origin_gets_no_secret(
    far: FarSide, other: FarSide, auth: dict[str, Any], status: int
) -> None:
    far.answer = lambda asked: Reply(status=status, headers={"Location": f"{other.address}/file?signature=1"})
    assert get(session(far, auth, origins=(other.address,))) == DATA.body
    assert SECRET in sent(far.asked[0])
    assert other.asked[0].query == {"signature": "1"}
    assert SECRET not in sent(other.asked[0])
    assert "authorization" not in other.asked[0].headers
    assert "x-purpose" not in other.asked[0].headers


def test_the_same_host_on_another_port_or_name_is_another_origin(far: FarSide, other: FarSide) -> None:
    elsewhere = other.address.replace("127.0.0.1", "localhost")
    far.answer = lambda asked: Reply(status=302, headers={"Location": elsewhere})
    assert get(session(far, AUTHS[0], origins=(elsewhere,))) == DATA.body
    assert SECRET not in sent(other.asked[0])


def test_back_home_the_secret_is_sent_again(far: FarSide, other: FarSide) -> None:
    far.answer = lambda asked: (
        DATA if asked.path == "/end" else Reply(status=302, headers={"Location": other.address})
    )
    other.answer = lambda asked: Reply(status=302, headers={"Location": f"{far.address}/end"})
    assert get(session(far, AUTHS[3], origins=(other.address,))) == DATA.body
    assert far.asked[1].query == {"key": SECRET}


@pytest.mark.parametrize("place", ["/?key={}", "/{}/file", "/?token=Bearer%20{}"])
def test_a_source_may_not_pass_the_secret_on(far: FarSide, other: FarSide, place: str) -> None:
    location = other.address + place.format(SECRET)
    far.answer = lambda asked: Reply(status=302, headers={"Location": location})
    with pytest.raises(DeniedError, match=r"pass a secret on.*secret portal") as refused:
        get(session(far, AUTHS[3], origins=(other.address,)))
    assert other.asked == []
    assert SECRET not in str(refused.value)


def test_cookies_are_not_kept(far: FarSide) -> None:
    far.first = [Reply(status=302, headers={"Location": "/base/next", "Set-Cookie": "session=1; Path=/"})]
    assert get(session(far)) == DATA.body
    assert "cookie" not in far.asked[1].headers


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://user:pw@127.0.0.1/", "http://[/"]
)  # fmt: skip
def test_a_redirect_leads_to_http_or_nowhere(far: FarSide, location: str) -> None:
    far.answer = lambda asked: Reply(status=302, headers={"Location": location})
    with pytest.raises(SourceError) as refused:
        get(session(far))
    assert "pw" not in str(refused.value)


def test_redirects_end(far: FarSide) -> None:
    far.answer = lambda asked: Reply(status=302, headers={"Location": asked.path + "/x"})
    with pytest.raises(SourceError, match="redirects too often"):
        get(session(far))
    assert len(far.asked) == 6


@pytest.mark.parametrize(
    ("status", "auth", "kind", "text"),
    [
        (401, AUTHS[0], ConfigurationError, "given: secret portal"),
        (401, AUTHS[3], ConfigurationError, "given: secret portal"),
        (401, AUTHS[4], ConfigurationError, "given: secret portal"),
        (401, None, ConfigurationError, "add the option auth"),
        (403, AUTHS[3], DeniedError, "secret portal"),
        (403, None, DeniedError, "no credentials"),
        (404, None, NotFoundError, "check the endpoint"),
        (422, None, ConfigurationError, "refuses the request"),
    ],
)
def test_a_refusal_says_whose_turn_it_is(
    far: FarSide, status: int, auth: dict[str, Any] | None, kind: type[ShanhaiError], text: str
) -> None:
    far.answer = lambda asked: Reply(b"private", status=status)
    with pytest.raises(kind, match=text) as refused:
        get(session(far, auth))
    assert "private" not in str(refused.value)


@pytest.mark.parametrize("status", [404, 410])
def test_an_unpublished_window_may_come_later(far: FarSide, status: int) -> None:
    far.answer = lambda asked: Reply(status=status)
    with pytest.raises(SourceError, match="has nothing for window 2024-03-01"):
        get(session(far), "2024-03-01")


@pytest.mark.parametrize("auth", AUTHS)
def test_no_log_error_or_repr_tells_the_secret(
    far: FarSide, auth: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for reply in (
        DATA,
        Reply(status=401),
        Reply(status=403),
        Reply(status=500),
        Reply(b"<html>", cut_after=2),
    ):
        far.first = [reply] * 2
        asking = session(far, auth)
        told.append(repr(asking) + str(vars(asking)))
        try:
            get(asking)
        except ShanhaiError as error:
            told += [
                repr(error),
                str(error),
                str(error.as_dict()),
                "".join(traceback.format_exception(error)),
            ]
    assert SECRET in sent(far.asked[0])
    assert not [text for text in (*told, caplog.text) if SECRET in text]


@pytest.mark.parametrize("secret", ["", "two\nlines", " padded", "end\t", "口令", "null\x00"])
def test_a_secret_that_cannot_be_sent_is_named_not_told(far: FarSide, secret: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be sent; given: portal") as refused:
        session(far, AUTHS[0], secret)
    assert not secret.strip() or secret.strip() not in str(refused.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "ftp://h/", "//h", "http://", "http://u:pw@h/", "http://h/?key=pw", "http://h/#pw"),
        *("http://[x", "http://h:99999", "http://h..x/", "http://" + "a" * 64, "http://h:x/"),
    ],
)
def test_an_endpoint_is_a_plain_address(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="an endpoint") as refused:
        HttpSession(ConnectContext(endpoint))
    if "@" in endpoint or "?" in endpoint:
        assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "HOST", "Range", "Accept-Encoding", "X-\n", "名"]
)
def test_some_headers_are_not_for_options(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        check_headers({name: "x"})
    with pytest.raises(ValueError, match="header"):
        check_headers({"X-Fine": "a\r\nb"})


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"\xef\xbb\xbf\n  <!doctype HTML>", "application/json"),
        (b"<HTML lang=zh>", "text/csv"),
        (b"<?xml version='1.0'?><html/>", "text/html; charset=gbk"),
        (b"<head><title>", "application/octet-stream"),
        (b"<!DOCTYPE html>" + b" " * 5000, "text/html"),
    ],
)
def test_a_web_page_is_no_data(far: FarSide, body: bytes, media_type: str) -> None:
    far.answer = lambda asked: Reply(body, media_type=media_type)
    with pytest.raises(SourceError, match="web page instead of data"):
        get(session(far))


@pytest.mark.parametrize("body", [b'{"a": 1}', b"a,b\n<html>,2\n", b"", b"<", b"<htmlish>", b"1" * 5000])
def test_data_labelled_otherwise_are_data(far: FarSide, body: bytes) -> None:
    far.answer = lambda asked: Reply(body, media_type="text/plain" if b"<" in body else "text/html")
    assert get(session(far)) == body
