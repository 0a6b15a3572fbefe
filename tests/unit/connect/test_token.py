"""OAuth 2 client credentials: a token is got, held in memory, renewed in time, and told nowhere."""

from __future__ import annotations

import json
import logging
import traceback
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import httpx
import pytest
from pydantic import SecretStr, TypeAdapter

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.session import HttpSession
from shanhai.connect.web.token import token_address
from shanhai.errors import ConfigurationError, DeniedError, ShanhaiError, SourceError
from tests.conformance.far_side import Asked, FarSide, Reply

SECRET = "canary-s/ecret:%1"
AUTH: TypeAdapter[Auth] = TypeAdapter(Auth)
OPTIONS = {"kind": "client_credentials", "token": "/oauth/token", "client_id": "shan:hai", "secret": "client"}


class Authority:
    """Gives tokens that hold for a while, on a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.given = 0
        self.valid: set[str] = set()
        self.document: dict[str, Any] = {"token_type": "Bearer", "expires_in": 300}

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            self.given += 1
            token = f"canary-token-{self.given}"
            self.valid = {token}
            return Reply(json.dumps({"access_token": token} | self.document).encode())
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        return Reply(b"data") if scheme == "Bearer" and token in self.valid else Reply(status=401)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def far(authority: Authority) -> Iterator[FarSide]:
    with FarSide(authority.answer) as far_side:
        yield far_side


def session(far: FarSide, authority: Authority, **options: Any) -> HttpSession:
    context = ConnectContext(
        f"{far.address}/api/v1",
        lambda name: SecretStr(SECRET),
        attempts=2,
        monotonic=lambda: authority.now,
        sleep=lambda seconds: None,
    )
    origins = options.pop("origins", ())
    return HttpSession(context, auth=AUTH.validate_python(OPTIONS | options), origins=origins)


def get(asking: HttpSession) -> bytes:
    return asking.get_whole(asking.base).content


def tokens(far: FarSide) -> list[Asked]:
    return [asked for asked in far.asked if asked.path == "/oauth/token"]


def test_one_token_serves_many_requests(far: FarSide, authority: Authority) -> None:
    with session(far, authority, scope="read") as asking:
        assert [get(asking) for _ in range(3)] == [b"data"] * 3
    (asked,) = tokens(far)
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["read"]}
    user, _, password = (
        b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
    )
    assert (unquote_plus(user), unquote_plus(password)) == ("shan:hai", SECRET)
    assert asked.query == {}


def test_the_secret_may_go_into_the_form(far: FarSide, authority: Authority) -> None:
    with session(far, authority, sent_in="body") as asking:
        assert get(asking) == b"data"
    form = parse_qs(tokens(far)[0].body.decode())
    assert (form["client_id"], form["client_secret"]) == (["shan:hai"], [SECRET])
    assert "authorization" not in tokens(far)[0].headers


def test_a_token_is_renewed_before_it_expires(far: FarSide, authority: Authority) -> None:
    with session(far, authority) as asking:
        for moment in (1000.0, 1269.0, 1270.0, 1271.0):
            authority.now = moment
            assert get(asking) == b"data"
    assert authority.given == 2
    assert all("authorization" in asked.headers for asked in far.asked)


@pytest.mark.parametrize("expires_in", [None, "soon", [], "300", 300.0])
def test_a_lifetime_that_says_nothing_is_until_refused(
    far: FarSide, authority: Authority, expires_in: object
) -> None:
    authority.document["expires_in"] = expires_in
    with session(far, authority) as asking:
        get(asking)
        authority.now += 10_000
        get(asking)
    assert authority.given == (2 if expires_in in ("300", 300.0) else 1)


def test_no_time_of_day_is_looked_at(far: FarSide, authority: Authority) -> None:
    inner = authority.answer

    def skewed(asked: Asked) -> Reply:
        reply = inner(asked)
        return Reply(reply.body, reply.status, headers={"Date": "Tue, 01 Jan 2047 00:00:00 GMT"})

    far.answer = skewed
    with session(far, authority) as asking:
        assert [get(asking) for _ in range(2)] == [b"data"] * 2
    assert authority.given == 1


def test_an_expired_token_is_renewed_once(far: FarSide, authority: Authority) -> None:
    with session(far, authority) as asking:
        get(asking)
        authority.valid.clear()
        assert get(asking) == b"data"
        assert authority.given == 2
        far.answer = lambda asked: (
            authority.answer(asked) if asked.path == "/oauth/token" else Reply(status=401)
        )
        with pytest.raises(
            ConfigurationError, match=r"does not accept the credentials; given: secret client"
        ):
            get(asking)
    assert authority.given == 3


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (Reply(b'{"error": "invalid_client"}', 401), ConfigurationError, "invalid_client, secret client"),
        (Reply(b'{"error": "invalid_scope"}', 400), ConfigurationError, "status 400, invalid_scope"),
        (Reply(b'{"error": "330105199001011234"}', 400), ConfigurationError, "status 400, secret client"),
        (Reply(b"<html>login</html>", 403), ConfigurationError, "gives no token"),
        (Reply(status=302, headers={"Location": "/login"}), ConfigurationError, "status 302"),
        (Reply(status=404), ConfigurationError, "status 404"),
        (Reply(status=500), SourceError, "busy or broken; given: status 500; hint: tried 2 times"),
        (Reply(status=429), SourceError, "status 429"),
        (Reply(b"<html>login</html>"), SourceError, "answers without a token"),
        (Reply(b'{"token": "canary"}'), SourceError, "answers without a token"),
        (Reply(b'{"access_token": ["canary"]}'), SourceError, "answers without a token"),
        (Reply(b'{"access_token": "canary\\n1"}'), SourceError, "answers without a token"),
        (Reply(b'{"access_token": "canary", "token_type": "mac"}'), ConfigurationError, "another type"),
        (Reply(b"x" * 70_000), SourceError, "more than a token"),
        (Reply(b'{"access_token": "canary"}', cut_after=9), SourceError, "cut the answer off"),
    ],
)  # fmt: skip
def test_a_refusal_says_whose_turn_it_is(
    far: FarSide, authority: Authority, reply: Reply, kind: type[ShanhaiError], text: str
) -> None:
    far.answer = lambda asked: reply
    with session(far, authority) as asking, pytest.raises(kind, match=text) as refused:
        get(asking)
    assert "canary" not in str(refused.value)
    assert "330105199001011234" not in str(refused.value)


def test_another_origin_gets_neither_token_nor_secret(far: FarSide, authority: Authority) -> None:
    with FarSide(lambda asked: Reply(b"elsewhere")) as other, session(
        far, authority, origins=[other.address]
    ) as asking:  # fmt: skip
        get(asking)
        far.answer = lambda asked: Reply(status=302, headers={"Location": f"{other.address}/x"})
        assert get(asking) == b"elsewhere"
        assert "authorization" not in other.asked[0].headers
        far.answer = lambda asked: Reply(
            status=302, headers={"Location": f"{other.address}/?t={asked.headers['authorization'][7:]}"}
        )
        with pytest.raises(DeniedError, match="pass a secret on"):
            get(asking)
        assert len(other.asked) == 1


def test_no_log_error_or_repr_tells_token_or_secret(
    far: FarSide, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    with session(far, authority, sent_in="body") as asking:
        get(asking)
        told.append(repr(asking) + str(vars(asking)) + str(vars(asking._sending.credential)))
        far.answer = lambda asked: Reply(status=401)
        with pytest.raises(ConfigurationError) as refused:
            get(asking)
    told += [str(refused.value), "".join(traceback.format_exception(refused.value)), caplog.text]
    assert not [text for text in told if "canary" in text]


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("/oauth/token", "http://h:8080/oauth/token"),
        ("oauth/token", "http://h:8080/oauth/token"),
        ("https://login.example.org/t", "https://login.example.org/t"),
        ("http://h:8080/t", "http://h:8080/t"),
    ],
)
def test_where_tokens_are_given(place: str, address: str) -> None:
    assert str(token_address(place, httpx.URL("http://h:8080/api"))) == address


@pytest.mark.parametrize(
    "place", ["http://login.example.org/t", "//evil/t", "/a/../b", "/t?x=1", "ftp://h/t", "https://u:p@h/t"]
)
def test_where_no_secret_is_sent(place: str) -> None:
    with pytest.raises(ConfigurationError):
        token_address(place, httpx.URL("http://h:8080/api"))
