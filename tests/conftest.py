"""The server that tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.postgres import Postgres, gone, started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a process."""
    server = started()
    try:
        yield server
    finally:
        gone(server)
