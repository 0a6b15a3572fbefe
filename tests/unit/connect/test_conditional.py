"""Whether what was kept has changed: asked for exactly the same request, and trusted for that only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter

from shanhai.connect.protocol import ConnectContext, Kept
from shanhai.connect.web.conditional import strong_date
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.session import HttpSession
from shanhai.errors import SourceError, StoreError
from tests.conformance.far_side import Asked, FarSide, Reply

DATA = b"a,b\n1,2\n"
MODIFIED = "Fri, 01 Mar 2024 11:00:00 GMT"
AUTH: TypeAdapter[Auth] = TypeAdapter(Auth)


def answer(asked: Asked) -> Reply:
    headers = {"ETag": 'W/"v1"'}
    if asked.headers.get("if-none-match") == 'W/"v1"':
        return Reply(status=304, headers=headers)
    return Reply(DATA, headers=headers, media_type="text/csv")


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(answer) as far_side:
        yield far_side


def session(far: FarSide, user: str = "u", **headers: str) -> HttpSession:
    context = ConnectContext(far.address, lambda name: SecretStr("x" * 9), attempts=2, sleep=lambda s: None)
    auth = AUTH.validate_python({"kind": "basic", "user": user, "secret": "portal"})
    return HttpSession(context, auth=auth, headers=headers)


def kept_of(far: FarSide, content: bytes = DATA) -> Kept:
    with session(far) as asking:
        whole = asking.get_whole(asking.base)
    far.asked.clear()
    return Kept(
        hashlib.sha256(content).hexdigest(), len(content), whole.request, whole.media_type,
        lambda: io.BytesIO(content), whole.facts,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["get", "get_whole"])
def test_what_did_not_change_is_not_sent_again(far: FarSide, way: str) -> None:
    kept = kept_of(far)
    with session(far) as asking:
        if way == "get":
            download: Any = asking.get(asking.base, kept=kept)
            content = b"".join(download.chunks)
        else:
            download = asking.get_whole(asking.base, kept=kept)
            content = download.content
    assert content == DATA
    assert download.unchanged is kept
    assert (download.request, download.media_type, download.facts) == (kept.request, "text/csv", kept.facts)
    assert [asked.headers["if-none-match"] for asked in far.asked] == ['W/"v1"']


def test_what_changed_is_sent(far: FarSide) -> None:
    kept = kept_of(far)
    far.answer = lambda asked: Reply(b"new", headers={"ETag": '"v2"'})
    with session(far) as asking:
        download = asking.get(asking.base, kept=kept)
        assert b"".join(download.chunks) == b"new"
    assert download.unchanged is None
    assert download.facts == {"etag": '"v2"'}


@pytest.mark.parametrize("difference", ["another address", "another asker", "another header"])
def test_another_request_asks_for_everything(far: FarSide, difference: str) -> None:
    kept = kept_of(far)
    asking = session(
        far,
        user="other" if difference == "another asker" else "u",
        **({"Accept-Language": "zh"} if difference == "another header" else {}),
    )
    with asking:
        url = asking.base.copy_with(path="/other") if difference == "another address" else asking.base
        download = asking.get(url, kept=kept)
        assert b"".join(download.chunks) == DATA
    assert download.unchanged is None
    assert download.request != kept.request
    assert "if-none-match" not in far.asked[0].headers


def test_unchanged_is_believed_only_when_it_was_asked_for(far: FarSide) -> None:
    far.answer = lambda asked: Reply(status=304)
    with session(far) as asking, pytest.raises(SourceError, match="status 304"):
        asking.get_whole(asking.base)


def test_an_unchanged_something_else_is_not_believed(far: FarSide) -> None:
    kept = kept_of(far)
    far.first = [Reply(status=304, headers={"ETag": '"v9"'})]
    far.answer = lambda asked: Reply(b"new", headers={"ETag": '"v9"'})
    with session(far) as asking:
        assert asking.get_whole(asking.base, kept=kept).content == b"new"
    assert "if-none-match" not in far.asked[1].headers


def test_altered_bytes_are_not_handed_on(far: FarSide) -> None:
    kept = replace(kept_of(far), open=lambda: io.BytesIO(b"a,b\n1,3\n"))
    with session(far) as asking, pytest.raises(StoreError, match="kept bytes were altered"):
        asking.get_whole(asking.base, kept=kept)


def test_a_time_is_asked_about_when_nothing_else_is_known(far: FarSide) -> None:
    dates = {"Last-Modified": MODIFIED, "Date": "Fri, 01 Mar 2024 12:00:00 GMT"}
    far.answer = lambda asked: Reply(DATA, headers=dates)
    kept = replace(kept_of(far), facts={"last-modified": MODIFIED, "date": dates["Date"]})
    far.answer = lambda asked: Reply(status=304, headers={"Last-Modified": MODIFIED})
    with session(far) as asking:
        assert asking.get_whole(asking.base, kept=kept).unchanged is kept
    assert far.asked[0].headers["if-modified-since"] == MODIFIED


@pytest.mark.parametrize(
    ("date", "strong"),
    [
        ("Fri, 01 Mar 2024 11:00:01 GMT", True),
        ("Fri, 01 Mar 2024 11:00:00 GMT", False),
        ("Fri, 01 Mar 2024 10:59:00 GMT", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_a_time_that_another_change_may_share_is_not_trusted(date: str, strong: bool) -> None:
    facts = {"last-modified": MODIFIED, "date": date}
    assert strong_date(facts) == (MODIFIED if strong else None)


def test_no_digest_tells_a_secret(far: FarSide) -> None:
    one, other = kept_of(far), kept_of(far)
    assert one.request == other.request
    assert len(one.request) == 64
