"""A PostgreSQL that the tests of this folder share, and how its tables are pulled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.postgres import Postgres, gone, started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this session."""
    server = started()
    try:
        yield server
    finally:
        gone(server)
