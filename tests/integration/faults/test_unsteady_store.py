"""A store of snapshots that is down, slow, or fails every so many calls: an error, never a wrong object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from one_city import DATASET, two_days
from plain_state import differences, read_state
from pydantic import SecretStr

from shanhai.errors import StoreError
from shanhai.ingest.snapshot import pull
from shanhai.ingest.walk import check_step, load_step, stage_step
from shanhai.storage.s3 import S3Store
from shanhai.storage.s3_access import Access, Keys
from tests.support.servers.radosgw import RadosGateway
from tests.support.servers.unsteady import READS, WRITES, Call, Fault, Unsteady, every, steady

BITES: tuple[Fault, ...] = ("refused", "busy", "lost", "cut", "reset")
CONTENTS = {f"a/k{number}": bytes([65 + number]) * (1 << (4 * number + 4)) for number in range(4)}
STEPS = (
    lambda city: pull(city.node, DATASET),
    lambda city: stage_step(city.node, DATASET),
    lambda city: check_step(city.node, DATASET),
    lambda city: load_step(city.node, DATASET),
)


@pytest.fixture
def proxy(ceph: RadosGateway) -> Iterator[Unsteady]:
    with Unsteady(ceph.port, delay=0.4) as unsteady:
        yield unsteady


@pytest.fixture
def bucket(ceph: RadosGateway) -> str:
    return ceph.bucket()


def store(
    ceph: RadosGateway, proxy: Unsteady, bucket: str, scratch: Path, *, attempts: int = 2, timeout: float = 60
) -> S3Store:
    keys = Keys(SecretStr(ceph.access_key), SecretStr(ceph.secret_key), "secrets")
    address = f"http://127.0.0.1:{proxy.port}"
    access = Access(
        address, bucket, keys, attempts=attempts, timeout_seconds=timeout, sleep=lambda seconds: None
    )
    return S3Store(access, "p", scratch=scratch)


@pytest.mark.parametrize("methods", [READS | WRITES, READS, WRITES], ids=["any", "reads", "writes"])
@pytest.mark.parametrize("times", [2, 3, 5, 7])
def test_a_store_that_fails_every_few_calls_keeps_its_promises(
    ceph: RadosGateway, proxy: Unsteady, bucket: str, tmp_path: Path, times: int, methods: frozenset[str]
) -> None:
    kept = store(ceph, proxy, bucket, tmp_path)
    proxy.follow(every(times, BITES, methods))
    for key, content in CONTENTS.items():
        assert kept.put(key, [content], if_absent=True).created
        assert not kept.put(key, [b"another"], if_absent=True).created
    assert list(kept.list()) == list(CONTENTS)
    for key, content in CONTENTS.items():
        assert kept.stat(key).size == len(content)
        with kept.open(key) as stream:
            assert stream.read() == content
    kept.delete("a/k0")
    assert not kept.exists("a/k0")
    assert proxy.failed


@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_store_that_always_fails_is_an_error_that_a_retry_helps(
    ceph: RadosGateway, proxy: Unsteady, bucket: str, tmp_path: Path, fault: Fault
) -> None:
    # Slow is a store whose answers come after the caller's patience.
    kept = store(ceph, proxy, bucket, tmp_path, timeout=0.1 if fault == "late" else 60)
    proxy.follow(every(1, [fault]))
    for use in (lambda: kept.put("k", [b"x"]), lambda: kept.open("k"), lambda: list(kept.list())):
        with pytest.raises(StoreError) as failed:
            use()
        assert failed.value.recovery == "retry"
    proxy.follow(steady)
    fresh = store(ceph, proxy, bucket, tmp_path)
    assert list(fresh.list()) == []
    fresh.put("k", [b"x"])
    with fresh.open("k") as stream:
        assert stream.read() == b"x"


def test_a_store_that_is_slow_within_our_patience_is_waited_for(
    ceph: RadosGateway, proxy: Unsteady, bucket: str, tmp_path: Path
) -> None:
    proxy.follow(every(3, ["late"]))
    kept = store(ceph, proxy, bucket, tmp_path)
    assert kept.put("k", [b"x"], if_absent=True).created
    assert proxy.failed


@pytest.mark.parametrize(
    "faults", [BITES, *(pytest.param((one,), marks=pytest.mark.long, id=one) for one in BITES)]
)
def test_a_walk_whose_store_fails_at_each_call_in_turn_ends_as_any_other(
    ceph: RadosGateway,
    proxy: Unsteady,
    bucket: str,
    tmp_path: Path,
    faults: tuple[Fault, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clean = two_days(tmp_path / "clean")
    for step in STEPS:
        step(clean)
    for variable, value in {
        "SNAPSHOTS": f"s3://{bucket}/node",
        "S3_ENDPOINT": f"http://127.0.0.1:{proxy.port}",
        "SECRET_S3_ACCESS_KEY": ceph.access_key,
        "SECRET_S3_SECRET_KEY": ceph.secret_key,
        "HTTP_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(f"SHANHAI_{variable}", value)
    torn = two_days(tmp_path / "torn")
    for step in STEPS:
        for place in range(1, 200):
            failed = proxy.failed

            def at_this_call(call: Call, place: int = place) -> Fault | None:
                return faults[place % len(faults)] if call.number == place else None

            proxy.follow(at_this_call)
            try:
                step(torn)
            except StoreError:
                assert proxy.failed == failed + 1
                continue
            if proxy.failed == failed:
                break
        else:
            raise AssertionError("it fails without a cause")
    proxy.follow(steady)
    for one in (clean, torn):
        one.ledger()
    fetch(ceph, bucket, torn.root / "home" / "snapshots")
    state = read_state(clean.root / "home")
    assert len(state.nets) == 2
    assert differences(state, read_state(torn.root / "home")) == []


def fetch(ceph: RadosGateway, bucket: str, folder: Path) -> None:
    """The objects of a node as files, as the SDK gives them without the proxy."""
    for found in ceph.client().list_objects(bucket, prefix="node/", recursive=True):
        name = str(found.object_name)
        ceph.client().fget_object(bucket, name, str(folder / name.removeprefix("node/")))
