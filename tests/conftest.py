"""The servers that tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import radosgw
from tests.support.servers.postgres import Postgres, gone, started
from tests.support.servers.radosgw import RadosGateway


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a process."""
    server = started()
    try:
        yield server
    finally:
        gone(server)


@pytest.fixture(scope="module")
def ceph() -> Iterator[RadosGateway]:
    """A gateway to buckets for the tests of one module."""
    server = radosgw.started()
    try:
        yield server
    finally:
        radosgw.gone(server)
