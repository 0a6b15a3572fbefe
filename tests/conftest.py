"""The servers that tests of several folders share, the order in which folders begin, and a log to hear."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.servers import radosgw
from tests.support.servers.postgres import Postgres, gone, started
from tests.support.servers.radosgw import RadosGateway

FIRST = (
    *("tests/e2e/", "tests/integration/crash/", "tests/integration/warehouse/", "tests/integration/faults/"),
    *("tests/real/", "tests/properties/", "tests/integration/", "tests/conformance/"),
)
"""Folders whose modules take longest begin, so that at the end no process is left alone with one of them."""
TOGETHER = (
    *("tests/integration/warehouse/", "tests/integration/crash/", "tests/real/"),
    "tests/integration/courier/test_adopt",
)
"""Modules that one process tests: dbt parses the marts once, what is killed is forked from one process that
has imported everything, the plain readers go through the real data once, and what is adopted was sent and
received once.
"""
APART = ("tests/e2e/test_killed_often.py",)
"""Modules whose tests share nothing and take long: each may go to another process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(item.nodeid))


def _turn(test: str) -> int:
    return next((turn for turn, folder in enumerate(FIRST) if test.startswith(folder)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process a module at a time, or a long test, in the order above."""
    from xdist.scheduler import LoadScopeScheduling

    class Modules(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            if module in APART:
                return nodeid
            return next((folder for folder in TOGETHER if module.startswith(folder)), module)

    config.option.loadscopereorder = False
    return Modules(config, log)


@pytest.fixture(autouse=True)
def _log_as_a_process_begins() -> None:
    """A verb that an earlier test called in this process took our log away, and made it say warnings only."""
    for package in ("shanhai", "connectors"):
        logger = logging.getLogger(package)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


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
