"""The connector `object_store` keeps the promises of the protocol against a real Ceph."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig
from pydantic import SecretStr

from connectors.object_store import ObjectStoreConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving, collect
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, SourceError
from tests.conformance.rows import arrivals
from tests.support.servers.radosgw import RadosGateway
from tests.support.servers.wire import Wire

WINDOW = "2024-03-01"
LARGE = random.Random(3).randbytes(24 * 2**20)
FILES = {f"water/{WINDOW}.csv": "水表编号,读数\n".encode("gb18030"), f"noise/{WINDOW}.csv": LARGE[:700_000]}
AUTH = {"access_key": "portal_access", "secret_key": "portal_secret"}
PUBLIC = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::%(b)s", "arn:aws:s3:::%(b)s/*"]}]}"""


@pytest.fixture
def bucket(ceph: RadosGateway) -> str:
    return ceph.bucket()


def fill(ceph: RadosGateway, bucket: str, files: Mapping[str, bytes] = FILES, prefix: str = "open/") -> None:
    client = ceph.client()
    for name, content in files.items():
        client.put_object(bucket, prefix + name, BytesIO(content), len(content))


def context(ceph: RadosGateway, bucket: str, secret: str = "", **changes: Any) -> ConnectContext:
    secrets = {"portal_access": ceph.access_key, "portal_secret": secret or ceph.secret_key}
    given = ConnectContext(
        f"{ceph.address}/{bucket}/open",
        secret=lambda name: SecretStr(secrets[name]),
        timeout_seconds=60,
        attempts=3,
        sleep=lambda seconds: None,
    )
    return replace(given, **changes)


def connector(ceph: RadosGateway, bucket: str, path: str, **options: Any) -> ObjectStoreConnector:
    return ObjectStoreConnector({"path": path, "auth": AUTH, **options}, context(ceph, bucket))


class TestObjectStore(ConnectorConformance):
    factory = ObjectStoreConnector

    @pytest.fixture(autouse=True)
    def server(self, ceph: RadosGateway, bucket: str) -> Iterator[None]:
        fill(ceph, bucket)
        self.ceph, self.bucket = ceph, bucket
        with ExitStack() as self.wires:
            yield

    def over(self, **given: Any) -> Case:
        wire = self.wires.enter_context(Wire(self.ceph.port, **given))
        case = self.healthy()
        endpoint = case.context.endpoint.replace(f":{self.ceph.port}/", f":{wire.port}/")
        return replace(case, context=replace(case.context, endpoint=endpoint))

    def truncated(self) -> Case:
        return self.over(cut_after=100_000)

    def cut_midway(self) -> Case:
        return self.over(cut_after=400_000, cuts=1)

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        slow_down = http(b"503 Slow Down", b"<Error><Code>SlowDown</Code></Error>")
        return {
            "refused": lambda: self.over(refuse=2),
            "slow down": lambda: self.over(replies=[slow_down, slow_down]),
        }

    def throttled(self, retry_after: float | None) -> Case:
        told = b"" if retry_after is None else b"Retry-After: %d\r\n" % retry_after
        # Of the first of two refusals in a row the SDK's connections ask again at once.
        return self.over(replies=[http(b"503 Slow Down", told=told)] * (1 if told else 2))

    def empty(self) -> Case:
        nothing = dict.fromkeys(FILES, b"")
        fill(self.ceph, self.bucket, nothing)
        return replace(self.healthy(), bodies=nothing)

    def growing(self) -> Moving:
        arriving = arrivals(lambda name, content: fill(self.ceph, self.bucket, {name: content}), FILES)
        return Moving(self.healthy(), arriving, frozenset(FILES))

    def healthy(self) -> Case:
        options = {"path": "*/{window}.csv", "auth": AUTH}
        return Case(options, context(self.ceph, self.bucket), WINDOW, FILES, self.ceph.secret_key)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        nobody = context(self.ceph, self.bucket, endpoint="http://127.0.0.1:9/bucket")
        tomorrow = http(b"503 Slow Down", told=b"Retry-After: 86400\r\n")
        return {
            "down": lambda: replace(self.healthy(), context=replace(nobody, attempts=2)),
            "come back tomorrow": lambda: self.over(replies=[tomorrow]),
            "silent": lambda: _impatient(self.over(silent_after=0)),
            "silent amid an object": lambda: _impatient(self.over(silent_after=100_000)),
        }

    def wrong_credentials(self) -> Case:
        return replace(self.healthy(), context=context(self.ceph, self.bucket, secret="wrong-canary-91"))

    def conditional(self) -> Case:
        return self.healthy()

    def changed(self) -> Case:
        changed = {name: content[::-1] for name, content in FILES.items()}
        fill(self.ceph, self.bucket, changed)
        return replace(self.healthy(), bodies=changed)


def http(status: bytes, body: bytes = b"", told: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/xml\r\nConnection: close\r\n%bContent-Length: %d\r\n"
    return head % (status, told, len(body)) + b"\r\n" + body


def _impatient(case: Case) -> Case:
    return replace(case, context=replace(case.context, timeout_seconds=1, attempts=2))


def test_names_and_facts_of_objects(ceph: RadosGateway, bucket: str) -> None:
    files = {"水 表/读 数 1.csv": b"1", "水 表/a+b&c.csv": b"2", "b.csv": b"3"}
    fill(ceph, bucket, files)
    fill(ceph, bucket, {".hidden.csv": b"", "folder.csv/": b""})
    assert collect(connector(ceph, bucket, "**/*.csv"), None) == files
    assert list(collect(connector(ceph, bucket, "**/*.csv"), None)) == sorted(files)
    ceph.client().set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    fill(ceph, bucket, {"b.csv": b"4"})
    (body,) = connector(ceph, bucket, "b.csv").pull(None)
    about = ceph.client().stat_object(bucket, "open/b.csv")
    assert body.facts["etag"] == f'"{about.etag}"'
    assert body.facts["version-id"] == about.version_id
    assert datetime.fromisoformat(body.facts["last-modified"]) == about.last_modified
    assert body.origin == f"{ceph.address}/{bucket}/open/b.csv"
    assert b"".join(body.chunks) == b"4"


def test_pages_of_a_listing_are_read_to_the_end(ceph: RadosGateway, bucket: str) -> None:
    files = {f"many/{number:04}.csv": b"%d" % number for number in range(250)}
    client = ceph.client()

    def put(name: str) -> None:
        client.put_object(bucket, f"open/{name}", BytesIO(files[name]), len(files[name]))

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(put, files))
    some = connector(ceph, bucket, "many/*.csv")
    came = collect(some, None)
    assert came == files
    assert list(came) == sorted(files)


def test_the_gateway_is_restarted_in_the_middle_of_a_download(ceph: RadosGateway, bucket: str) -> None:
    fill(ceph, bucket, {"large.csv": LARGE})
    pull = connector(ceph, bucket, "large.csv").pull(None)
    body = next(iter(pull))
    content = next(body.chunks)
    ceph.restart_gateway()
    content += b"".join(body.chunks)
    assert content == LARGE


def test_an_object_replaced_while_it_is_read_is_refused_and_read_anew_by_the_next_pull(
    ceph: RadosGateway, bucket: str
) -> None:
    fill(ceph, bucket, {"large.csv": LARGE})
    pull = connector(ceph, bucket, "large.csv").pull(None)
    body = next(iter(pull))
    next(body.chunks)
    fill(ceph, bucket, {"large.csv": LARGE[::-1]})
    ceph.restart_gateway()
    with pytest.raises(SourceError, match="replaced while it was read"):
        list(body.chunks)
    assert collect(connector(ceph, bucket, "large.csv"), None) == {"large.csv": LARGE[::-1]}


def test_a_missing_bucket_and_a_missing_object_are_told_apart(ceph: RadosGateway, bucket: str) -> None:
    fill(ceph, bucket)
    for path in ("a.csv", "*.csv"):
        with pytest.raises(ConfigurationError, match=r"no such bucket.*no-such-bucket"):
            collect(connector(ceph, "no-such-bucket", path), None)
        with pytest.raises(NotFoundError, match="no file matches"):
            collect(connector(ceph, bucket, path), None)


def test_an_optional_object_may_be_absent(ceph: RadosGateway, bucket: str) -> None:
    fill(ceph, bucket)
    some = connector(ceph, bucket, "water/{window}.csv", optional="water/{window}.r2.csv")
    assert list(collect(some, WINDOW)) == [f"water/{WINDOW}.csv"]
    fill(ceph, bucket, {f"water/{WINDOW}.r2.csv": b"later"})
    assert list(collect(some, WINDOW)) == [f"water/{WINDOW}.csv", f"water/{WINDOW}.r2.csv"]


def test_a_public_bucket_needs_no_keys_and_a_closed_one_says_so(ceph: RadosGateway, bucket: str) -> None:
    fill(ceph, bucket)
    anonymous = ObjectStoreConnector({"path": "*/*.csv"}, context(ceph, bucket))
    with pytest.raises(DeniedError, match="no keys"):
        collect(anonymous, None)
    ceph.client().set_bucket_policy(bucket, PUBLIC % {"b": bucket})
    assert collect(anonymous, None) == FILES


def test_a_clock_that_is_wrong_is_told(
    ceph: RadosGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ceph, bucket)
    monkeypatch.setattr("minio.time.utcnow", lambda: datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="set the clock"):
        collect(connector(ceph, bucket, "*/*.csv"), None)


class TestPresigned:
    def connector(self, ceph: RadosGateway, bucket: str, url: str, **changes: Any) -> ObjectStoreConnector:
        options = {"path": "notes.csv", "presigned": "portal_url"}
        return ObjectStoreConnector(
            options, replace(context(ceph, bucket), secret=lambda name: SecretStr(url), **changes)
        )

    def test_it_gives_the_object(self, ceph: RadosGateway, bucket: str) -> None:
        fill(ceph, bucket, {"水 表.csv": LARGE[:300_000]})
        url = ceph.client().presigned_get_object(bucket, "open/水 表.csv", expires=timedelta(minutes=5))
        pull = self.connector(ceph, bucket, url).pull(None)
        body = next(iter(pull))
        assert body.name == "notes.csv"
        assert "Signature" not in f"{body!r} {body.origin} {body.facts}"
        assert b"".join(body.chunks) == LARGE[:300_000]

    def test_an_expired_one_is_told_with_its_end(
        self, ceph: RadosGateway, bucket: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        fill(ceph, bucket, {"a.csv": b"1"})
        url = ceph.client().presigned_get_object(bucket, "open/a.csv", expires=timedelta(seconds=1))
        later = datetime.now(UTC) + timedelta(minutes=1)
        with pytest.raises(ConfigurationError, match=r"presigned URL has expired.*portal_url") as refused:
            collect(self.connector(ceph, bucket, url, clock=lambda: later), None)
        signature = url.rpartition("=")[2]
        assert signature not in f"{refused.value!r} {refused.value} {caplog.text}"

    def test_one_that_the_service_refuses_is_told(self, ceph: RadosGateway, bucket: str) -> None:
        fill(ceph, bucket, {"a.csv": b"1"})
        url = ceph.client().presigned_get_object(bucket, "open/a.csv", expires=timedelta(minutes=5))
        forged = url[:-1] + ("1" if url.endswith("0") else "0")
        with pytest.raises(ConfigurationError, match="refuses the presigned URL") as refused:
            collect(self.connector(ceph, bucket, forged), None)
        assert url[-20:-4] not in f"{refused.value!r} {refused.value.as_dict()}"

    @pytest.mark.parametrize("url", ["", "no url", "https://elsewhere.example/b/a.csv?X-Amz-Expires=9"])
    def test_one_of_another_service_is_refused(self, ceph: RadosGateway, bucket: str, url: str) -> None:
        with pytest.raises(ConfigurationError, match="another service"):
            collect(self.connector(ceph, bucket, url), None)

    def test_a_plain_address_is_refused(self, ceph: RadosGateway, bucket: str) -> None:
        with pytest.raises(ConfigurationError, match="no presigned URL"):
            collect(self.connector(ceph, bucket, f"{ceph.address}/{bucket}/open/a.csv"), None)

    def test_a_refused_url_is_not_used_when_the_service_is_told_that_it_expired(
        self, ceph: RadosGateway, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The service's clock decides: here ours is behind, and the URL expired by that of the service."""
        fill(ceph, bucket, {"a.csv": b"1"})
        with monkeypatch.context() as past:
            past.setattr("minio.time.utcnow", lambda: datetime.now(UTC) - timedelta(minutes=10))
            url = Minio(
                ceph.address.removeprefix("http://"),
                ceph.access_key,
                ceph.secret_key,
                secure=False,
                region="x",
            ).presigned_get_object(bucket, "open/a.csv", expires=timedelta(minutes=5))
        behind = datetime.now(UTC) - timedelta(minutes=9)
        with pytest.raises(ConfigurationError, match="refuses the presigned URL"):
            collect(self.connector(ceph, bucket, url, clock=lambda: behind), None)


@pytest.mark.parametrize(
    ("endpoint", "options", "complaint"),
    [
        ("http://store.example/bucket", {}, "asked over https"),
        ("https://store.example/", {}, "is no bucket"),
        ("https://a:canary@store.example/bucket", {}, "keys do not belong"),
        ("/srv/folder", {}, "not the address"),
        ("https://store.example/bucket", {"path": "../a.csv"}, "option path"),
        ("https://store.example/bucket", {"presigned": "x", "path": "*.csv"}, "one object"),
        (
            "https://store.example/bucket",
            {"auth": {"access_key": "A B", "secret_key": "x"}},
            "auth.access_key",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(
    endpoint: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        collect(ObjectStoreConnector({"path": "a.csv", **options}, ConnectContext(endpoint)), None)
    assert "canary" not in str(refused.value)
