"""Every object store keeps the promises of the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from shanhai.storage import LocalStore, MemoryStore, ObjectStore
from tests.conformance.object_store import ObjectStoreConformance


class TestMemoryStore(ObjectStoreConformance):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


class TestLocalStore(ObjectStoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return LocalStore(tmp_path / "store")
