"""The S3 store keeps the promises of the protocol in a real Ceph, whatever becomes of gateway and writer."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig
from pydantic import SecretStr

from shanhai.errors import ConfigurationError, DiskFullError, ShanhaiError, StoreError
from shanhai.storage.protocol import ObjectStore
from shanhai.storage.s3 import PART_BYTES, S3Store
from shanhai.storage.s3_access import Access, Keys
from tests.conformance.object_store import ObjectStoreConformance
from tests.support.servers.radosgw import RadosGateway

REPOSITORY = Path(__file__).resolve().parents[2]


def access(server: RadosGateway, bucket: str, **changes: object) -> Access:
    keys = Keys(
        SecretStr(server.access_key), SecretStr(server.secret_key), "secrets s3_access_key, s3_secret_key"
    )
    given = {"endpoint": server.address, "bucket": bucket, "keys": keys, "attempts": 3, "timeout_seconds": 60}
    return Access(**{**given, **changes})


class TestS3Store(ObjectStoreConformance):
    @pytest.fixture
    def store(self, ceph: RadosGateway, tmp_path: Path) -> ObjectStore:
        return S3Store(access(ceph, ceph.bucket()), "a/prefix", scratch=tmp_path / "scratch")


@pytest.fixture
def bucket(ceph: RadosGateway) -> str:
    return ceph.bucket()


@pytest.fixture
def store(ceph: RadosGateway, bucket: str, tmp_path: Path) -> S3Store:
    return S3Store(access(ceph, bucket), "p", scratch=tmp_path / "scratch")


def named(digest: str) -> str:
    return f"sha256/{digest}"


def large(parts: int = 3) -> Iterator[bytes]:
    for number in range(parts):
        yield bytes([number]) * PART_BYTES
    yield b"end"


def test_a_large_object_comes_back_as_it_was_in_bounded_memory(store: S3Store) -> None:
    tracemalloc.start()
    stored = store.put(named, large(6), if_absent=True)
    with store.local_path(stored.key) as path:
        assert hashlib.file_digest(path.open("rb"), "sha256").hexdigest() == stored.sha256
        assert path.stat().st_size == stored.size == 6 * PART_BYTES + 3
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * PART_BYTES
    assert not store.put(named, large(6), if_absent=True).created


def test_a_large_object_is_not_created_under_a_fixed_key(store: S3Store) -> None:
    with pytest.raises(ConfigurationError, match="too large to be created"):
        store.put("fixed", large(1), if_absent=True)
    assert store.put("fixed", large(1)).created


def test_the_gateway_is_restarted_in_the_middle_of_an_upload(
    ceph: RadosGateway, bucket: str, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = Minio._upload_part

    def restarting(client: Minio, *arguments: Any, **named: Any) -> str:
        sent.append(1)
        if len(sent) == 2:
            ceph.restart_gateway()
        return send(client, *arguments, **named)

    monkeypatch.setattr(Minio, "_upload_part", restarting)
    stored = store.put(named, large(), if_absent=True)
    assert stored.created
    assert len(sent) == 4
    with store.open(stored.key) as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == stored.sha256


def test_a_write_whose_answer_was_lost_is_known_as_our_own(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Minio._put_object

    def sent_again(client: Minio, *arguments: Any, **named: Any) -> Any:
        """As the connections do when the answer to a request that did its work does not arrive."""
        send(client, *arguments, **named)
        return send(client, *arguments, **named)

    monkeypatch.setattr(Minio, "_put_object", sent_again)
    assert store.put("k", [b"ours"], if_absent=True).created
    assert not store.put("k", [b"ours"], if_absent=True).created


def test_a_gateway_that_stays_away_is_worth_another_try(
    ceph: RadosGateway, bucket: str, store: S3Store
) -> None:
    store.put("before", [b"x"])
    ceph.stop_gateway()
    try:
        with pytest.raises(StoreError, match="cannot be reached") as refused:
            store.put("k", [b"content"])
    finally:
        ceph.start_gateway()
    assert refused.value.recovery == "retry"
    assert list(store.list()) == ["before"]
    assert store.put("k", [b"content"]).created


DYING = """
import os, signal, sys
from pathlib import Path
from minio import Minio
from pydantic import SecretStr
from shanhai.storage.s3 import PART_BYTES, S3Store
from shanhai.storage.s3_access import Access, Keys
address, bucket, access_key, scratch = sys.argv[1:]
keys = Keys(SecretStr(access_key), SecretStr(sys.stdin.readline().strip()), "keys")
store = S3Store(Access(address, bucket, keys), "p", scratch=Path(scratch))
send = Minio._upload_part
def dying(client, *arguments):
    if arguments[-1] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return send(client, *arguments)
Minio._upload_part = dying
store.put(lambda digest: f"sha256/{digest}", [b"x" * PART_BYTES] * 3, if_absent=True)
"""


def test_a_writer_that_is_killed_in_the_middle_leaves_no_object(
    ceph: RadosGateway, bucket: str, store: S3Store, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DYING, ceph.address, bucket, ceph.access_key, str(tmp_path / "scratch")]
    died = subprocess.run(command, input=ceph.secret_key, text=True, cwd=REPOSITORY, check=False)
    assert died.returncode == -signal.SIGKILL
    assert list(store.list()) == []
    assert len(list((tmp_path / "scratch" / ".incoming").iterdir())) == 1
    tomorrow = S3Store(
        access(ceph, bucket),
        "p",
        scratch=tmp_path / "scratch",
        clock=lambda: datetime.now(UTC) + timedelta(days=1, minutes=1),
    )
    assert list(store.abandoned_uploads()) == []
    ((name, _),) = tomorrow.abandoned_uploads()
    assert name.startswith("p/sha256/")
    stored = tomorrow.put(named, [b"x" * PART_BYTES] * 3, if_absent=True)
    assert stored.created
    assert list(tomorrow.abandoned_uploads()) == []
    assert list((tmp_path / "scratch" / ".incoming").iterdir()) == []
    with tomorrow.open(stored.key) as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == stored.sha256


def test_altered_bytes_are_found_when_they_are_read(ceph: RadosGateway, bucket: str, store: S3Store) -> None:
    store.put("k", [b"stored"])
    about = ceph.client().stat_object(bucket, "p/k").metadata or {}
    kept = {"sha256": about["x-amz-meta-sha256"]}
    ceph.client().put_object(bucket, "p/k", BytesIO(b"forged"), 6, metadata=dict(kept))
    with pytest.raises(StoreError, match="not those that were stored"):
        store.open("k")
    with pytest.raises(StoreError, match="not those that were stored"), store.local_path("k"):
        pass


def test_an_object_replaced_while_it_is_read_is_told(
    ceph: RadosGateway, bucket: str, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("k", [b"first"])
    stat = Minio.stat_object

    def replaced_after(client: Minio, *arguments: Any, **named: Any) -> Any:
        found = stat(client, *arguments, **named)
        ceph.client().put_object(bucket, "p/k", BytesIO(b"other"), 5)
        return found

    monkeypatch.setattr(Minio, "stat_object", replaced_after)
    with pytest.raises(StoreError, match="replaced while it was read"):
        store.open("k")


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.put("k", [b"x"]),
        lambda store: store.open("k"),
        lambda store: store.exists("k"),
        lambda store: list(store.list()),
        lambda store: store.delete("k"),
    ],
    ids=["put", "open", "exists", "list", "delete"],
)
class TestRefusals:
    def refused(self, access_given: Access, use: Callable[[S3Store], object], tmp_path: Path) -> ShanhaiError:
        with pytest.raises(ShanhaiError) as refused:
            use(S3Store(access_given, "p", scratch=tmp_path))
        assert access_given.keys is not None
        for secret in (access_given.keys.access_key, access_given.keys.secret_key):
            assert secret.get_secret_value() not in f"{refused.value!r} {refused.value.as_dict()}"
        assert refused.value.__cause__ is None
        return refused.value

    def test_wrong_secrets_are_named(
        self, ceph: RadosGateway, bucket: str, tmp_path: Path, use: Callable[[S3Store], object]
    ) -> None:
        for access_key, secret_key in ((ceph.access_key, "wrong" * 5), ("nobody" * 3, ceph.secret_key)):
            keys = Keys(SecretStr(access_key), SecretStr(secret_key), "secrets s3_access_key, s3_secret_key")
            error = self.refused(access(ceph, bucket, keys=keys), use, tmp_path)
            assert isinstance(error, ConfigurationError)
            assert "secrets s3_access_key, s3_secret_key" in str(error)

    def test_a_missing_bucket_is_named(
        self, ceph: RadosGateway, tmp_path: Path, use: Callable[[S3Store], object]
    ) -> None:
        error = self.refused(access(ceph, "no-such-bucket"), use, tmp_path)
        assert isinstance(error, ConfigurationError)
        assert "no such bucket" in str(error)
        assert "no-such-bucket" in str(error)

    def test_a_clock_that_is_wrong_is_told(
        self,
        ceph: RadosGateway,
        bucket: str,
        tmp_path: Path,
        use: Callable[[S3Store], object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("minio.time.utcnow", lambda: datetime.now(UTC) + timedelta(hours=1))
        error = self.refused(access(ceph, bucket), use, tmp_path)
        assert isinstance(error, ConfigurationError)
        assert "set the clock" in error.hint


def test_a_bucket_that_heeds_no_condition_is_refused(ceph: RadosGateway, bucket: str, store: S3Store) -> None:
    assert store.examine().endswith(f"{bucket}/p/")
    ceph.client().set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    with pytest.raises(ConfigurationError, match=r"overwritten .*without versioning"):
        store.put("k", [b"x"])
    assert list(store.list()) == []


def test_a_full_bucket_is_told(ceph: RadosGateway, bucket: str, store: S3Store) -> None:
    store.put("k1", [b"x"])
    for change in (["set", "--max-objects=1"], ["enable"]):
        ceph.admin("quota", *change, "--quota-scope=bucket", f"--bucket={bucket}")
    with pytest.raises(DiskFullError, match="is full") as refused:
        store.put("k2", [b"x"])
    assert refused.value.recovery == "retry"
    assert list(store.list()) == ["k1"]


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        ("http://store.example", "asked over https"),
        ("ftp://store.example", "not the address"),
        ("store.example", "not the address"),
        ("https://store.example/bucket", "not the address"),
        ("https://key:secret@store.example", "keys do not belong"),
    ],
)
def test_only_safe_addresses_are_asked(endpoint: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        S3Store(Access(endpoint, "bucket"), "", scratch=tmp_path)


def test_two_processes_race_for_one_key(ceph: RadosGateway, bucket: str, tmp_path: Path) -> None:
    program = (
        DYING.split("send =")[0] + "print(store.put('k', [sys.argv[4].encode()], if_absent=True).created)"
    )
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                program,
                ceph.address,
                bucket,
                ceph.access_key,
                str(tmp_path / str(number)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for number in range(2)
    ]
    told = [writer.communicate(ceph.secret_key)[0].strip() for writer in writers]
    assert sorted(told) == ["False", "True"]
    won = tmp_path / str(told.index("True"))
    assert ceph.client().get_object(bucket, "p/k").data.decode() == str(won)
